//! S5: a batch of voters' petitions decoded into canonical messages, checked and all, against libxml2 that only builds a
//! tree of the same bytes. In process, on one thread; the reference is a small program in C, compiled here.

use std::{
    fmt::Write,
    hint::black_box,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use bytes::Bytes;
use channel_sdk::{
    Adapter,
    adapter::{Entrance, RawMessage, Settings},
};
use petition_gateway::adapters::KINDS;
use serde_json::json;

use super::Bench;
use crate::outcome::{Goal, Outcome, median};

/// Petitions of the batch: a delegation sends some hundred after a session.
const ITEMS: usize = 500;
/// How long each side decodes in each round, before the scale.
const MILLISECONDS: u64 = 2_000;

pub(crate) fn run(bench: &Bench<'_>) -> Vec<Outcome> {
    let lasting = Duration::from_millis(bench.options.scaled(MILLISECONDS, 100));
    let kinds = [("national-assembly", "kien-nghi", batch()), ("government-portal", "pakn", page())];
    kinds.into_iter().filter_map(|(kind, route, text)| measure(bench, kind, route, &text, lasting)).collect()
}

fn measure(bench: &Bench<'_>, kind: &str, route: &str, text: &str, lasting: Duration) -> Option<Outcome> {
    let folder = bench.fresh("decode");
    let file = folder.join("message.xml");
    std::fs::write(&file, text).unwrap();
    let Some(reference) = compiled(&folder) else {
        bench.note("S5 is left out: its reference needs `cc` and libxml2 with its headers");
        return None;
    };
    let (adapter, raw) = (adapter(kind), message(route, text));
    let (mut trees, mut decoded) = (Vec::new(), Vec::new());
    for round in 0..bench.options.rounds {
        trees.push(tree(&reference, &file, lasting));
        decoded.push(decode(&*adapter, &raw, lasting));
        let (tree, ours) = (trees.last().unwrap(), decoded.last().unwrap());
        bench.note(&format!("S5 {kind} round {round}: libxml2 {tree:.1} MB/s, decoded {ours:.1} MB/s"));
    }
    let (trees, decoded) = (median(trees), median(decoded));
    Some(Outcome {
        row: "S5",
        what: format!("{kind}: {ITEMS} petitions in {} KB of XML decoded", text.len() / 1000),
        reference: format!("{trees:.0} MB/s, libxml2's tree"),
        measured: format!("{decoded:.0} MB/s"),
        value: decoded / trees,
        goal: Goal::AtLeast(2.0),
        more: json!({"kind": kind, "bytes": text.len()}),
    })
}

fn adapter(name: &str) -> std::sync::Arc<dyn Adapter> {
    let kind = KINDS.iter().find(|kind| kind.name == name).unwrap();
    let dialect = kind.default_dialect.to_owned();
    let settings = Settings { agency: "000.00.00.G07".to_owned(), table: toml::Table::new(), dialect };
    (kind.build)(settings).unwrap_or_else(|_| panic!("the kind's own settings are right"))
}

fn message(route: &str, text: &str) -> RawMessage {
    RawMessage {
        entrance: Entrance::Pull,
        route: route.to_owned(),
        content_type: "application/xml; charset=utf-8".to_owned(),
        received_at: "2019-12-06T10:00:00Z".parse().unwrap(),
        body: Bytes::copy_from_slice(text.as_bytes()),
    }
}

/// MB a second.
fn decode(adapter: &dyn Adapter, raw: &RawMessage, lasting: Duration) -> f64 {
    let first = adapter.decode(raw).unwrap_or_else(|faults| panic!("the message can be read: {faults:?}"));
    assert_eq!(first.items.len(), ITEMS, "every petition is an item");
    let refused = first.items.iter().find_map(|item| item.message.as_ref().err());
    assert!(refused.is_none(), "every item can be read: {refused:?}");
    let (begun, mut rounds) = (Instant::now(), 0);
    while begun.elapsed() < lasting {
        drop(black_box(adapter.decode(raw)));
        rounds += 1;
    }
    (raw.body.len() * rounds) as f64 / begun.elapsed().as_secs_f64() / 1e6
}

/// The program of the reference; `None` where it cannot be compiled.
fn compiled(folder: &Path) -> Option<PathBuf> {
    let (source, program) = (folder.join("libxml2.c"), folder.join("libxml2"));
    std::fs::write(&source, include_str!("libxml2.c")).unwrap();
    let mut cc = Command::new("cc");
    cc.args(["-O2", "-I/usr/include/libxml2", "-o"]).arg(&program).arg(&source).arg("-lxml2");
    cc.status().ok().filter(std::process::ExitStatus::success).map(|_| program)
}

fn tree(program: &Path, file: &Path, lasting: Duration) -> f64 {
    let said = Command::new(program).arg(file).arg(lasting.as_secs_f64().to_string()).output().unwrap();
    assert!(said.status.success(), "libxml2 reads the message");
    String::from_utf8(said.stdout).unwrap().trim().parse::<f64>().unwrap() / 1e6
}

const BODY: &str = "Cử tri đề nghị Bộ xem xét, nâng mức trợ cấp đối với người có công &amp; thân nhân; sớm trả lời. ";

/// A batch of the Assembly.
fn batch() -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DanhSachKienNghi xmlns=\"urn:petition-gateway:voter-petitions:1\" \
         khoa=\"XIV\" kyHop=\"8\" thoiDiem=\"truoc\" soVanBan=\"485/BDN\" ngayVanBan=\"2019-11-29\" \
         coQuanChuyen=\"Ban Dân nguyện\" coQuanNhan=\"000.00.00.G07\" ",
    );
    writeln!(text, "tongSo=\"{ITEMS}\">").unwrap();
    for number in 0..ITEMS {
        writeln!(
            text,
            "  <KienNghi ma=\"KN-8-{number}\" phienBan=\"1\">\n    <DoanDBQH ma=\"01\" ten=\"Đoàn đại biểu Quốc hội thành \
             phố Hà Nội\"/>\n    <CuTri diaBan=\"01\">cử tri</CuTri>\n    <LinhVuc ma=\"NCC\">Người có công</LinhVuc>\n    \
             <NoiDung>{}</NoiDung>\n    <DaiBieu></DaiBieu>\n    <HanTraLoi>2020-02-15</HanTraLoi>\n  </KienNghi>",
            BODY.repeat(8)
        )
        .unwrap();
    }
    text + "</DanhSachKienNghi>\n"
}

/// A page of the portal in XML.
fn page() -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<DanhSachPAKN>\n");
    for number in 0..ITEMS {
        writeln!(
            text,
            "  <PAKN>\n    <maPAKN>PAKN-2019-{number:07}</maPAKN>\n    <phienBan>1</phienBan>\n    <loaiPAKN>3</loaiPAKN>\n\
             \x20   <tieuDe>Hỏi về điều kiện hưởng trợ cấp</tieuDe>\n    <noiDung>{}</noiDung>\n    <linhVuc><ma>BHTN</ma>\
             <ten>Bảo hiểm thất nghiệp</ten></linhVuc>\n    <nguoiGui><loai>1</loai><hoTen>Trần Thị B</hoTen>\
             <maTinh>01</maTinh><anDanh>false</anDanh></nguoiGui>\n    <coQuanTiepNhan>000.00.00.G07</coQuanTiepNhan>\n    \
             <ngayGui>2019-12-06T09:15:00+07:00</ngayGui>\n    <trangThai>02</trangThai>\n    <congKhai>true</congKhai>\n\
             \x20 </PAKN>",
            BODY.repeat(8)
        )
        .unwrap();
    }
    text + "  <conNua>false</conNua>\n</DanhSachPAKN>\n"
}
