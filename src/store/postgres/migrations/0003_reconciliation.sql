-- oldest: 3
-- Reconciliations (đối soát). Conventions as in the first schema.

-- The runs. `state`: listing, comparing, missing, closing, done, failed. `cursor`: where that state's work stands.
CREATE TABLE reconciliations (
    id         uuid PRIMARY KEY,
    channel    text NOT NULL,
    state      text NOT NULL,
    cursor     text,
    began_at   bigint NOT NULL,
    ended_at   bigint,
    listed     bigint NOT NULL,
    unreadable bigint NOT NULL,
    compared   bigint NOT NULL,
    asked      bigint NOT NULL,
    found      bigint NOT NULL,
    failure    text
);
CREATE INDEX reconciliations_by_channel ON reconciliations (channel, id);

-- What a run's far side listed, as JSON; the next run writes over it. Scratch: it is not moved with a store.
CREATE TABLE listings (
    channel     text NOT NULL,
    external_id text NOT NULL,
    run         uuid NOT NULL,
    entry       text NOT NULL,
    CONSTRAINT listing_once PRIMARY KEY (channel, external_id)
);

CREATE TABLE differences (
    id          uuid PRIMARY KEY,
    channel     text NOT NULL,
    external_id text NOT NULL,
    petition    uuid,
    delivery    uuid,
    kind        text NOT NULL,
    state       text NOT NULL,
    found_in    uuid NOT NULL,
    seen_in     uuid NOT NULL,
    found_at    bigint NOT NULL,
    closed_at   bigint,
    outcome     text
);
CREATE INDEX differences_by_external_id ON differences (channel, external_id);
CREATE INDEX differences_open ON differences (channel, id) WHERE state = 'open';
