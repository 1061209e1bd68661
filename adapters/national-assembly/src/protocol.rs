//! The dialect in force, with the promise that everything this kind asks of it is there.
//!
//! What is missing is told when the channel is built, all at once; afterwards no lookup can fail.

use channel_sdk::{
    adapter::SettingsFault,
    canonical::names,
    dialect::{CodeTable, Dialect, Map},
    fault::{Fault, FaultCode},
    model::ResolutionClass,
    tree::{Content, MIXED_TEXT, Node},
    xml,
};

const CONSTANTS: &[&str] = &[
    "namespace",
    "batch_root",
    "batch_item",
    "reply_root",
    "error_root",
    "receipt_root",
    "answer_root",
    "report_root",
    "declined_class",
    "declined_text",
    "forwarded_class",
    "forwarded_text",
    "report_unanswered",
    "report_other",
    "search_query",
    "search_rows",
    "search_fields",
    "search_session_words",
];

const PATHS: &[&str] = &["batches", "receipt", "answer", "report", "search", "search_lists"];

/// A map's name, the canonical names that it may have, and those that it must have.
type Wanted = (&'static str, &'static [&'static [&'static str]], &'static [&'static str]);

const MAPS: &[Wanted] = &[
    ("batch", &[names::DRAFT, &["total"]], &[]),
    ("petition", &[names::DRAFT], &["external_id", "body"]),
    ("attachment", &[names::ATTACHMENT], &["name", "remote_id"]),
    ("row", &[names::DRAFT], &["external_id", "body"]),
    ("row_attachment", &[names::ATTACHMENT], &["name"]),
    ("search_field", &[&["code", "name"]], &["code", "name"]),
    ("reply", &[&["results"]], &["results"]),
    (
        "result",
        &[&["external_id", "state", "petition_id", "fault_code", "fault_line", "fault_place", "reason"]],
        &["external_id", "state"],
    ),
    ("error", &[&["code", "line", "place", "message"]], &[]),
    ("receipt", &[&["external_id", "petition_id", "revision", "at"]], &["external_id", "petition_id"]),
    ("answer", &[names::ANSWER, ANSWER_ADDRESS], &["external_id", "text", "resolution"]),
    ("report", &[REPORT], REPORT),
    ("report_count", &[&["code", "name", "count"]], &["code", "count"]),
    ("report_petition", &[REPORT_PETITION], &["external_id", "class"]),
    ("taken", &[&["reference"]], &[]),
];

/// What stands in an answer's document beside the answer.
const ANSWER_ADDRESS: &[&str] = &["external_id", "petition_id", "at", "also_for", "forwarded_to"];

/// A session report.
const REPORT: &[&str] =
    &["term", "session", "phase", "agency", "total", "by_delegation", "by_field", "by_class", "petitions"];

/// A petition in its list.
const REPORT_PETITION: &[&str] =
    &["external_id", "class", "delegation", "field", "document.number", "document.issued_on"];

/// What becomes of a pushed item.
const ACKNOWLEDGEMENTS: &[&str] = &["taken", "already_had", "refused"];

/// A dialect that has all that we need.
pub(crate) struct Protocol {
    dialect: Dialect,
}

impl Protocol {
    /// Compiles a dialect, or tells everything that is wrong with it.
    pub(crate) fn read(text: &str) -> Result<Protocol, Vec<SettingsFault>> {
        let dialect = Dialect::parse(text)?;
        let mut faults = Vec::new();
        faults.extend(CONSTANTS.iter().filter_map(|name| dialect.require_constant(name).err()));
        faults.extend(PATHS.iter().filter_map(|name| dialect.require_path(name, &[]).err()));
        for (name, known, needed) in MAPS {
            match dialect.require_map(name) {
                Ok(map) => faults.extend(map.check(&known.concat(), needed)),
                Err(fault) => faults.push(fault),
            }
        }
        let (phases, classes) = (names::session_phases(), names::resolution_classes());
        let tables = [("phases", phases.as_slice()), ("resolutions", &classes), ("acknowledgements", ACKNOWLEDGEMENTS)];
        for (name, known) in tables {
            match dialect.require_codes(name) {
                Ok(table) => faults.extend(table.check(known, known)),
                Err(fault) => faults.push(fault),
            }
        }
        faults.extend(["declined_class", "forwarded_class"].iter().filter_map(|name| wrong_class(&dialect, name)));
        if faults.is_empty() { Ok(Protocol { dialect }) } else { Err(faults) }
    }

    /// `[constants]`.
    pub(crate) fn constant(&self, name: &str) -> &str {
        self.dialect.constant(name).expect("every constant was checked when the channel was built")
    }

    /// `[maps.…]`.
    pub(crate) fn map(&self, name: &str) -> &Map {
        self.dialect.map(name).expect("every map was checked when the channel was built")
    }

    /// `[codes.…]`.
    pub(crate) fn codes(&self, name: &str) -> &CodeTable {
        self.dialect.codes(name).expect("every code table was checked when the channel was built")
    }

    /// `[paths]`; none of this kind's paths has a parameter.
    pub(crate) fn path(&self, name: &str) -> &str {
        self.dialect.template(name).expect("every path was checked when the channel was built")
    }

    /// A document of ours as bytes: `node` under the root's name, in the namespace.
    pub(crate) fn document(&self, node: Node, root: &str) -> Result<Vec<u8>, Fault> {
        xml::write(&node.named(self.constant(root)).in_namespace(self.constant("namespace")))
    }

    /// The root of a document that came, if it is the one that `root` names; foreign names below it are set apart.
    pub(crate) fn expect_root(&self, mut node: Node, root: &str) -> Result<Node, Fault> {
        let (namespace, name) = (self.constant("namespace"), self.constant(root));
        if !node.is(namespace, name) {
            let what = if node.name == name { "không gian tên" } else { "phần tử gốc" };
            let message = format!("sai {what}; phải là <{name}> trong không gian tên {namespace}");
            return Err(Fault::new(FaultCode::WrongMessage, at_line(name, node.line), message));
        }
        set_apart(&mut node, namespace);
        Ok(node)
    }
}

/// `place` with its line, as readers of XML tell it.
pub(crate) fn at_line(place: &str, line: u32) -> String {
    if line == 0 { place.to_owned() } else { format!("{place}, line {line}") }
}

/// Gives everything that does not stand in `namespace` a name that no rule can match (`{urn:x}Ten`), so that elements
/// are matched by expanded names and foreign ones are kept as extensions.
fn set_apart(node: &mut Node, namespace: &str) {
    for attribute in &mut node.attributes {
        if let Some(foreign) = attribute.namespace.take() {
            attribute.name = format!("{{{foreign}}}{}", attribute.name);
        }
    }
    let Content::Children(children) = &mut node.content else { return };
    for child in children {
        if child.name != MIXED_TEXT && child.namespace.as_deref() != Some(namespace) {
            child.name = format!("{{{}}}{}", child.namespace.as_deref().unwrap_or(""), child.name);
        }
        set_apart(child, namespace);
    }
}

/// A class that no answer can be sent with.
fn wrong_class(dialect: &Dialect, name: &str) -> Option<SettingsFault> {
    dialect.constant(name)?.parse::<ResolutionClass>().is_err().then(|| SettingsFault {
        in_dialect: true,
        key: format!("constants.{name}"),
        message: format!("phải là một trong: {}", names::resolution_classes().join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_a_dialect_lacks_is_told_at_once() {
        let text = include_str!("dialect.toml")
            .replace("declined_class = \"explained\"", "declined_class = \"done\"")
            .replace("[maps.receipt]", "[maps.receit]")
            .replace("truoc = \"before\"", "truoc = \"befor\"")
            .replace("answer = \"/tra-loi\"", "answer = \"/tra-loi/{ma}\"");
        let faults = Protocol::read(&text).map(|_| ()).unwrap_err();
        let keys: Vec<&str> = faults.iter().map(|fault| fault.key.as_str()).collect();
        let wanted = ["paths.answer", "maps.receipt", "codes.phases.truoc", "codes.phases", "constants.declined_class"];
        assert_eq!(keys, wanted, "{faults:?}");
    }
}
