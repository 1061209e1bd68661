//! What is told at the end of a copy or a comparison: the tables, what to do next, or why it could not be done.

use indicatif::HumanCount;
use petition_gateway::store::{
    OpenError, StoreError,
    copy::{CopyError, Report, Sum, TableReport},
};
use serde_json::{Value, json};

use crate::cli::{
    failure::{Exit, Failure, causes},
    output::Output,
    words::{Said, said},
};

/// Hexadecimal digits of a SHA-256 that people compare; programs are given all of it.
const DIGITS: usize = 16;

/// Tells every table.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn report(report: &Report, output: Output) -> Result<(), Failure> {
    if output.json {
        return output.record(&record(report));
    }
    let headings = [
        said!("Bảng", "Table"),
        said!("Số dòng", "Rows"),
        Said::of("SHA-256".to_owned(), "SHA-256".to_owned()),
        said!("Giống nhau", "Equal"),
    ];
    let headings = headings.map(|it| it.in_lang(output.lang).to_owned());
    output.table(headings.into(), report.tables.iter().map(|table| row(table, output)).collect())?;
    let Report { from, to, unfindable, .. } = report;
    let count = report.tables.iter().filter(|table| !table.is_equal()).count();
    output.say(&match count {
        0 => {
            let rows = HumanCount(report.rows());
            said!("{from} và {to} giống nhau: {rows} dòng", "{from} and {to} hold the same: {rows} rows")
        }
        _ => said!("{from} và {to} khác nhau ở {count} bảng", "{from} and {to} differ in {count} table(s)"),
    })?;
    if *unfindable > 0 {
        output.note(&said!(
            "{unfindable} phản ánh, kiến nghị của {to} không tìm được theo từ",
            "{unfindable} petition(s) of {to} are not found by their words: their documents cannot be read, or the \
             full text is not whole"
        ));
    }
    Ok(())
}

fn record(report: &Report) -> Value {
    let sum = |sum: &Sum| json!({"rows": sum.rows, "sha256": hex::encode(sum.sha256)});
    let tables = report.tables.iter().map(|table| {
        json!({"table": table.table, "from": sum(&table.from), "to": sum(&table.to), "equal": table.is_equal()})
    });
    json!({
        "from": report.from,
        "to": report.to,
        "equal": report.is_equal(),
        "rows": report.rows(),
        "rows_before": report.rows_before,
        "unfindable_petitions": report.unfindable,
        "tables": tables.collect::<Vec<_>>(),
    })
}

fn row(table: &TableReport, output: Output) -> Vec<String> {
    let both = |of: fn(&Sum) -> String| {
        let (from, to) = (of(&table.from), of(&table.to));
        if from == to { from } else { format!("{from} ≠ {to}") }
    };
    let equal = if table.is_equal() { said!("có", "yes") } else { said!("KHÔNG", "NO") };
    vec![
        table.table.to_owned(),
        both(|sum| HumanCount(sum.rows).to_string()),
        both(|sum| hex::encode(sum.sha256)[..DIGITS].to_owned()),
        equal.in_lang(output.lang).to_owned(),
    ]
}

/// What to do after a copy.
///
/// # Errors
/// Standard output cannot be written.
pub(super) fn next(report: &Report, output: Output) -> Result<(), Failure> {
    if output.json {
        return Ok(());
    }
    let Report { from, to, .. } = report;
    output.say(&said!(
        "Việc tiếp theo:\n  \
         1. Đặt store.url (và mật khẩu, TLS nếu cần) trong cấu hình của cổng để dùng {to}.\n  \
         2. Tệp đính kèm nằm ngoài kho: chuyển bằng `petition-gateway blobs copy` nếu chúng cũng đổi chỗ.\n  \
         3. Khởi động cổng với cấu hình mới. Không bao giờ chạy lại cổng trên {from}: hai kho sẽ khác nhau.\n  \
         4. Giữ {from} đến khi {to} đã được sao lưu.",
        "What to do next:\n  \
         1. Set store.url (and password and TLS, where they are needed) in the gateway's configuration, to use {to}.\n  \
         2. Attachments are not in the store: `petition-gateway blobs copy` moves them, if they move as well.\n  \
         3. Start the gateway with the new configuration. Never run one on {from} again: the two would part.\n  \
         4. Keep {from} until {to} has been backed up."
    ))
}

/// A copy or a comparison that could not be done.
pub(super) fn failure(error: &CopyError) -> Failure {
    Failure::Ended(exit(error), sentence(error))
}

fn exit(error: &CopyError) -> Exit {
    match error {
        CopyError::Same(_) => Exit::Usage,
        CopyError::NotEmpty { .. } | CopyError::Unfinished { .. } | CopyError::OfAnother { .. } => Exit::Refused,
        CopyError::Overtaken(_) | CopyError::Changed(_) => Exit::TryAgain,
        CopyError::Missing(_)
        | CopyError::InUse { .. }
        | CopyError::Open(_)
        | CopyError::Store { source: StoreError::Unavailable(_) | StoreError::Full | StoreError::Unknown, .. } => {
            Exit::Unavailable
        }
        CopyError::Store { .. } => Exit::Internal,
    }
}

fn sentence(error: &CopyError) -> Said {
    match error {
        CopyError::Same(store) => said!(
            "nguồn và đích là cùng một kho: {store} (biến môi trường PETITION_GATEWAY_STORE_URL thay cho store.url của mọi cấu hình)",
            "both are the same store: {store} (the environment's PETITION_GATEWAY_STORE_URL stands before any configuration's store.url)"
        ),
        CopyError::Missing(store) => said!("không có kho dữ liệu {store}", "there is no store {store}"),
        CopyError::InUse { store, gateways, seconds } => said!(
            "{gateways} cổng đang chạy trên {store}: dừng trước; cổng bị ngắt đột ngột còn được tính thêm {seconds} giây",
            "{gateways} gateway(s) run on {store}: stop them first; one that was killed counts for {seconds} s more"
        ),
        CopyError::NotEmpty { store, table } => said!(
            "{store} không trống (bảng {table}): chỉ sao chép vào kho trống; để so sánh, dùng `store compare`",
            "{store} is not empty (table {table}): only an empty store is filled; `store compare` tells whether they are the same"
        ),
        CopyError::Unfinished { store, source_name } => said!(
            "{store} là bản sao dở dang của {source_name}: hoàn tất bản sao đó trước",
            "{store} is itself an unfinished copy of {source_name}: finish that first"
        ),
        CopyError::OfAnother { store, source_name, wanted } => said!(
            "{store} chứa bản sao dở dang của {source_name} lúc đó, không phải của {wanted} lúc này; thêm --start-over để làm lại từ đầu",
            "{store} holds an unfinished copy of {source_name} as it was then, not of {wanted} as it is now; --start-over throws it away and begins anew"
        ),
        CopyError::Overtaken(store) => {
            said!("một lệnh sao chép khác đang ghi vào {store}", "another copy is at work on {store}")
        }
        CopyError::Changed(store) => said!(
            "{store} đã thay đổi trong khi đọc: có ai đó đang ghi vào",
            "{store} has changed while it was read: somebody writes to it"
        ),
        CopyError::Open(error) => opening(error),
        CopyError::Store { store, source } => {
            let cause = causes(source);
            said!(
                "{store}: {cause}; chạy lại đúng lệnh này để làm tiếp từ chỗ dừng",
                "{store}: {cause}; the same command goes on where it stopped"
            )
        }
    }
}

fn opening(error: &OpenError) -> Said {
    let cause = causes(error);
    said!("không mở được kho dữ liệu: {cause}", "the store cannot be opened: {cause}")
}
