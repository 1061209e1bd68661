-- oldest: 2
-- What is not known of deliveries. `in_doubt`: the far side may have it from an attempt before the one under way; while
-- `leased` the attempt under way leaves a doubt of its own until it is settled. `silent_attempts`: how many attempts of
-- this round ended without a word. Until now nobody noted what an attempt had come to, so what was tried is in doubt.
-- Gateways before this step would not keep these, nor read the events that tell of them.
ALTER TABLE deliveries ADD COLUMN in_doubt boolean NOT NULL DEFAULT false;
ALTER TABLE deliveries ADD COLUMN silent_attempts bigint NOT NULL DEFAULT 0;
UPDATE deliveries SET in_doubt = true WHERE state <> 1 AND attempts > 0;

-- Parked: pending (so that it holds its lane) and never due. Few: each waits for a person.
CREATE INDEX deliveries_parked ON deliveries (channel, n) WHERE state = 0 AND due_at = 9223372036854775807;
