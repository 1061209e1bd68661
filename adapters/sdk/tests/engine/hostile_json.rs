//! JSON that is broken, odd or means harm: refused with a reason and a place, at once, and never with a value.

use channel_sdk::{
    fault::{Fault, FaultCode},
    json,
    tree::{Content, Limits},
};

fn refusal(bytes: &[u8]) -> Fault {
    json::read(bytes, &Limits::default()).unwrap_err()
}

#[test]
fn a_message_cut_short_at_any_byte_is_refused_and_never_a_panic() {
    let whole = r#" {"mã": [1.5e-3, "a\"\u00e2\ud83d\ude42\n", {"b": null, "c": true}], "d": -0, "e": "đ"}"#.as_bytes();
    assert!(json::read(whole, &Limits::default()).is_ok());
    for end in 0..whole.len() {
        let fault = refusal(&whole[..end]);
        assert!(matches!(fault.code, FaultCode::Malformed | FaultCode::Encoding), "{end}: {fault}");
    }
}

#[test]
fn what_is_no_json_is_refused_at_its_byte() {
    for (source, place) in [
        ("", "byte 0"),
        ("[1,]", "byte 3"),
        ("{\"a\":1,}", "byte 7"),
        ("{a:1}", "byte 1"),
        ("[1 2]", "byte 3"),
        ("{\"a\" 1}", "byte 5"),
        ("[01]", "byte 1"),
        ("[1.]", "byte 1"),
        ("[+1]", "byte 1"),
        ("[.5]", "byte 1"),
        ("[NaN]", "byte 1"),
        ("[\"\\x\"]", "byte 2"),
        ("[\"\\u12\"]", "byte 2"),
        ("[\"a\tb\"]", "byte 3"),
        ("[1] 2", "byte 4"),
        ("{} {}", "byte 3"),
        ("'a'", "byte 0"),
        ("[1]\0", "byte 3"),
        ("// a\n1", "byte 0"),
    ] {
        let fault = refusal(source.as_bytes());
        assert_eq!((fault.code, fault.place.as_str()), (FaultCode::Malformed, place), "{source}");
    }
}

#[test]
fn a_key_that_stands_twice_is_refused_in_small_objects_and_in_large_ones() {
    let fault = refusal(br#"{"hoTen": "a", "b": {}, "hoTen": "c"}"#);
    assert_eq!(fault.code, FaultCode::Conflict);
    assert!(fault.place.starts_with("hoTen"), "{}", fault.place);
    // The same key in other letters, by escapes.
    assert_eq!(refusal(br#"{"a": 1, "\u0061": 2}"#).code, FaultCode::Conflict);
    let members: Vec<String> = (0..50_000).map(|at| format!("\"k{}\":0", at % 49_999)).collect();
    assert_eq!(refusal(format!("{{{}}}", members.join(",")).as_bytes()).code, FaultCode::Conflict);
}

#[test]
fn half_a_surrogate_pair_and_nul_are_refused() {
    for source in
        [r#""\ud83d""#, r#""\ude42""#, r#""\ud83d\u0041""#, r#""\ud83dx""#, r#""\ud83d\ud83d""#, r#""\u0000""#]
    {
        assert_eq!(refusal(source.as_bytes()).code, FaultCode::Malformed, "{source}");
    }
}

#[test]
fn bytes_that_are_no_utf_8_are_refused_at_their_byte() {
    let fault = refusal(b"{\"a\": \"\xff\"}");
    assert_eq!((fault.code, fault.place.as_str()), (FaultCode::Encoding, "byte 7"));
    for wide in [&b"\xff\xfe{\0}\0"[..], b"\xfe\xff\0{\0}", b"{\0}\0", b"\0{\0}"] {
        assert_eq!(refusal(wide).code, FaultCode::Encoding);
    }
    // A surrogate in UTF-8's clothes, an overlong slash.
    assert_eq!(refusal(b"\"\xed\xa0\x80\"").code, FaultCode::Encoding);
    assert_eq!(refusal(b"\"\xc0\xaf\"").code, FaultCode::Encoding);
}

#[test]
fn every_limit_holds() {
    let deep = "[".repeat(100_000);
    assert_eq!(refusal(deep.as_bytes()).code, FaultCode::TooLarge);
    let deep = "{\"a\":".repeat(100_000);
    assert_eq!(refusal(deep.as_bytes()).code, FaultCode::TooLarge);
    let wide = format!("[{}0]", "0,".repeat(1_000_000));
    assert_eq!(refusal(wide.as_bytes()).code, FaultCode::TooLarge);
    assert_eq!(refusal(&vec![b' '; 50 << 20]).code, FaultCode::TooLarge);
    let number = "1".repeat(1_001);
    assert_eq!(refusal(number.as_bytes()).code, FaultCode::TooLarge);
    assert!(json::read(&number.as_bytes()[1..], &Limits::default()).is_ok());
    let long = format!("\"{}\"", "a".repeat(17 << 20));
    assert_eq!(refusal(long.as_bytes()).code, FaultCode::TooLarge);
}

#[test]
fn numbers_keep_every_digit_and_a_byte_order_mark_is_skipped() {
    let root =
        json::read("\u{feff}[123456789012345678901234567890, 1.10, -0.0]".as_bytes(), &Limits::default()).unwrap();
    let spelt: Vec<_> = root.items().map(|it| it.text().unwrap()).collect();
    assert_eq!(spelt, ["123456789012345678901234567890", "1.10", "-0.0"]);
    assert!(matches!(root.content, Content::List(_)));
}

#[test]
fn no_refusal_repeats_what_was_sent() {
    for source in [r#"{"a": "bi mat" x}"#, r#"["bi mat"#, r#"{"a": bi mat}"#] {
        assert!(!refusal(source.as_bytes()).to_string().contains("mat"));
    }
}
