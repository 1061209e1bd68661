//! What an inspection reads: statements that both engines understand, and what each column of their answers is.
//!
//! Each statement gives its rows by a whole number in the first column, so that a page begins after the last row of the one
//! before (`$1`) and has so many rows (`$2`), or is all that belongs to the rows of another page (`$1` to `$2`). None of them
//! holds anybody up, and each answers from an index.

use crate::store::copy::{Column, Sort};

/// A statement and its columns.
#[derive(Debug)]
pub(in crate::store) struct View {
    /// The statement.
    pub(in crate::store) sql: &'static str,
    /// What it answers.
    pub(in crate::store) columns: &'static [Column],
}

/// Events after `$1`, `$2` of them.
pub(super) static EVENTS: View = View {
    sql: "SELECT e.seq, e.petition, e.version, e.at,
                 EXISTS (SELECT 1 FROM petitions p WHERE p.id = e.petition) AS has_petition
          FROM events e WHERE e.seq > $1 ORDER BY e.seq LIMIT $2",
    columns: &[integer("seq"), uuid("petition"), integer("version"), integer("at"), boolean("has_petition")],
};

/// Petitions after row `$1`, `$2` of them, with their documents.
pub(super) static PETITIONS: View = View {
    sql:
        "SELECT p.pk, p.id, p.version, p.seq_last, p.channel, p.external_id, p.status, p.kind, p.field_code, p.locality,
                 p.forwarding_agency, p.receiving_agency, p.unit, p.forwarded_to, p.received_at_us, p.due_on, d.doc
          FROM petitions p LEFT JOIN dossiers d ON d.petition = p.pk WHERE p.pk > $1 ORDER BY p.pk LIMIT $2",
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
        maybe(json("doc")),
    ],
};

/// The events of the petitions after row `$1` up to row `$2`.
pub(super) static HISTORIES: View = View {
    sql: "SELECT p.pk, e.seq, e.petition, e.version, e.at, e.actor, e.body
          FROM petitions p JOIN events e ON e.petition = p.id WHERE p.pk > $1 AND p.pk <= $2 ORDER BY p.pk",
    columns: &[
        integer("pk"),
        integer("seq"),
        uuid("petition"),
        integer("version"),
        integer("at"),
        text("actor"),
        json("body"),
    ],
};

/// Messages after `$1`, `$2` of them, without their bytes.
pub(super) static MESSAGES: View = View {
    sql: "SELECT m.id, m.channel, m.received_at, m.sha256, m.state, CAST(length(m.body) AS bigint) AS size_bytes
          FROM messages m WHERE m.id > $1 ORDER BY m.id LIMIT $2",
    columns: &[
        integer("id"),
        text("channel"),
        integer("received_at"),
        text("sha256"),
        integer("state"),
        integer("size_bytes"),
    ],
};

/// The bytes of the messages after `$1` up to `$2`.
pub(super) static BODIES: View = View {
    sql: "SELECT m.id, m.body FROM messages m WHERE m.id > $1 AND m.id <= $2 ORDER BY m.id",
    columns: &[integer("id"), bytes("body")],
};

/// The items of the messages after `$1` up to `$2`.
pub(super) static ITEMS: View = View {
    sql: "SELECT i.message, i.place_no, i.state, i.faults, i.petition, i.discarded,
                 EXISTS (SELECT 1 FROM petitions p WHERE p.id = i.petition) AS has_petition
          FROM items i WHERE i.message > $1 AND i.message <= $2 ORDER BY i.message, i.place_no",
    columns: &[
        integer("message"),
        integer("place_no"),
        text("state"),
        json("faults"),
        maybe(uuid("petition")),
        maybe(text("discarded")),
        boolean("has_petition"),
    ],
};

/// Whether the message `$1` is still not dealt with.
pub(super) static UNFINISHED: View =
    View { sql: "SELECT m.id FROM messages m WHERE m.id = $1 AND m.state = 0", columns: &[integer("id")] };

/// Deliveries after `$1`, `$2` of them, each with how its lane stands.
pub(super) static DELIVERIES: View = View {
    sql: "SELECT d.n, d.id, d.channel, d.lane, d.state, d.head, d.leased, d.attempts, d.attempts_in_round,
                 d.next_at, d.due_at, d.created_at, d.ended_at, d.reason, d.in_doubt, d.silent_attempts, e.body,
                 EXISTS (SELECT 1 FROM petitions p WHERE p.id = d.petition) AS has_petition,
                 CASE WHEN d.state = 0 AND d.lane IS NOT NULL THEN
                     (SELECT min(l.n) FROM deliveries l WHERE l.channel = d.channel AND l.lane = d.lane AND l.state = 0
                                                          AND l.lane IS NOT NULL) END AS lane_first,
                 CASE WHEN d.state = 0 AND d.lane IS NOT NULL THEN
                     (SELECT count(*) FROM deliveries l WHERE l.channel = d.channel AND l.lane = d.lane AND l.state = 0
                                                          AND l.lane IS NOT NULL AND l.head) END AS lane_heads,
                 CASE WHEN d.state = 0 AND d.lane IS NOT NULL THEN
                     EXISTS (SELECT 1 FROM deliveries l WHERE l.petition = d.petition AND l.channel = d.channel
                                                          AND l.lane = d.lane AND l.n > d.n AND l.state = 1
                                                          AND l.attempts > 0)
                 ELSE false END AS was_overtaken
          FROM deliveries d LEFT JOIN errands e ON e.delivery = d.n WHERE d.n > $1 ORDER BY d.n LIMIT $2",
    columns: &[
        integer("n"),
        uuid("id"),
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
        boolean("in_doubt"),
        integer("silent_attempts"),
        maybe(json("body")),
        boolean("has_petition"),
        maybe(integer("lane_first")),
        maybe(integer("lane_heads")),
        boolean("was_overtaken"),
    ],
};

/// The attempts of the deliveries after `$1` up to `$2`.
pub(super) static ATTEMPTS: View = View {
    sql: "SELECT a.delivery, a.number, a.at, a.verdict FROM attempts a WHERE a.delivery > $1 AND a.delivery <= $2
          ORDER BY a.delivery, a.number",
    columns: &[integer("delivery"), integer("number"), integer("at"), text("verdict")],
};

/// The channels' own counts.
pub(super) static CHANNELS: View = View {
    sql: "SELECT name, petitions, messages, quarantined, pending, delivered, dead_letters FROM channels ORDER BY name",
    columns: &[
        text("name"),
        integer("petitions"),
        integer("messages"),
        integer("quarantined"),
        integer("pending"),
        integer("delivered"),
        integer("dead_letters"),
    ],
};

/// What those counts count, one by one.
pub(super) static COUNTED_PETITIONS: View =
    counted("SELECT channel, CAST(0 AS bigint), count(*) FROM petitions GROUP BY channel");
pub(super) static COUNTED_MESSAGES: View =
    counted("SELECT channel, CAST(0 AS bigint), count(*) FROM messages GROUP BY channel");
pub(super) static COUNTED_QUARANTINED: View = counted(
    "SELECT m.channel, CAST(0 AS bigint), count(*) FROM items i JOIN messages m ON m.id = i.message
     WHERE i.state = 'quarantined' GROUP BY m.channel",
);
pub(super) static COUNTED_DELIVERIES: View =
    counted("SELECT channel, state, count(*) FROM deliveries GROUP BY channel, state");

/// Cursors of feeds.
pub(super) static CURSORS: View = View {
    sql: "SELECT channel, feed, cursor FROM cursors",
    columns: &[text("channel"), text("feed"), text("cursor")],
};

/// Code lists.
pub(super) static CODE_LISTS: View = View {
    sql: "SELECT channel, name, entries FROM code_lists",
    columns: &[text("channel"), text("name"), json("entries")],
};

/// Callers' keys whose answer names an event (after `$1`) that is not there, `$2` of them.
pub(super) static LOST_REQUESTS: View = View {
    sql: "SELECT r.seq, r.id, r.petition FROM requests r
          WHERE r.seq > $1 AND NOT EXISTS (SELECT 1 FROM events e JOIN petitions p ON p.id = e.petition
                                           WHERE e.seq = r.seq AND e.petition = r.petition AND e.version = r.version)
          LIMIT $2",
    columns: &[integer("seq"), uuid("id"), uuid("petition")],
};

/// How many callers' keys there are with an event after `$1`.
pub(super) static REQUESTS: View =
    View { sql: "SELECT count(*) FROM requests WHERE seq > $1", columns: &[integer("count")] };

/// The first row after `$1` of what grows with time, and its time.
pub(super) static EVENT_TIMES: View = View {
    sql: "SELECT seq, at FROM events WHERE seq > $1 ORDER BY seq LIMIT 1",
    columns: &[integer("seq"), integer("at")],
};
pub(super) static MESSAGE_TIMES: View = View {
    sql: "SELECT id, received_at FROM messages WHERE id > $1 ORDER BY id LIMIT 1",
    columns: &[integer("id"), integer("received_at")],
};
pub(super) static DELIVERY_TIMES: View = View {
    sql: "SELECT n, created_at FROM deliveries WHERE n > $1 ORDER BY n LIMIT 1",
    columns: &[integer("n"), integer("created_at")],
};

/// The last rows of what is numbered.
pub(super) static LAST_ROWS: View = View {
    sql: "SELECT coalesce((SELECT max(seq) FROM events), 0), coalesce((SELECT max(id) FROM messages), 0),
                 coalesce((SELECT max(n) FROM deliveries), 0)",
    columns: &[integer("seq"), integer("message"), integer("delivery")],
};

const fn counted(sql: &'static str) -> View {
    const COLUMNS: [Column; 3] = [text("channel"), integer("state"), integer("count")];
    View { sql, columns: &COLUMNS }
}

const fn column(name: &'static str, sort: Sort) -> Column {
    Column { name, sort, may_be_absent: false }
}

pub(in crate::store) const fn integer(name: &'static str) -> Column {
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
