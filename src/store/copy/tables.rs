//! What a store consists of, whatever its engine: tables, their columns, and the order in which rows are walked.
//!
//! An engine's own tables are not here: they are made again (full text, counts of numbers) or mean nothing elsewhere (which
//! gateway is alive). A test of each engine sees that a new column is either here or named as its own.

/// A table that every engine has.
#[derive(Debug)]
pub(in crate::store) struct Table {
    /// Its name.
    pub(in crate::store) name: &'static str,
    /// What one of its rows is.
    pub(in crate::store) record: &'static str,
    /// Its columns.
    pub(in crate::store) columns: &'static [Column],
    /// The columns that tell rows apart, in whose order they are walked.
    key: &'static [&'static str],
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Column {
    /// Its name.
    pub(in crate::store) name: &'static str,
    /// What it holds.
    pub(in crate::store) sort: Sort,
    /// Whether it may hold nothing.
    pub(in crate::store) may_be_absent: bool,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Sort {
    /// 64 bits, signed.
    Integer,
    /// Yes or no.
    Boolean,
    /// An id.
    Uuid,
    /// Any text.
    Text,
    /// Text that we wrote as JSON: it holds no NUL, so that no engine has to escape it.
    Json,
    /// Any bytes.
    Bytes,
}

impl Table {
    /// The places of the key's columns.
    pub(in crate::store) fn key(&self) -> impl Iterator<Item = usize> {
        self.key.iter().map(|key| self.place_of(key))
    }

    /// The key's first columns that every engine puts in the same order by itself. The order of texts is the engine's (or
    /// its collation's) own: they come after, and rows that differ in them alone are put in order here.
    pub(in crate::store) fn key_in_order(&self) -> impl Iterator<Item = usize> {
        self.key().take_while(|at| !matches!(self.columns[*at].sort, Sort::Text | Sort::Json))
    }

    /// Where a column stands in the rows.
    pub(in crate::store) fn place_of(&self, name: &str) -> usize {
        let place = self.columns.iter().position(|column| column.name == name);
        place.expect("whoever asks for a column has read its name in the list below")
    }

    /// The names of the columns, with commas.
    pub(in crate::store) fn names(&self) -> String {
        self.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ")
    }
}

/// The table of this name.
pub(in crate::store) fn table(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}

/// Numbers of the last event, message and delivery, as one row; each engine keeps them in its own way.
pub(in crate::store) const COUNTERS: &str = "counters";
/// The petitions' documents: what full text is made from.
pub(in crate::store) const DOSSIERS: &str = "dossiers";
/// Callers' keys.
pub(in crate::store) const REQUESTS: &str = "requests";

/// Small tables in which almost all that a gateway does shows: they tell soon that a source is not what it was. What they do
/// not show is found in the end, when all is compared.
pub(super) const STATE: [&str; 4] = [COUNTERS, "channels", "cursors", "code_lists"];

/// Every table, in the order in which they are copied: what a row refers to comes before it.
pub(in crate::store) static TABLES: [Table; 15] = [
    Table {
        name: "petitions",
        record: "petition",
        key: &["pk"],
        columns: &[
            integer("pk"),
            uuid("id"),
            integer("version"),
            integer("seq_last"),
            text("channel"),
            text("external_id"),
            text("status"),
            text("kind"),
            text("field_code"),
            text("locality"),
            text("forwarding_agency"),
            text("receiving_agency"),
            text("unit"),
            text("forwarded_to"),
            integer("received_at_us"),
            text("due_on"),
        ],
    },
    Table { name: DOSSIERS, record: "document", key: &["petition"], columns: &[integer("petition"), json("doc")] },
    Table {
        name: "events",
        record: "event",
        key: &["seq"],
        columns: &[integer("seq"), uuid("petition"), integer("version"), integer("at"), text("actor"), json("body")],
    },
    Table {
        name: REQUESTS,
        record: "request",
        key: &["id", "principal"],
        columns: &[
            uuid("id"),
            text("principal"),
            bytes("fingerprint"),
            uuid("petition"),
            integer("version"),
            integer("seq"),
        ],
    },
    Table {
        name: "messages",
        record: "message",
        key: &["id"],
        columns: &[
            integer("id"),
            text("channel"),
            integer("entrance"),
            text("route"),
            text("content_type"),
            integer("received_at"),
            text("sha256"),
            integer("state"),
            bytes("body"),
        ],
    },
    Table {
        name: "items",
        record: "item",
        key: &["message", "place_no"],
        columns: &[
            integer("message"),
            integer("place_no"),
            text("place"),
            maybe(text("external_id")),
            text("state"),
            json("faults"),
            maybe(uuid("petition")),
            maybe(text("discarded")),
        ],
    },
    Table {
        name: "deliveries",
        record: "delivery",
        key: &["n"],
        columns: &[
            integer("n"),
            uuid("id"),
            uuid("petition"),
            text("channel"),
            maybe(text("lane")),
            integer("state"),
            boolean("head"),
            boolean("leased"),
            integer("attempts"),
            integer("attempts_in_round"),
            integer("next_at"),
            integer("due_at"),
            integer("created_at"),
            maybe(integer("ended_at")),
            maybe(text("reason")),
            maybe(text("remote_reference")),
            boolean("in_doubt"),
            integer("silent_attempts"),
        ],
    },
    Table { name: "errands", record: "errand", key: &["delivery"], columns: &[integer("delivery"), json("body")] },
    Table {
        name: "attempts",
        record: "attempt",
        key: &["delivery", "number"],
        columns: &[integer("delivery"), integer("number"), integer("at"), text("verdict"), maybe(text("reason"))],
    },
    Table {
        name: "channels",
        record: "channel",
        key: &["name"],
        columns: &[
            text("name"),
            boolean("paused"),
            text("paused_reason"),
            maybe(integer("last_inbound_at")),
            maybe(integer("last_delivered_at")),
            integer("petitions"),
            integer("messages"),
            integer("quarantined"),
            integer("pending"),
            integer("delivered"),
            integer("dead_letters"),
        ],
    },
    Table {
        name: "cursors",
        record: "cursor",
        key: &["channel", "feed"],
        columns: &[text("channel"), text("feed"), text("cursor"), integer("at")],
    },
    Table {
        name: "code_lists",
        record: "code list",
        key: &["channel", "name"],
        columns: &[text("channel"), text("name"), json("entries")],
    },
    Table {
        name: "reconciliations",
        record: "reconciliation",
        key: &["id"],
        columns: &[
            uuid("id"),
            text("channel"),
            text("state"),
            maybe(text("cursor")),
            integer("began_at"),
            maybe(integer("ended_at")),
            integer("listed"),
            integer("unreadable"),
            integer("compared"),
            integer("asked"),
            integer("found"),
            maybe(text("failure")),
        ],
    },
    Table {
        name: "differences",
        record: "difference",
        key: &["id"],
        columns: &[
            uuid("id"),
            text("channel"),
            text("external_id"),
            maybe(uuid("petition")),
            maybe(uuid("delivery")),
            text("kind"),
            text("state"),
            uuid("found_in"),
            uuid("seen_in"),
            integer("found_at"),
            maybe(integer("closed_at")),
            maybe(text("outcome")),
        ],
    },
    // One row, which needs no key.
    Table {
        name: COUNTERS,
        record: "row of counters",
        key: &[],
        columns: &[integer("seq"), integer("message"), integer("delivery")],
    },
];

const fn column(name: &'static str, sort: Sort) -> Column {
    Column { name, sort, may_be_absent: false }
}

const fn integer(name: &'static str) -> Column {
    column(name, Sort::Integer)
}

const fn boolean(name: &'static str) -> Column {
    column(name, Sort::Boolean)
}

const fn uuid(name: &'static str) -> Column {
    column(name, Sort::Uuid)
}

const fn text(name: &'static str) -> Column {
    column(name, Sort::Text)
}

const fn json(name: &'static str) -> Column {
    column(name, Sort::Json)
}

const fn bytes(name: &'static str) -> Column {
    column(name, Sort::Bytes)
}

const fn maybe(column: Column) -> Column {
    Column { may_be_absent: true, ..column }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_made_of_columns_and_every_name_is_told_once() {
        for it in &TABLES {
            assert_eq!(it.key().count(), it.key.len());
            assert_eq!(TABLES.iter().filter(|other| other.name == it.name).count(), 1);
        }
        assert!(STATE.iter().all(|name| table(name).is_some()));
    }

    #[test]
    fn texts_are_put_in_order_here_and_numbers_and_ids_by_the_engine() {
        let in_order = |name: &str| table(name).unwrap().key_in_order().count();
        assert_eq!(["items", REQUESTS, "cursors"].map(in_order), [2, 1, 0]);
    }
}
