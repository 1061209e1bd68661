-- The first schema. Times are nanoseconds since 1970 unless a column says otherwise; ids are the 16 bytes of a UUID.
-- Every table is STRICT: a value of another type is a defect and must not be stored.

-- `seq`: the number of the last event. One row, moved inside the transaction: gapless and in commit order.
CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO counters (name, value) VALUES ('seq', 0);

-- What lists ask by; narrow, so that walking it stays cheap. The petition itself is in `dossiers`.
-- `pk` is made of the millisecond of receipt and the number of the first event (see pk.rs): its order is the order
-- of receipt to the millisecond, so pages and full-text hits come out of the index already in order.
CREATE TABLE petitions (
    pk                INTEGER PRIMARY KEY,
    id                BLOB NOT NULL CONSTRAINT petition_id_once UNIQUE,
    version           INTEGER NOT NULL,
    seq_last          INTEGER NOT NULL,
    channel           TEXT NOT NULL,
    external_id       TEXT NOT NULL,
    status            TEXT NOT NULL,
    kind              TEXT NOT NULL,
    field_code        TEXT NOT NULL,
    locality          TEXT NOT NULL,
    forwarding_agency TEXT NOT NULL,
    receiving_agency  TEXT NOT NULL,
    unit              TEXT NOT NULL,
    forwarded_to      TEXT NOT NULL,
    received_at_us    INTEGER NOT NULL, -- microseconds: what a page token carries
    due_on            TEXT NOT NULL,    -- '9999-12-31' where there is none, so that those come last
    CONSTRAINT petition_external_id_once UNIQUE (channel, external_id)
) STRICT;
CREATE INDEX petitions_by_status ON petitions (status);
CREATE INDEX petitions_by_due ON petitions (status, due_on, id);

-- The petition as it stands, as JSON.
CREATE TABLE dossiers (
    petition INTEGER PRIMARY KEY,
    doc      TEXT NOT NULL
) STRICT;

CREATE TABLE events (
    seq      INTEGER PRIMARY KEY,
    petition BLOB NOT NULL,
    version  INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    actor    TEXT NOT NULL,
    body     TEXT NOT NULL,
    CONSTRAINT event_version_once UNIQUE (petition, version)
) STRICT;

-- Callers' keys, appended in time order; found by a short hash, because keys themselves are random and an index of
-- whole keys would not fit the cache after some million calls. Kept as long as the record.
CREATE TABLE requests (
    n           INTEGER PRIMARY KEY,
    hash        INTEGER NOT NULL,
    principal   TEXT NOT NULL,
    id          BLOB NOT NULL,
    fingerprint BLOB NOT NULL,
    petition    BLOB NOT NULL,
    version     INTEGER NOT NULL,
    seq         INTEGER NOT NULL
) STRICT;
CREATE INDEX requests_by_hash ON requests (hash);

-- The journal. `state`: 0 received, 1 done. The body stands last, so that reading the rest does not read it.
CREATE TABLE messages (
    id           INTEGER PRIMARY KEY,
    channel      TEXT NOT NULL,
    entrance     INTEGER NOT NULL, -- 0 pushed, 1 pulled
    route        TEXT NOT NULL,
    content_type TEXT NOT NULL,
    received_at  INTEGER NOT NULL,
    sha256       TEXT NOT NULL,
    state        INTEGER NOT NULL,
    body         BLOB NOT NULL
) STRICT;
CREATE INDEX messages_unfinished ON messages (id) WHERE state = 0;

CREATE TABLE items (
    message     INTEGER NOT NULL CONSTRAINT item_message REFERENCES messages (id),
    place_no    INTEGER NOT NULL,
    place       TEXT NOT NULL,
    external_id TEXT,
    state       TEXT NOT NULL,
    faults      TEXT NOT NULL,
    petition    BLOB,
    discarded   TEXT,
    PRIMARY KEY (message, place_no)
) STRICT, WITHOUT ROWID;
CREATE INDEX items_by_petition ON items (petition) WHERE petition IS NOT NULL;
CREATE INDEX items_in_quarantine ON items (message, place_no) WHERE state = 'quarantined';

-- `state`: 0 pending, 1 delivered, 2 dead letter. `head`: 1 for the first pending delivery of its lane and for every
-- pending one without a lane: what may be claimed. `due_at`: the next attempt's time, or the end of the lease.
-- The lease's name is made of `n` and `attempts`; `leased` says whether it is held.
CREATE TABLE deliveries (
    n                 INTEGER PRIMARY KEY,
    id                BLOB NOT NULL CONSTRAINT delivery_id_once UNIQUE,
    petition          BLOB NOT NULL,
    channel           TEXT NOT NULL,
    lane              TEXT,
    state             INTEGER NOT NULL,
    head              INTEGER NOT NULL,
    leased            INTEGER NOT NULL,
    attempts          INTEGER NOT NULL,
    attempts_in_round INTEGER NOT NULL,
    next_at           INTEGER NOT NULL,
    due_at            INTEGER NOT NULL,
    created_at        INTEGER NOT NULL,
    ended_at          INTEGER,
    reason            TEXT,
    remote_reference  TEXT
) STRICT;
CREATE INDEX deliveries_due ON deliveries (channel, due_at) WHERE head = 1;
CREATE INDEX deliveries_by_lane ON deliveries (channel, lane) WHERE state = 0 AND lane IS NOT NULL;
CREATE INDEX deliveries_by_petition ON deliveries (petition);
CREATE INDEX deliveries_pending ON deliveries (n) WHERE state = 0;
CREATE INDEX deliveries_dead ON deliveries (n) WHERE state = 2;

-- What a delivery does: written once, so that attempts rewrite narrow rows only.
CREATE TABLE errands (
    delivery INTEGER PRIMARY KEY,
    body     TEXT NOT NULL
) STRICT;

CREATE TABLE attempts (
    delivery INTEGER NOT NULL,
    number   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    verdict  TEXT NOT NULL,
    reason   TEXT,
    PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;

-- One row a channel, with its counts: kept in the transaction that changes them, so that nobody counts big tables.
CREATE TABLE channels (
    name              TEXT PRIMARY KEY,
    paused            INTEGER NOT NULL DEFAULT 0,
    paused_reason     TEXT NOT NULL DEFAULT '',
    last_inbound_at   INTEGER,
    last_delivered_at INTEGER,
    petitions         INTEGER NOT NULL DEFAULT 0,
    messages          INTEGER NOT NULL DEFAULT 0,
    quarantined       INTEGER NOT NULL DEFAULT 0,
    pending           INTEGER NOT NULL DEFAULT 0,
    delivered         INTEGER NOT NULL DEFAULT 0,
    dead_letters      INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE TABLE cursors (
    channel TEXT NOT NULL,
    feed    TEXT NOT NULL,
    cursor  TEXT NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (channel, feed)
) STRICT, WITHOUT ROWID;

CREATE TABLE code_lists (
    channel TEXT NOT NULL,
    name    TEXT NOT NULL,
    entries TEXT NOT NULL,
    PRIMARY KEY (channel, name)
) STRICT, WITHOUT ROWID;

-- Full text of subject, body and the answer in force, by `petitions.pk`. The gateway cuts and folds the words itself
-- (words.rs), so the plain tokenizer sees the same words in a text and in a query. No word positions are kept: only
-- "every word occurs" is asked.
CREATE VIRTUAL TABLE petition_fts USING fts5 (
    words, content = '', contentless_delete = 1, detail = none, tokenize = 'ascii'
);
