//! What a dialect promises, by example; the properties stand in `tests/properties.rs`.

use super::*;
use crate::{
    fault::FaultCode,
    json,
    tree::{Limits, Node},
    xml,
};

const PORTAL: &str = r#"
[constants]
namespace = "urn:example:1"
[paths]
answer = "/api/v1/pakn/{ma}/tra-loi"
[maps.petition]
external_id = { at = "maPAKN", as = "text", required = true, chars_max = 20 }
revision = { at = "phienBan", as = "integer", min = 0, default = 0 }
kind = { at = "loaiPAKN", as = "code", codes = "kinds", required = true }
subject = { at = "tieuDe", as = "text", chars_max = 10 }
sent_at = { at = "ngayGui", as = "timestamp" }
due_on = { at = "hanXuLy", as = "date", formats = ["%Y-%m-%d", "%d/%m/%Y"] }
public = { at = "congKhai", as = "boolean", default = false }
"field.code" = { at = "linhVuc.ma", as = "text" }
petitioner.full_name = { at = "nguoiGui.hoTen", as = "text", null = true }
petitioner.kind = { at = "nguoiGui.loai", as = "code", codes = "petitioners" }
attachments = { at = "tepDinhKem", as = "list", map = "attachment" }
[maps.attachment]
remote_id = { at = "maTep", as = "text" }
name = { at = "tenTep", as = "text", required = true }
[codes.kinds]
"3" = "policy_question"
"1" = "feedback"
"9" = "feedback"
[codes.petitioners]
"1" = "citizen"
options = { unknown = "keep" }
"#;

const ASSEMBLY: &str = r#"
[maps.petition]
external_id = { at = "@ma", as = "text", required = true }
"assembly.delegation.code" = { at = "DoanDBQH@ma", as = "text", required = true }
"assembly.delegation.name" = { at = "DoanDBQH", as = "text" }
body = { at = "NoiDung", as = "text", required = true }
due_on = { at = "HanTraLoi", as = "date" }
attachments = { at = "TepDinhKem.Tep", as = "list", map = "attachment" }
answered = { at = "Ma", as = "list", of = "text" }
[maps.attachment]
name = { at = "@ten", as = "text", required = true }
content = { at = ".", as = "text" }
"#;

fn read_json(text: &str) -> Reading {
    let dialect = Dialect::parse(PORTAL).unwrap();
    dialect.map("petition").unwrap().take(json::read(text.as_bytes(), &Limits::default()).unwrap())
}

fn read_xml(text: &str) -> Reading {
    let dialect = Dialect::parse(ASSEMBLY).unwrap();
    dialect.map("petition").unwrap().take(xml::read(text.as_bytes(), &Limits::default()).unwrap())
}

/// Code and place of each fault.
fn told(reading: &Reading) -> Vec<(FaultCode, &str)> {
    reading.faults.iter().map(|it| (it.code, it.place.as_str())).collect()
}

#[test]
fn a_json_object_becomes_a_record_and_what_no_rule_reads_an_extension() {
    let reading = read_json(
        r#"{"maPAKN": "P-1", "loaiPAKN": 3, "tieuDe": " Hỏi\u00a0", "ngayGui": "2019-12-06T09:15:00", "hanXuLy": "27/12/2019",
            "linhVuc": {"ma": "BHTN", "ten": "Bảo hiểm"}, "nguoiGui": {"hoTen": "Trần Thị B", "loai": "7", "la": null},
            "tepDinhKem": [{"maTep": "f-1", "tenTep": "đơn.pdf", "trang": [1, 2]}], "uuTien": true, "trong": ""}"#,
    );
    assert_eq!(reading.faults, []);
    let record = &reading.record;
    assert_eq!(record.text("external_id"), Some("P-1"));
    assert_eq!(record.integer("revision"), Some(0));
    assert_eq!(record.code("kind"), Some("policy_question"));
    assert_eq!(record.text("subject"), Some(" Hỏi\u{a0}"));
    assert_eq!(record.timestamp("sent_at"), Some("2019-12-06T02:15:00Z".parse().unwrap()));
    assert_eq!(record.date("due_on"), Some(jiff::civil::date(2019, 12, 27)));
    assert_eq!(record.boolean("public"), Some(false));
    assert_eq!(record.text("petitioner.full_name"), Some("Trần Thị B"));
    assert_eq!(record.record("field").and_then(|it| it.text("code")), Some("BHTN"));
    assert_eq!(record.list("attachments")[0].as_record().unwrap().text("name"), Some("đơn.pdf"));
    let extensions: Vec<_> = reading.extensions.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    assert_eq!(
        extensions,
        [
            ("linhVuc.ten", "Bảo hiểm"),
            ("nguoiGui.loai", "7"),
            ("tepDinhKem[0].trang[0]", "1"),
            ("tepDinhKem[0].trang[1]", "2"),
            ("uuTien", "true"),
        ]
    );
}

#[test]
fn every_fault_of_an_item_is_told_at_once_with_its_place_and_never_with_a_value() {
    let reading = read_json(
        r#"{"maPAKN": "  ", "phienBan": -4, "loaiPAKN": "bí mật", "tieuDe": "bí mật bí mật", "ngayGui": "2019-02-30T09:15:00",
            "hanXuLy": "2019-02-30", "congKhai": "bí mật", "linhVuc": ["bí mật"], "nguoiGui": {"hoTen": {"bí mật": 1}},
            "tepDinhKem": [null, {"maTep": "bí mật"}]}"#,
    );
    let mut told = told(&reading);
    told.sort();
    assert_eq!(
        told,
        [
            (FaultCode::TooLarge, "tieuDe"),
            (FaultCode::Missing, "maPAKN"),
            (FaultCode::Missing, "tepDinhKem[1].tenTep"),
            (FaultCode::Format, "congKhai"),
            (FaultCode::Format, "hanXuLy"),
            (FaultCode::Format, "linhVuc"),
            (FaultCode::Format, "ngayGui"),
            (FaultCode::Format, "nguoiGui.hoTen"),
            (FaultCode::Format, "phienBan"),
            (FaultCode::UnknownCode, "loaiPAKN"),
        ]
    );
    let all: String = reading.faults.iter().map(ToString::to_string).collect();
    assert!(!all.contains("bí mật"), "{all}");
    assert!(all.contains("phải là một trong: 3, 1, 9"), "{all}");
}

#[test]
fn an_xml_element_is_read_by_attributes_text_wrappers_and_repeats_with_lines_in_faults() {
    let text = "<KienNghi xmlns='urn:a' ma='K-1' uuTien='cao'>\n<DoanDBQH ma='01'>Hà Nội</DoanDBQH>\n<NoiDung>a\r\n b</NoiDung>\
                <TepDinhKem>\n<Tep ten='x.pdf'>abc</Tep>\n<Tep loai='pdf'/></TepDinhKem><Ma>1</Ma><Ma>2</Ma>\
                <HanTraLoi>\n 2019-12-15 </HanTraLoi><CuTri diaBan='Ba Đình'>cử tri</CuTri><Ma xmlns='urn:b'>3</Ma></KienNghi>";
    let reading = read_xml(text);
    assert_eq!(told(&reading), [(FaultCode::Missing, "TepDinhKem.Tep[1]@ten, line 6")]);
    assert_eq!((reading.faults[0].element(), reading.faults[0].line()), ("TepDinhKem.Tep[1]@ten", Some(6)));
    let record = &reading.record;
    assert_eq!(record.text("assembly.delegation.code"), Some("01"));
    assert_eq!(record.text("assembly.delegation.name"), Some("Hà Nội"));
    assert_eq!(record.text("body"), Some("a\r\n b"));
    assert_eq!(record.date("due_on"), Some(jiff::civil::date(2019, 12, 15)));
    assert_eq!(record.list("attachments")[0].as_record().unwrap().text("content"), Some("abc"));
    assert_eq!(record.list("answered").iter().map(|it| it.as_text().unwrap()).collect::<Vec<_>>(), ["1", "2"]);
    let extensions: Vec<_> = reading.extensions.keys().map(String::as_str).collect();
    assert_eq!(extensions, ["@uuTien", "CuTri", "CuTri@diaBan", "Ma", "TepDinhKem.Tep[1]@loai"]);
}

#[test]
fn an_element_that_may_stand_once_is_refused_the_second_time() {
    let reading = read_xml("<K ma='1'><DoanDBQH ma='1'/><NoiDung>a</NoiDung><NoiDung>b</NoiDung></K>");
    assert_eq!(told(&reading), [(FaultCode::Conflict, "NoiDung, line 1")]);
}

#[test]
fn what_is_written_reads_back_in_json_and_in_xml() {
    let dialect = Dialect::parse(PORTAL).unwrap();
    let map = dialect.map("petition").unwrap();
    let mut record = Record::new();
    record.set("external_id", "P-1").set("revision", 7i64).set("kind", Value::Code("feedback".into()));
    record.set("due_on", jiff::civil::date(2020, 2, 29)).set("public", true);
    let node = map.write(&record).unwrap();
    let text = String::from_utf8(json::write(&node)).unwrap();
    assert_eq!(
        text,
        r#"{"maPAKN":"P-1","phienBan":7,"loaiPAKN":"1","hanXuLy":"2020-02-29","congKhai":true,"nguoiGui":{"hoTen":null}}"#
    );
    assert_eq!(map.read(&json::read(text.as_bytes(), &Limits::default()).unwrap()).record, record);
    let markup = xml::write(&node.named("PAKN").in_namespace("urn:a")).unwrap();
    assert_eq!(map.read(&xml::read(&markup, &Limits::default()).unwrap()).record, record);
}

#[test]
fn attributes_own_text_and_wrapped_lists_are_written_in_the_order_of_the_table() {
    let dialect = Dialect::parse(ASSEMBLY).unwrap();
    let map = dialect.map("petition").unwrap();
    let mut file = Record::new();
    file.set("name", "x.pdf").set("content", "abc");
    let mut record = Record::new();
    record.set("answered", vec![Value::Text("1".into()), Value::Text("2".into())]).set("body", "a\r\nb");
    record.set("attachments", vec![Value::Record(file)]).set("external_id", "K-1");
    record.set("assembly.delegation.code", "01").set("assembly.delegation.name", "Hà Nội");
    let written = xml::write(&map.write(&record).unwrap().named("KienNghi")).unwrap();
    let expected = "<KienNghi ma=\"K-1\"><DoanDBQH ma=\"01\">Hà Nội</DoanDBQH><NoiDung>a&#13;\nb</NoiDung>\
                    <TepDinhKem><Tep ten=\"x.pdf\">abc</Tep></TepDinhKem><Ma>1</Ma><Ma>2</Ma></KienNghi>";
    assert_eq!(String::from_utf8(written.clone()).unwrap().lines().skip(1).collect::<Vec<_>>().join("\n"), expected);
    let reading = map.take(xml::read(&written, &Limits::default()).unwrap());
    assert_eq!((reading.faults.len(), reading.extensions.len()), (0, 0));
    assert_eq!(reading.record.list("attachments"), record.list("attachments"));
    assert_eq!(reading.record.text("assembly.delegation.name"), Some("Hà Nội"));
}

#[test]
fn writing_refuses_what_the_channel_could_not_take() {
    let dialect = Dialect::parse(PORTAL).unwrap();
    let map = dialect.map("petition").unwrap();
    let set = |_: &mut Record| ();
    let refused = |change: &dyn Fn(&mut Record)| {
        let mut record = Record::new();
        record.set("external_id", "P-1").set("kind", Value::Code("feedback".into()));
        change(&mut record);
        let fault = map.write(&record).unwrap_err();
        (fault.code, fault.place)
    };
    assert_eq!(refused(&|it| drop(it.take("external_id"))), (FaultCode::Missing, "maPAKN".into()));
    assert_eq!(refused(&|it| set(it.set("kind", "complaint"))), (FaultCode::UnknownCode, "loaiPAKN".into()));
    assert_eq!(refused(&|it| set(it.set("subject", "ạ".repeat(11)))), (FaultCode::TooLarge, "tieuDe".into()));
    assert_eq!(refused(&|it| set(it.set("public", "có"))), (FaultCode::Format, "congKhai".into()));
    let nameless = |it: &mut Record| set(it.set("attachments", vec![Value::Record(Record::new())]));
    assert_eq!(refused(&nameless), (FaultCode::Missing, "tepDinhKem[0].tenTep".into()));
}

#[test]
fn an_address_is_filled_percent_encoded_and_never_climbs() {
    let dialect = Dialect::parse(PORTAL).unwrap();
    assert_eq!(dialect.path("answer", &[("ma", "a/b ạ")]).unwrap(), "/api/v1/pakn/a%2Fb%20%E1%BA%A1/tra-loi");
    for bad in ["", ".", ".."] {
        assert_eq!(dialect.path("answer", &[("ma", bad)]).unwrap_err().code, FaultCode::Format);
    }
    assert_eq!(dialect.path("answer", &[]).unwrap_err().code, FaultCode::Missing);
    assert_eq!(dialect.path("anwser", &[]).unwrap_err().code, FaultCode::Missing);
    assert!(dialect.require_path("answer", &["ma", "tep"]).is_ok());
    assert!(dialect.require_path("answer", &["tep"]).unwrap_err().message.contains("{ma}"));
    assert!(dialect.require_path("anwser", &["ma"]).unwrap_err().message.contains("\"answer\""));
}

#[test]
fn everything_wrong_with_a_dialect_is_told_at_once_with_key_line_and_the_nearest_right_name() {
    let faults = Dialect::parse(
        r#"
[constant]
x = "1"
[paths]
a = "api"
b = "/x/{m"
[maps.petition]
one = { at = "x", as = "txt" }
two = { at = "y", as = "text", char_max = 3 }
three = { at = "z", as = "code", codes = "kind" }
four = { at = "u", as = "date", formats = ["%d/%m"] }
five = { at = "v", as = "integer", default = "năm" }
six = { as = "text" }
seven = { at = "a b", as = "text" }
eight = { at = "w", as = "list", map = "atachment" }
nine = { at = "w", as = "list" }
ten = { at = "t", as = "text", required = true, default = "x" }
eleven = 3
[maps.attachment]
loop = { at = "x", as = "list", map = "attachment" }
[maps.crowded]
outer = { at = "p", as = "text" }
inner = { at = "p.q", as = "text" }
[codes.kinds]
"1" = 1
options = { unkown = "keep" }
"#,
    )
    .unwrap_err();
    let keys: Vec<&str> = faults.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "constant",
            "paths.a",
            "paths.b",
            "codes.kinds.1",
            "codes.kinds.options.unkown",
            "maps.attachment.loop.map",
            "maps.crowded.outer.at",
            "maps.petition.one.as",
            "maps.petition.two.char_max",
            "maps.petition.three.codes",
            "maps.petition.four.formats[0]",
            "maps.petition.five.default",
            "maps.petition.six",
            "maps.petition.seven.at",
            "maps.petition.eight.map",
            "maps.petition.nine",
            "maps.petition.ten.default",
            "maps.petition.eleven",
        ]
    );
    let message = |key: &str| &faults.iter().find(|it| it.key == key).unwrap().message;
    assert!(message("constant").contains("\"constants\"") && message("constant").contains("dòng 2"));
    assert!(message("maps.petition.two.char_max").contains("\"chars_max\""));
    assert!(message("maps.petition.two.char_max").contains("dòng 9"));
    assert!(message("maps.petition.three.codes").contains("\"kinds\""));
    assert!(message("maps.petition.eight.map").contains("\"attachment\""));
    assert!(faults.iter().all(|it| it.in_dialect));
}

#[test]
fn a_dialect_that_is_no_toml_is_refused_with_its_line() {
    let faults = Dialect::parse("[maps.a]\nx = {").unwrap_err();
    assert!(faults[0].message.contains("dòng 2"), "{}", faults[0].message);
}

#[test]
fn canonical_names_that_the_adapter_does_not_know_are_told_with_the_nearest() {
    let dialect = Dialect::parse(ASSEMBLY).unwrap();
    let faults = dialect.map("attachment").unwrap().check(&["nam", "contents"], &["sha256"]);
    let told: Vec<_> = faults.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(told, ["maps.attachment.name", "maps.attachment.content", "maps.attachment"]);
    assert!(faults[1].message.contains("\"contents\""));
}

#[test]
fn nothing_that_holds_values_shows_them_in_debug() {
    let reading = read_json(r#"{"maPAKN": "bí mật", "loaiPAKN": "3", "la": "bí mật"}"#);
    let node = Node::leaf("ten", "bí mật").with_attribute("a", "bí mật");
    assert!(!format!("{reading:?} {node:?}").contains("bí mật"));
}

#[test]
fn dates_are_real_and_times_without_zone_are_vietnam_s() {
    let dialect = Dialect::parse(
        r#"
        [maps.a]
        day = { at = "d", as = "date" }
        at = { at = "t", as = "timestamp" }
        local = { at = "l", as = "timestamp", formats = ["%d/%m/%Y %H:%M:%S", "%d/%m/%Y"] }
        "#,
    );
    let dialect = dialect.unwrap();
    let map = dialect.map("a").unwrap();
    let read = |key: &str, text: &str| map.take(Node::object("", vec![Node::leaf(key, text)]));
    for sound in ["2019-12-27", "2020-02-29", "1900-01-01", " 2019-12-27\n"] {
        assert_eq!(read("d", sound).faults, [], "{sound}");
    }
    for wrong in [
        "2019-02-30",
        "2019-13-01",
        "2019-00-10",
        "2019-1-5",
        "27/12/2019",
        "20191227",
        "2019-12-27T00:00:00",
        "0001-01-01",
        "2200-01-01",
        "-2019-01-01",
        "hôm nay",
        "2019-12-27Z",
        "２019-12-27",
    ] {
        assert_eq!(told(&read("d", wrong)), [(FaultCode::Format, "d")], "{wrong}");
    }
    for (text, instant) in [
        ("2019-12-06T09:15:00+07:00", "2019-12-06T02:15:00Z"),
        ("2019-12-06T02:15:00Z", "2019-12-06T02:15:00Z"),
        ("2019-12-06T09:15:00", "2019-12-06T02:15:00Z"),
        ("2019-12-06 09:15:00.250", "2019-12-06T02:15:00.25Z"),
        ("2019-12-06T09:15", "2019-12-06T02:15:00Z"),
        ("2019-12-06", "2019-12-05T17:00:00Z"),
    ] {
        assert_eq!(read("t", text).record.timestamp("at"), Some(instant.parse().unwrap()), "{text}");
    }
    for wrong in [
        "2019-02-30T09:15:00",
        "2019-12-06T25:00:00",
        "2019-12-06T09:61:00Z",
        "2019-12-06T09:15:00+99:00",
        "1575598500",
        "06/12/2019",
        "2019-12-06T09:15:00[Asia/Bangkok]",
        "0001-01-01T00:00:00",
        "2019-12-06T",
        "2019-12-0đ",
    ] {
        assert_eq!(told(&read("t", wrong)), [(FaultCode::Format, "t")], "{wrong}");
    }
    let local = |text: &str| read("l", text).record.timestamp("local");
    assert_eq!(local("06/12/2019 09:15:00"), Some("2019-12-06T02:15:00Z".parse().unwrap()));
    assert_eq!(local("06/12/2019"), Some("2019-12-05T17:00:00Z".parse().unwrap()));
    assert_eq!(local("30/02/2019"), None);
}

#[test]
fn a_number_is_read_as_text_where_text_is_asked_for_and_text_as_a_number_where_a_number_is() {
    let reading = read_json(r#"{"maPAKN": 12345678901234567890, "phienBan": "3", "loaiPAKN": 1, "congKhai": "1"}"#);
    assert_eq!(reading.faults, []);
    assert_eq!(reading.record.text("external_id"), Some("12345678901234567890"));
    assert_eq!(reading.record.integer("revision"), Some(3));
    assert_eq!(reading.record.boolean("public"), Some(true));
    let wrong = read_json(r#"{"maPAKN": true, "phienBan": 3.0, "loaiPAKN": "1"}"#);
    assert_eq!(told(&wrong), [(FaultCode::Format, "maPAKN"), (FaultCode::Format, "phienBan")]);
}

#[test]
fn neither_repeated_unknown_elements_nor_long_paths_nor_many_faults_grow_without_end() {
    let item = |name: &str| Node::leaf(name, "x");
    let many = Node::object("", (0..4_000).map(|_| item("La")).collect());
    let reading = Dialect::parse(ASSEMBLY).unwrap().map("petition").unwrap().take(many);
    assert_eq!(reading.extensions.len(), 4_000);
    assert!(reading.extensions.contains_key("La") && reading.extensions.contains_key("La[3999]"));
    let deep = (0..60).fold(item("x"), |inner, _| Node::object("n".repeat(100), vec![inner]));
    let reading = Dialect::parse(ASSEMBLY).unwrap().map("petition").unwrap().take(deep);
    assert!(reading.extensions.keys().all(|path| path.len() <= 512));
    let crowd = Node::object("", (0..6_000).map(|at| item(&format!("La{at}"))).collect());
    let reading = Dialect::parse(ASSEMBLY).unwrap().map("petition").unwrap().take(crowd);
    assert!(reading.faults.iter().any(|it| it.code == FaultCode::TooLarge));
    let files: Vec<String> = (0..500).map(|_| r#"{"maTep": "x"}"#.to_owned()).collect();
    let text = format!(r#"{{"maPAKN": "P", "loaiPAKN": "1", "tepDinhKem": [{}]}}"#, files.join(","));
    assert_eq!(read_json(&text).faults.len(), 100);
}
