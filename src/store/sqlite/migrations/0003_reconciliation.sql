-- Reconciliations (đối soát). Conventions as in the first schema.

-- The runs. `state`: listing, comparing, missing, closing, done, failed. `cursor`: where that state's work stands.
CREATE TABLE reconciliations (
    id         BLOB NOT NULL PRIMARY KEY,
    channel    TEXT NOT NULL,
    state      TEXT NOT NULL,
    cursor     TEXT,
    began_at   INTEGER NOT NULL,
    ended_at   INTEGER,
    listed     INTEGER NOT NULL,
    unreadable INTEGER NOT NULL,
    compared   INTEGER NOT NULL,
    asked      INTEGER NOT NULL,
    found      INTEGER NOT NULL,
    failure    TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX reconciliations_by_channel ON reconciliations (channel, id);

-- What a run's far side listed, as JSON; the next run writes over it. Scratch: it is not moved with a store.
CREATE TABLE listings (
    channel     TEXT NOT NULL,
    external_id TEXT NOT NULL,
    run         BLOB NOT NULL,
    entry       TEXT NOT NULL,
    PRIMARY KEY (channel, external_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE differences (
    id          BLOB NOT NULL PRIMARY KEY,
    channel     TEXT NOT NULL,
    external_id TEXT NOT NULL,
    petition    BLOB,
    delivery    BLOB,
    kind        TEXT NOT NULL,
    state       TEXT NOT NULL,
    found_in    BLOB NOT NULL,
    seen_in     BLOB NOT NULL,
    found_at    INTEGER NOT NULL,
    closed_at   INTEGER,
    outcome     TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX differences_by_external_id ON differences (channel, external_id);
CREATE INDEX differences_open ON differences (channel, id) WHERE state = 'open';
