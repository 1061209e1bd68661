//! XML that is broken, odd or means harm: refused with a reason and a line, at once, and never with a value.

use channel_sdk::{
    fault::{Fault, FaultCode},
    tree::{Content, Limits, MIXED_TEXT, Node},
    xml,
};

fn read(source: &str) -> Node {
    xml::read(source.as_bytes(), &Limits::default()).unwrap()
}

fn refusal(bytes: &[u8]) -> Fault {
    xml::read(bytes, &Limits::default()).unwrap_err()
}

#[test]
fn a_message_cut_short_at_any_byte_is_refused_and_never_a_panic() {
    let whole = "<?xml version='1.0' encoding='UTF-8'?>\n<!-- c --><a:r xmlns:a='urn:a' b='1 &amp; 2'>\n<c>đ&#7841;<![CDATA[<x>]]></c>\
                 <?p i?><d/></a:r>";
    assert!(xml::read(whole.as_bytes(), &Limits::default()).is_ok());
    for end in 0..whole.len() {
        let fault = refusal(&whole.as_bytes()[..end]);
        assert!(matches!(fault.code, FaultCode::Malformed | FaultCode::Encoding), "{end}: {fault}");
    }
}

#[test]
fn document_types_and_their_entities_are_refused_before_anything_is_expanded() {
    let bomb = "<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;\">\
                <!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;\">]><r>&c;</r>";
    assert!(refusal(bomb.as_bytes()).message.contains("DOCTYPE"));
    let outside = "<!DOCTYPE r [<!ENTITY x SYSTEM \"file:///etc/hostname\">]><r>&x;</r>";
    assert!(refusal(outside.as_bytes()).message.contains("DOCTYPE"));
    assert!(refusal(b"<!DOCTYPE r SYSTEM 'http://example.vn/a.dtd'><r/>").message.contains("DOCTYPE"));
    for reference in ["&x;", "&nbsp;", "&", "&;", "&#0;", "&#x1F;", "&#xD800;", "&#xFFFE;", "&#x110000;", "&#a;", "&lt"]
    {
        for source in [format!("<r>{reference}</r>"), format!("<r a=\"{reference}\"/>")] {
            assert_eq!(refusal(source.as_bytes()).code, FaultCode::Malformed, "{source}");
        }
    }
}

#[test]
fn what_is_not_well_formed_is_refused_with_its_line() {
    for (source, line) in [
        ("", 1),
        (" \n ", 2),
        ("text", 1),
        ("<a>\n<b>\n</a>", 3),
        ("<a>\n</a>\n<b/>", 3),
        ("<a/>\ntext", 1),
        ("<a/>&amp;", 1),
        ("<![CDATA[]]><a/>", 1),
        ("<a></b>", 1),
        ("</a>", 1),
        ("<a\nb=1/>", 1),
        ("<a b/>", 1),
        ("<a b='<'/>", 1),
        ("<a>]]></a>", 1),
        ("<a>\n<!-- -- -->\n</a>", 2),
        ("\n<?xml version='1.0'?><a/>", 2),
        ("<a><?xml version='1.0'?></a>", 1),
        ("<?xml encoding='UTF-8'?><a/>", 1),
        ("<?xml version='2.0'?><a/>", 1),
        ("<1a/>", 1),
        ("<a:/>", 1),
        ("<:a/>", 1),
        ("<a:b:c xmlns:a='urn:a'/>", 1),
        ("<a>\n\n\u{1}</a>", 3),
        ("<a>\u{fffe}</a>", 1),
        ("<a>\n<x:b/></a>", 2),
        ("<a x:b='1'/>", 1),
        ("junk <a/>", 1),
    ] {
        let fault = refusal(source.as_bytes());
        assert_eq!((fault.code, fault.line()), (FaultCode::Malformed, Some(line)), "{source}: {fault}");
    }
}

#[test]
fn an_attribute_that_stands_twice_is_refused_also_under_two_prefixes() {
    assert_eq!(refusal(b"<a b='1' b='2'/>").code, FaultCode::Conflict);
    assert_eq!(refusal(b"<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>").code, FaultCode::Conflict);
    let apart = read("<a xmlns:p='u' xmlns:q='v' p:b='1' q:b='2' b='3'/>");
    assert_eq!((apart.attributes.len(), apart.attribute("b")), (3, Some("3")));
}

#[test]
fn other_encodings_are_refused_as_such() {
    for name in ["UTF-16", "windows-1258", "ISO-8859-1", "TCVN"] {
        let source = format!("<?xml version='1.0' encoding='{name}'?><a/>");
        assert_eq!(refusal(source.as_bytes()).code, FaultCode::Encoding, "{name}");
    }
    let wide: Vec<u8> = "<?xml version='1.0'?><a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(refusal(&wide).code, FaultCode::Encoding);
    assert_eq!(refusal(&[b"\xff\xfe", wide.as_slice()].concat()).code, FaultCode::Encoding);
    let fault = refusal(b"<a>\xd0\xcf</a>");
    assert_eq!((fault.code, fault.place.as_str()), (FaultCode::Encoding, "byte 3"));
    for name in ["utf-8", "UTF-8", "US-ASCII"] {
        read(&format!("\u{feff}<?xml version='1.0' encoding='{name}'?><a/>"));
    }
}

#[test]
fn every_limit_holds() {
    assert_eq!(refusal("<a>".repeat(100_000).as_bytes()).code, FaultCode::TooLarge);
    let crowd: String = (0..1_000_000).map(|at| format!(" a{at}=''")).collect();
    assert_eq!(refusal(format!("<a{crowd}/>").as_bytes()).code, FaultCode::TooLarge);
    let spaces: String = (0..1_000_000).map(|at| format!(" xmlns:a{at}='u'")).collect();
    assert!(matches!(refusal(format!("<a{spaces}/>").as_bytes()).code, FaultCode::TooLarge | FaultCode::Malformed));
    assert_eq!(refusal(format!("<a>{}</a>", "<b/>".repeat(300_000)).as_bytes()).code, FaultCode::TooLarge);
    assert_eq!(refusal(&vec![b' '; 50 << 20]).code, FaultCode::TooLarge);
    assert_eq!(refusal(format!("<a>{}</a>", "x".repeat(17 << 20)).as_bytes()).code, FaultCode::TooLarge);
    assert_eq!(refusal(format!("<a b='{}'/>", "x".repeat(17 << 20)).as_bytes()).code, FaultCode::TooLarge);
}

#[test]
fn text_is_exact_across_cdata_references_comments_and_literal_line_ends() {
    let root = read("<a> \r\n<![CDATA[ <b> ]]>&lt;&#x1EA1;<!-- c -->\u{a0}e\u{302}\t</a>");
    assert_eq!(root.text(), Some(" \r\n <b> <\u{1EA1}\u{a0}e\u{302}\t"));
    assert_eq!(read("<a b=' x\r\n&#9;'/>").attribute("b"), Some(" x\r\n\t"));
}

#[test]
fn text_between_elements_is_kept_and_white_space_is_not() {
    let root = read("<a>\n <b/>một <c>hai</c>\n ba\n</a>");
    let told: Vec<_> = root.nodes().iter().map(|it| (it.name.as_str(), it.text().unwrap(), it.line)).collect();
    assert_eq!(told, [("b", "", 2), (MIXED_TEXT, "một ", 2), ("c", "hai", 2), (MIXED_TEXT, "\n ba\n", 2)]);
}

#[test]
fn prefixes_do_not_matter_and_namespaces_do() {
    for source in ["<r xmlns='u'><x/></r>", "<p:r xmlns:p='u'><p:x/></p:r>", "<r xmlns='u'><q:x xmlns:q='u'/></r>"] {
        let root = read(source);
        assert!(root.is("u", "r") && root.nodes()[0].is("u", "x"), "{source}");
    }
    assert_eq!(read("<r xmlns='u'><x xmlns=''/></r>").nodes()[0].namespace, None);
    assert!(read("<r xmlns='u?a=1&amp;b=&quot;2&quot;'/>").is("u?a=1&b=\"2\"", "r"));
}

#[test]
fn the_writer_refuses_what_xml_cannot_carry() {
    for (node, place) in [
        (Node::object("a", vec![Node::leaf("b", "\u{1}")]), "a.b"),
        (Node::leaf("a", "").with_attribute("b", "\0"), "a.b"),
        (Node::leaf("a", "\u{ffff}"), "a"),
        (Node::leaf("hai từ", ""), "hai từ"),
        (Node::leaf("", ""), ""),
        (Node::list("a", vec![]), ""),
    ] {
        let fault = xml::write(&node).unwrap_err();
        assert_eq!((fault.code, fault.place.as_str()), (FaultCode::Format, place));
    }
}

#[test]
fn arrays_become_repeated_elements_and_carriage_returns_become_references() {
    let list = Node::list("Tep", vec![Node::leaf("", "a\r\nb"), Node::integer("", 2), Node::null("")]);
    let tree = Node::object("R", vec![list, Node::boolean("CK", true)]).in_namespace("u");
    let written = String::from_utf8(xml::write(&tree).unwrap()).unwrap();
    let body = "<R xmlns=\"u\"><Tep>a&#13;\nb</Tep><Tep>2</Tep><Tep/><CK>true</CK></R>";
    assert_eq!(written, format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}"));
    assert!(matches!(read(&written).content, Content::Children(nodes) if nodes.len() == 4));
}

#[test]
fn no_refusal_repeats_what_was_sent() {
    for source in ["<a>bi mat<b></a>", "<a b='bi mat' b='x'/>", "<a>bi mat &x;</a>", "<a>bi mat"] {
        assert!(!refusal(source.as_bytes()).to_string().contains("mat"), "{source}");
    }
}
