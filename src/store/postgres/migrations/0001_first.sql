-- oldest: 1
-- The first schema. Times are nanoseconds since 1970 by the database's clock unless a column says otherwise. The tables and
-- their columns are those of the embedded engine (../../sqlite/migrations), so that a store can move from one to the other;
-- what several gateways need besides stands at the end. Text with a NUL, which PostgreSQL cannot hold, is escaped (rows.rs).

-- The one row that every writing transaction locks first: it makes numbers gapless and in commit order, and it lets one
-- transaction see all that others did before it. `seq`: the last event; `message`, `delivery`: the last row of each.
CREATE TABLE counters (
    one      boolean PRIMARY KEY DEFAULT true CONSTRAINT counters_one_row CHECK (one),
    seq      bigint NOT NULL,
    message  bigint NOT NULL,
    delivery bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO counters (seq, message, delivery) VALUES (0, 0, 0);

-- What lists ask by; narrow, so that walking it stays cheap. The petition itself is in `dossiers`.
-- `pk` is made of the millisecond of receipt and the number of the first event: its order is the order of receipt to the
-- millisecond, so pages come out of an index already in order.
CREATE TABLE petitions (
    pk                bigint PRIMARY KEY,
    id                uuid NOT NULL CONSTRAINT petition_id_once UNIQUE,
    version           bigint NOT NULL,
    seq_last          bigint NOT NULL,
    channel           text NOT NULL,
    external_id       text NOT NULL,
    status            text NOT NULL,
    kind              text NOT NULL,
    field_code        text NOT NULL,
    locality          text NOT NULL,
    forwarding_agency text NOT NULL,
    receiving_agency  text NOT NULL,
    unit              text NOT NULL,
    forwarded_to      text NOT NULL,
    received_at_us    bigint NOT NULL,          -- microseconds: what a page token carries
    due_on            text COLLATE "C" NOT NULL, -- '9999-12-31' where there is none, so that those come last
    CONSTRAINT petition_external_id_once UNIQUE (channel, external_id)
) WITH (fillfactor = 85);
-- By time and not by `pk`, so that no other index gives a list of one value its order (petition_conditions.rs).
CREATE INDEX petitions_by_status ON petitions (status, received_at_us);
CREATE INDEX petitions_by_due ON petitions (status, due_on, id);
CREATE INDEX petitions_by_field ON petitions (field_code, received_at_us);
CREATE INDEX petitions_by_locality ON petitions (locality, received_at_us);
CREATE INDEX petitions_by_forwarding_agency ON petitions (forwarding_agency, received_at_us);
CREATE INDEX petitions_by_receiving_agency ON petitions (receiving_agency, received_at_us);
CREATE INDEX petitions_by_unit ON petitions (unit, received_at_us);
CREATE INDEX petitions_by_forwarded_to ON petitions (forwarded_to, received_at_us);

-- The petition as it stands, as JSON.
CREATE TABLE dossiers (
    petition bigint PRIMARY KEY,
    doc      text NOT NULL
);

-- The words of subject, body and the answer in force, cut and folded by the gateway; only "every word occurs" is asked.
CREATE TABLE texts (
    petition bigint PRIMARY KEY,
    words    text[] NOT NULL
);
-- New words wait in a short list of the index, cleared by whoever fills it up: short, because the counter row is held then.
CREATE INDEX texts_by_word ON texts USING gin (words) WITH (gin_pending_list_limit = 512);

CREATE TABLE events (
    seq      bigint PRIMARY KEY,
    petition uuid NOT NULL,
    version  bigint NOT NULL,
    at       bigint NOT NULL,
    actor    text NOT NULL,
    body     text NOT NULL,
    CONSTRAINT event_version_once UNIQUE (petition, version)
);

-- Callers' keys; kept as long as the record. The id comes first: it is the part that tells keys apart.
CREATE TABLE requests (
    id          uuid NOT NULL,
    principal   text NOT NULL,
    fingerprint bytea NOT NULL,
    petition    uuid NOT NULL,
    version     bigint NOT NULL,
    seq         bigint NOT NULL,
    CONSTRAINT request_once PRIMARY KEY (id, principal)
);

-- The journal. `state`: 0 received, 1 done. `entrance`: 0 pushed, 1 pulled. `owner`: the gateway that deals with it.
CREATE TABLE messages (
    id           bigint PRIMARY KEY,
    channel      text NOT NULL,
    entrance     bigint NOT NULL,
    route        text NOT NULL,
    content_type text NOT NULL,
    received_at  bigint NOT NULL,
    sha256       text NOT NULL,
    state        bigint NOT NULL,
    owner        uuid,
    body         bytea NOT NULL
);
CREATE INDEX messages_unfinished ON messages (id) WHERE state = 0;

CREATE TABLE items (
    message     bigint NOT NULL CONSTRAINT item_message REFERENCES messages (id),
    place_no    bigint NOT NULL,
    place       text NOT NULL,
    external_id text,
    state       text NOT NULL,
    faults      text NOT NULL,
    petition    uuid,
    discarded   text,
    CONSTRAINT item_once PRIMARY KEY (message, place_no)
);
CREATE INDEX items_by_petition ON items (petition, message, place_no) WHERE petition IS NOT NULL;
CREATE INDEX items_in_quarantine ON items (message, place_no) WHERE state = 'quarantined';

-- `state`: 0 pending, 1 delivered, 2 dead letter. `head`: the first pending delivery of its lane and every pending one
-- without a lane: what may be claimed. `due_at`: the next attempt's time, or the end of the lease. The lease's name is made
-- of `n` and `attempts`; `leased` says whether it is held.
CREATE TABLE deliveries (
    n                 bigint PRIMARY KEY,
    id                uuid NOT NULL CONSTRAINT delivery_id_once UNIQUE,
    petition          uuid NOT NULL,
    channel           text NOT NULL,
    lane              text,
    state             bigint NOT NULL,
    head              boolean NOT NULL,
    leased            boolean NOT NULL,
    attempts          bigint NOT NULL,
    attempts_in_round bigint NOT NULL,
    next_at           bigint NOT NULL,
    due_at            bigint NOT NULL,
    created_at        bigint NOT NULL,
    ended_at          bigint,
    reason            text,
    remote_reference  text
) WITH (fillfactor = 70);
CREATE INDEX deliveries_due ON deliveries (channel, due_at, n) WHERE head;
CREATE INDEX deliveries_by_lane ON deliveries (channel, lane, n) WHERE state = 0 AND lane IS NOT NULL;
CREATE INDEX deliveries_by_petition ON deliveries (petition, n);
CREATE INDEX deliveries_pending ON deliveries (n) WHERE state = 0;
CREATE INDEX deliveries_dead ON deliveries (n) WHERE state = 2;

-- What a delivery does: written once, so that attempts rewrite narrow rows only.
CREATE TABLE errands (
    delivery bigint PRIMARY KEY,
    body     text NOT NULL
);

CREATE TABLE attempts (
    delivery bigint NOT NULL,
    number   bigint NOT NULL,
    at       bigint NOT NULL,
    verdict  text NOT NULL,
    reason   text,
    CONSTRAINT attempt_once PRIMARY KEY (delivery, number)
);

-- One row a channel, with its counts: kept in the transaction that changes them, so that nobody counts big tables.
-- `sync_asked`: whoever holds the channel is to pull it at its next beat.
CREATE TABLE channels (
    name              text PRIMARY KEY,
    paused            boolean NOT NULL DEFAULT false,
    paused_reason     text NOT NULL DEFAULT '',
    last_inbound_at   bigint,
    last_delivered_at bigint,
    petitions         bigint NOT NULL DEFAULT 0,
    messages          bigint NOT NULL DEFAULT 0,
    quarantined       bigint NOT NULL DEFAULT 0,
    pending           bigint NOT NULL DEFAULT 0,
    delivered         bigint NOT NULL DEFAULT 0,
    dead_letters      bigint NOT NULL DEFAULT 0,
    sync_asked        boolean NOT NULL DEFAULT false
) WITH (fillfactor = 20);

CREATE TABLE cursors (
    channel text NOT NULL,
    feed    text NOT NULL,
    cursor  text NOT NULL,
    at      bigint NOT NULL,
    CONSTRAINT cursor_once PRIMARY KEY (channel, feed)
) WITH (fillfactor = 20);

CREATE TABLE code_lists (
    channel text NOT NULL,
    name    text NOT NULL,
    entries text NOT NULL,
    CONSTRAINT code_list_once PRIMARY KEY (channel, name)
);

-- The gateways on this store. `until`: alive until then, unless it beats again. `about`, `seen`: which it is, and what it
-- sees of far sides, as JSON; null before its first beat.
-- `batch`, `answers`: its last transaction and what was answered, so that a commit whose reply was lost is looked up.
CREATE TABLE gateways (
    id      uuid PRIMARY KEY,
    until   bigint NOT NULL,
    about   text,
    seen    text,
    batch   uuid,
    answers bytea
) WITH (fillfactor = 20);

-- Whose each channel is to pull.
CREATE TABLE turns (
    channel text PRIMARY KEY,
    gateway uuid NOT NULL,
    until   bigint NOT NULL
) WITH (fillfactor = 20);
