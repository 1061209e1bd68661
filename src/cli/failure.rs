//! Why a command did not do what it was told, for people and for programs, and the exit codes.
//!
//! The only place of the command line that knows gRPC's codes and reads the rich details of a refusal.

use std::{io, path::PathBuf, process::ExitCode};

use serde_json::{Map, Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt;
use uuid::Uuid;

use super::{
    output::Output,
    reading::Wrong,
    words::{self, Lang, Said, said},
};

/// How the process ends. The numbers above 63 are those of `sysexits.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The gateway refused, and says why; `migrate --check` found something to do.
    Refused = 1,
    /// The command line, or a file that it names, is wrong.
    Usage = 2,
    /// The gateway's configuration is wrong.
    Config = 64,
    /// What is kept is not what it was or must be; two stores, or our books and a far side's, differ.
    Damaged = 65,
    /// No gateway answers there, or it is shutting down; for the gateway itself: the store or an address cannot be had.
    Unavailable = 69,
    /// A defect of the gateway or of this program.
    Internal = 70,
    /// Not now, or not known whether it was done: the same again, later.
    TryAgain = 75,
    /// Not known to the gateway, or not allowed.
    NotPermitted = 77,
}

/// The exit codes as `--help` tells them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes (mã thoát):
   0  done (xong)
   1  the gateway refused; the reason is told (cổng từ chối); migrate --check: there is something to do
   2  the command line or a file it names is wrong (sai lệnh hoặc tệp)
  64  the configuration is wrong (sai cấu hình)
  65  what is kept is damaged, or two stores differ; it is listed (dữ liệu đã lưu bị hỏng hoặc khác nhau);
      channel reconcile: differences remain (còn sai lệch)
  69  no gateway answers at the address, or it is shutting down; serve, migrate, store, blobs: the store,
      the attachments or an address cannot be had (không kết nối được)
  70  a defect of the gateway or of this program (lỗi bên trong)
  75  try again later, with the same --request-id (thử lại sau)
  77  the certificate is not known or its roles do not allow it (không có quyền)";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// Why a command did not do what it was told.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A call ended with a status.
    Call {
        /// What the gateway said.
        status: Box<Status>,
        /// The intent to repeat, for a call that changes something.
        request_id: Option<Uuid>,
    },
    /// No connection to the gateway.
    Unreachable {
        /// Where it was looked for.
        address: String,
        /// Why there is none.
        source: tonic::transport::Error,
    },
    /// The command line is wrong in a way that its parser does not see.
    Usage(Said),
    /// A file that the command line names cannot be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file does not say what it should.
    Content {
        /// The file.
        path: PathBuf,
        /// Everything that is wrong with it.
        wrongs: Vec<Wrong>,
    },
    /// Something ended otherwise than it should, and this tells it.
    Ended(Exit, Said),
    /// The result tells it already.
    Told(Exit),
    /// Standard output cannot be written.
    Output(io::Error),
}

impl Failure {
    /// A call that only reads was refused.
    pub(crate) fn read(status: Status) -> Failure {
        Failure::Call { status: Box::new(status), request_id: None }
    }

    /// A call that changes something was refused.
    pub(crate) fn change(request_id: Uuid) -> impl FnOnce(Status) -> Failure {
        move |status| Failure::Call { status: Box::new(status), request_id: Some(request_id) }
    }

    /// A file cannot be read or written.
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(io::Error) -> Failure {
        move |source| Failure::File { path: path.to_owned(), source }
    }

    /// How the process ends.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Call { status, .. } => exit_of(status),
            Failure::Unreachable { .. } => Exit::Unavailable,
            Failure::Usage(_) | Failure::File { .. } | Failure::Content { .. } => Exit::Usage,
            Failure::Ended(exit, _) | Failure::Told(exit) => *exit,
            Failure::Output(_) => Exit::Internal,
        }
    }

    /// Tells it on standard error and says how the process ends. A reader that went away is no failure.
    pub(crate) fn tell(&self, output: Output) -> ExitCode {
        match self {
            Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => return ExitCode::SUCCESS,
            Failure::Told(_) => {}
            _ if output.json => output.complain(&self.json().to_string()),
            _ => output.complain(&self.page(output.lang)),
        }
        self.exit().into()
    }

    /// `{"error": …}`: `exit_code` and `message` always, the rest where there is something to tell.
    fn json(&self) -> Value {
        let mut error = Map::new();
        error.insert("exit_code".to_owned(), json!(self.exit() as u8));
        match self {
            Failure::Call { status, request_id } => refusal_json(status, *request_id, &mut error),
            _ => {
                error.insert("message".to_owned(), json!(self.sentence().in_lang(Lang::En)));
            }
        }
        if let Failure::Content { wrongs, .. } = self {
            let fields = wrongs.iter().map(|it| json!({"field": it.place, "description": it.what.in_lang(Lang::En)}));
            error.insert("fields".to_owned(), fields.collect());
        }
        json!({ "error": error })
    }

    fn page(&self, lang: Lang) -> String {
        let head = Said::of("lỗi".to_owned(), "error".to_owned());
        let mut lines = vec![format!("{}: {}", head.in_lang(lang), self.sentence().in_lang(lang))];
        match self {
            Failure::Call { status, request_id } => refusal_lines(status, *request_id, lang, &mut lines),
            Failure::Content { wrongs, .. } => {
                lines.extend(wrongs.iter().map(|it| format!("  {}", it.line(lang))));
            }
            _ => {}
        }
        lines.join("\n")
    }

    fn sentence(&self) -> Said {
        match self {
            Failure::Call { status, .. } => refusal_sentence(status),
            Failure::Unreachable { address, source } => {
                let cause = causes(source);
                said!("không kết nối được với cổng tại {address}: {cause}", "no gateway answers at {address}: {cause}")
            }
            Failure::Usage(said) | Failure::Ended(_, said) => said.clone(),
            Failure::File { path, source } => {
                let (path, kind) = (path.display(), source.kind());
                said!("không đọc hoặc ghi được {path}: {kind}", "{path} cannot be read or written: {kind}")
            }
            Failure::Content { path, .. } => {
                let path = path.display();
                said!("nội dung của {path} sai", "{path} does not say what it should")
            }
            Failure::Told(_) => said!("xem kết quả", "see the result"),
            Failure::Output(error) => {
                let kind = error.kind();
                said!("không ghi được kết quả: {kind}", "the result cannot be written: {kind}")
            }
        }
    }
}

fn exit_of(status: &Status) -> Exit {
    match status.code() {
        Code::Unavailable => Exit::Unavailable,
        // Without a reason of the gateway's own this comes from the connection, for example when the other side refused our
        // certificate after the handshake.
        Code::Unknown | Code::Internal | Code::Cancelled if is_broken_connection(status) => Exit::Unavailable,
        Code::Unknown | Code::Internal | Code::DataLoss => Exit::Internal,
        Code::Unauthenticated | Code::PermissionDenied => Exit::NotPermitted,
        Code::DeadlineExceeded | Code::Cancelled => Exit::TryAgain,
        Code::ResourceExhausted if status.get_details_retry_info().is_some() => Exit::TryAgain,
        _ => Exit::Refused,
    }
}

/// Whether the connection broke; our own time-out also has a source, and is none of it.
fn is_broken_connection(status: &Status) -> bool {
    let source = std::error::Error::source(status);
    status.get_details_error_info().is_none() && source.is_some_and(|it| it.is::<tonic::transport::Error>())
}

fn is_transport(status: &Status) -> bool {
    std::error::Error::source(status).is_some()
}

fn refusal_sentence(status: &Status) -> Said {
    let reason = status.get_details_error_info().map(|info| info.reason).unwrap_or_default();
    if let Some(known) = words::reason(&reason) {
        return known;
    }
    let message = status.message();
    match status.code() {
        Code::DeadlineExceeded | Code::Cancelled => said!(
            "hết thời gian chờ; chưa biết việc đã được ghi hay chưa",
            "time is up; whether it was done is not known"
        ),
        Code::Unavailable => said!("không kết nối được với cổng: {message}", "the gateway is unavailable: {message}"),
        Code::Unimplemented => said!("cổng không có chức năng này", "the gateway does not know this call"),
        _ if is_transport(status) => {
            let cause = causes(status);
            said!(
                "kết nối bị ngắt (chứng thư có đúng không?): {cause}",
                "the connection broke (is the certificate right?): {cause}"
            )
        }
        _ => said!("cổng từ chối: {message}", "the gateway refused: {message}"),
    }
}

fn refusal_lines(status: &Status, request_id: Option<Uuid>, lang: Lang, lines: &mut Vec<String>) {
    let details = status.get_error_details();
    let mut say = |said: Said| lines.push(format!("  {}", said.in_lang(lang)));
    if let Some(info) = details.error_info() {
        let (reason, message) = (&info.reason, status.message());
        say(said!("mã lỗi {reason}: {message}", "reason {reason}: {message}"));
        let mut metadata = info.metadata.iter().collect::<Vec<_>>();
        metadata.sort();
        for (key, value) in metadata {
            say(said!("{key} = {value}", "{key} = {value}"));
        }
    }
    for violation in details.bad_request().into_iter().flat_map(|bad| &bad.field_violations) {
        let (field, description) = (&violation.field, &violation.description);
        say(said!("trường {field}: {description}", "field {field}: {description}"));
    }
    if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
        let seconds = delay.as_secs_f64();
        say(said!("thử lại sau {seconds} giây", "try again after {seconds} s"));
    }
    if let Some(id) = request_id.filter(|_| matches!(exit_of(status), Exit::TryAgain | Exit::Unavailable)) {
        say(said!("lặp lại đúng việc này: --request-id {id}", "to repeat this very intent: --request-id {id}"));
    }
}

fn refusal_json(status: &Status, request_id: Option<Uuid>, error: &mut Map<String, Value>) {
    let details = status.get_error_details();
    let code = format!("{:?}", status.code());
    let mut insert = |name: &str, value: Value| error.insert(name.to_owned(), value);
    insert("code", json!(snake(&code)));
    insert("message", json!(status.message()));
    if let Some(info) = details.error_info() {
        let metadata = info.metadata.iter().collect::<std::collections::BTreeMap<_, _>>();
        insert("reason", json!(info.reason));
        insert("metadata", json!(metadata));
    }
    if let Some(bad) = details.bad_request() {
        let fields = bad.field_violations.iter().map(|it| json!({"field": it.field, "description": it.description}));
        insert("fields", fields.collect());
    }
    if let Some(delay) = details.retry_info().and_then(|info| info.retry_delay) {
        insert("retry_after_seconds", json!(delay.as_secs_f64()));
    }
    if let Some(id) = request_id {
        insert("request_id", json!(id));
    }
}

/// `FailedPrecondition` as `failed_precondition`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// The whole chain of causes, each once: the outermost alone ("transport error") helps nobody.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut told = Vec::<String>::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if !text.is_empty() && !told.iter().any(|it| it.contains(&text)) {
            told.push(text);
        }
        next = error.source();
    }
    told.join(": ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tonic_types::ErrorDetails;

    use super::*;

    fn refused() -> Failure {
        let mut details = ErrorDetails::new();
        details.set_error_info("INVALID_REQUEST", "petition-gateway", [("b".to_owned(), "2".to_owned())]);
        details.add_bad_request_violation("petition.kind", "phải có");
        let status = Status::with_error_details(Code::InvalidArgument, "1 field", details);
        Failure::change(Uuid::nil())(status)
    }

    #[test]
    fn a_refusal_tells_reason_fields_and_what_would_be_right() {
        assert_eq!(
            refused().page(Lang::Vi),
            "lỗi: yêu cầu sai\n  mã lỗi INVALID_REQUEST: 1 field\n  b = 2\n  trường petition.kind: phải có"
        );
        assert_eq!(
            refused().json()["error"],
            json!({
                "exit_code": 1, "code": "invalid_argument", "message": "1 field", "reason": "INVALID_REQUEST",
                "metadata": {"b": "2"}, "fields": [{"field": "petition.kind", "description": "phải có"}],
                "request_id": "00000000-0000-0000-0000-000000000000",
            })
        );
    }

    #[test]
    fn an_overloaded_gateway_is_tried_again_with_the_same_intent() {
        let mut details = ErrorDetails::new();
        details.set_error_info("OVERLOADED", "petition-gateway", [] as [(String, String); 0]);
        details.set_retry_info(Some(Duration::from_millis(1500)));
        let status = Status::with_error_details(Code::ResourceExhausted, "busy", details);
        let failure = Failure::change(Uuid::nil())(status);
        assert_eq!(failure.exit(), Exit::TryAgain);
        let page = failure.page(Lang::En);
        assert!(page.contains("try again after 1.5 s") && page.contains("--request-id 0000"), "{page}");
    }

    #[test]
    fn codes_become_exit_codes() {
        let exit = |code| Failure::read(Status::new(code, "")).exit();
        assert_eq!(exit(Code::NotFound), Exit::Refused);
        assert_eq!(exit(Code::FailedPrecondition), Exit::Refused);
        assert_eq!(exit(Code::ResourceExhausted), Exit::Refused);
        assert_eq!(exit(Code::Unavailable), Exit::Unavailable);
        assert_eq!(exit(Code::Internal), Exit::Internal);
        assert_eq!(exit(Code::DeadlineExceeded), Exit::TryAgain);
        assert_eq!(exit(Code::PermissionDenied), Exit::NotPermitted);
        assert_eq!(exit(Code::Unauthenticated), Exit::NotPermitted);
    }
}
