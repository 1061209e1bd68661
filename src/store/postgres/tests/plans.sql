-- A database that is large enough for the choice of an index to matter: 100,000 petitions of two years, most of them closed,
-- the newest 2,000 not, with what rows and values are rare in a real one. Every petition has a millisecond of its own, but
-- the last 3,000 share three.

-- Indexes are made again after the rows: that takes half the time.
CREATE TEMPORARY TABLE made_again AS
SELECT pg_get_indexdef(indexrelid) AS definition, indexrelid::regclass::text AS name FROM pg_index
WHERE indrelid::regclass::text IN ('petitions', 'texts', 'deliveries', 'items') AND NOT indisunique;
DO $$ BEGIN
    EXECUTE (SELECT 'DROP INDEX ' || string_agg(name, ', ') FROM made_again);
END $$;

INSERT INTO channels (name, petitions) VALUES ('assembly', 10000), ('axis', 2000), ('portal', 88000);

INSERT INTO petitions
SELECT (at << 20) | n, md5('p' || n)::uuid, 3, n * 3,
       CASE WHEN n % 50 = 0 THEN 'axis' WHEN n % 10 = 0 THEN 'assembly' ELSE 'portal' END, 'PA-' || n,
       CASE WHEN n > 98000 THEN 'received' WHEN n % 211 = 0 THEN 'reopened' WHEN n % 37 = 0 THEN 'in_progress'
            WHEN n % 11 = 0 THEN 'declined' WHEN n % 7 = 0 THEN 'answered' ELSE 'closed' END,
       'petition', 'F' || n % 40,
       -- The old localities are of the first year only.
       CASE WHEN n % 20011 = 7 THEN 'rare' WHEN n < 50000 THEN 'old-' || n % 9 ELSE 'P' || n % 34 END,
       'A' || n % 30, 'G09', 'U' || n % 100, CASE WHEN n % 20011 = 8 THEN 'rare' ELSE '' END,
       at * 1000 + n % 1000,
       CASE WHEN n % 5 = 0 THEN '9999-12-31' ELSE (date '2019-07-01' + (n / 144 + n % 30)::int)::text END
FROM generate_series(1::bigint, 100000) AS n,
     LATERAL (SELECT 1561939200000 + CASE WHEN n > 97000 THEN 97000 + n / 1000 ELSE n END * 600000 AS at) AS times;

INSERT INTO dossiers SELECT pk, '{}' FROM petitions;

-- 'ho' is in half of them, 'w0' in most, 'rare' in five; the rest follow Zipf's law.
INSERT INTO texts
SELECT pk, ARRAY(SELECT DISTINCT 'w' || (3000 * power(random(), 4))::int FROM generate_series(1, 12) WHERE pk > 0)
           || CASE WHEN seq_last % 2 = 0 THEN '{ho}'::text[] ELSE '{}' END
           || CASE WHEN locality = 'rare' THEN '{rare}'::text[] ELSE '{}' END
FROM petitions;

INSERT INTO events
SELECT seq_last - 3 + v, id, v, received_at_us * 1000 + v, 'system', '{}' FROM petitions, generate_series(1, 3) AS v;

INSERT INTO requests
SELECT md5('r' || n)::uuid, 'ministry', '\x00', md5('p' || n)::uuid, 1, n * 3 FROM generate_series(1, 100000) AS n;

INSERT INTO messages
SELECT n, 'portal', 0, '/petitions', 'application/json', n, md5('m' || n), CASE WHEN n % 10007 = 1 THEN 0 ELSE 1 END,
       CASE n % 3 WHEN 0 THEN NULL ELSE md5('g' || n % 3)::uuid END, '\x7b7d'
FROM generate_series(1::bigint, 100000) AS n;

INSERT INTO items
SELECT n, 0, '', 'PA-' || n, CASE WHEN n % 1009 = 0 THEN 'quarantined' ELSE 'taken' END,
       CASE WHEN n % 1009 = 0 THEN '[{"code":"missing","place":"a","message":"b"}]' ELSE '[]' END,
       CASE WHEN n % 1009 = 0 THEN NULL ELSE md5('p' || n)::uuid END, NULL
FROM generate_series(1, 100000) AS n;

-- One a petition, in its lane: most are delivered, the last 900 wait, some are dead letters.
INSERT INTO deliveries
SELECT n, md5('d' || n)::uuid, md5('p' || n)::uuid, CASE WHEN n % 50 = 0 THEN 'axis' ELSE 'portal' END, 'PA-' || n,
       CASE WHEN n > 99100 THEN 0 WHEN n % 1009 = 0 THEN 2 ELSE 1 END,
       n > 99100 AND n % 3 = 1, n > 99100 AND n % 30 = 1, 1, 1, n, n, n, NULL, NULL, NULL
FROM generate_series(1::bigint, 100000) AS n;

INSERT INTO errands SELECT n, '{}' FROM generate_series(1, 100000) AS n;

INSERT INTO attempts SELECT n, 1, n, 'delivered', NULL FROM generate_series(1, 100000) AS n;

INSERT INTO gateways (id, until, seen) SELECT md5('g' || n)::uuid, 1000000, '{}' FROM generate_series(0, 3) AS n;

UPDATE counters SET seq = 300000, message = 100000, delivery = 100000;

DO $$ BEGIN
    EXECUTE (SELECT string_agg(definition, '; ') FROM made_again);
END $$;
ANALYZE;
