-- Statements of the journal: commits and partitions (run by ingest), claims (run by the loader).

-- name: prepare_committer
-- A revocation holds its lock for milliseconds. A session that holds one longer must not delay the
-- other integrations of the group: after two seconds the group is committed without that one.
-- The plan of a group never depends on its size. Each of its statements must see what was committed
-- before it, whatever the server's default isolation is.
SET lock_timeout = '2s'; SET plan_cache_mode = force_generic_plan;
SET default_transaction_isolation = 'read committed';

-- name: commit_group
-- README.md names the arguments. Those passed as ::text are array literals.
SELECT log_size, token_hash, token_id, integration_id, client_id, state
  FROM journal.commit_group(
           $1::bytea[], $2::int[], $3::int[], $4::int[], $5::text[], $6::text::uuid[],
           $7::text::int[], $8::text::int[], $9::text::text[], $10::text[], $11::text::text[],
           $12::text::int[], $13::text::bigint[], $14::bytea[], $15::timestamptz,
           $16::text::text[], $17::text::text[], $18::text::text[], $19::bytea[]);

-- name: commit_group_idempotent
SELECT log_size, token_hash, token_id, integration_id, client_id, state, repeat_place,
       first_batch_id, first_sha256
  FROM journal.commit_group_once(
           $1::bytea[], $2::int[], $3::int[], $4::int[], $5::text[], $6::text::uuid[],
           $7::text::int[], $8::text::int[], $9::text::text[], $10::text[], $11::text::text[],
           $12::text::int[], $13::text::bigint[], $14::bytea[], $15::timestamptz,
           $16::text::text[], $17::text::text[], $18::text::text[], $19::bytea[], $20::bytea[],
           $21::text::int[]);

-- name: first_batches
SELECT g.place::int AS repeat_place, r.batch_id AS first_batch_id, r.body_sha256 AS first_sha256
  FROM unnest($1::int[], $2::text[], $3::bytea[]) WITH ORDINALITY
       AS g (integration_id, endpoint, known_by, place)
  JOIN journal.repeats r USING (integration_id, endpoint, known_by);

-- name: is_committed
-- For a group in doubt: a group is written completely or not at all.
SELECT EXISTS (SELECT FROM journal.receipts WHERE batch_id = ANY ($1::uuid[]));

-- name: make_partitions
SELECT journal.make_partitions($1::date, $2);

-- name: drop_partition
SELECT journal.drop_partition($1::date);

-- name: tables_with_work
-- A loose index scan, so that a backlog of millions costs as much as one of tens.
-- Continues after table $1, $2, so that no table is served before all others permanently.
WITH RECURSIVE work AS (
    (SELECT p.integration_id, p.table_hash FROM journal.pending p
      WHERE p.failed_at IS NULL AND (p.integration_id, p.table_hash) > ($1::int, $2::bigint)
      ORDER BY p.integration_id, p.table_hash LIMIT 1)
    UNION ALL
    SELECT further.integration_id, further.table_hash
      FROM work CROSS JOIN LATERAL (
        SELECT p.integration_id, p.table_hash FROM journal.pending p
         WHERE p.failed_at IS NULL
           AND (p.integration_id, p.table_hash) > (work.integration_id, work.table_hash)
         ORDER BY p.integration_id, p.table_hash LIMIT 1) AS further
)
SELECT work.integration_id, work.table_hash FROM work
 WHERE NOT EXISTS (SELECT FROM journal.leases l
                    WHERE l.integration_id = work.integration_id
                      AND l.table_hash = work.table_hash AND l.until > now()
                      AND EXISTS (SELECT FROM pg_stat_activity a
                                   WHERE a.application_name = 'pushgate loader ' || l.holder))
 LIMIT $3::int;

-- name: take_lease
-- A loader that is no longer connected has lost its leases (claims.py, loader_application_name).
INSERT INTO journal.leases AS mine (integration_id, table_hash, holder, until)
VALUES ($1, $2, $3, now() + make_interval(secs => $4::double precision))
ON CONFLICT (integration_id, table_hash) DO UPDATE
   SET holder = excluded.holder, until = excluded.until
 WHERE mine.until <= now() OR mine.holder = excluded.holder
    OR NOT EXISTS (SELECT FROM pg_stat_activity a
                    WHERE a.application_name = 'pushgate loader ' || mine.holder)
RETURNING true;

-- name: release_leases
DELETE FROM journal.leases
 WHERE holder = $1 AND ($2::int IS NULL OR (integration_id = $2 AND table_hash = $3::bigint));

-- name: claim_batches
SELECT p.batch_id, p.place, p.number, p.table_name, p.records, p.bytes, p.received_at, p.attempts,
       r.endpoint, p.request_id
  FROM journal.pending p JOIN journal.receipts r ON r.number = p.number
 WHERE p.integration_id = $1 AND p.table_hash = $2 AND p.failed_at IS NULL
 ORDER BY p.number LIMIT $3;

-- name: claimed_bodies
SELECT b.batch_id, b.media_type, b.body
  FROM unnest($1::uuid[], $2::timestamptz[]) AS asked (batch_id, received_at)
  JOIN journal.bodies b USING (batch_id, received_at);

-- name: still_pending
SELECT p.batch_id, p.place FROM journal.pending p
  JOIN unnest($1::uuid[], $2::int[]) AS asked (batch_id, place) USING (batch_id, place)
 WHERE p.failed_at IS NULL;

-- name: listed
-- Waiting or failed: what may still be loaded one day.
SELECT p.batch_id, p.place FROM journal.pending p
  JOIN unnest($1::uuid[], $2::int[]) AS asked (batch_id, place) USING (batch_id, place);

-- name: finish_batches
DELETE FROM journal.pending p USING unnest($1::uuid[], $2::int[]) AS done (batch_id, place)
 WHERE p.batch_id = done.batch_id AND p.place = done.place
RETURNING p.batch_id, p.place;

-- name: count_attempt
UPDATE journal.pending p SET attempts = p.attempts + 1, reason = $3
  FROM unnest($1::uuid[], $2::int[]) AS tried (batch_id, place)
 WHERE p.batch_id = tried.batch_id AND p.place = tried.place;

-- name: mark_failed
UPDATE journal.pending p SET failed_at = now(), reason = $3
  FROM unnest($1::uuid[], $2::int[]) AS failed (batch_id, place)
 WHERE p.batch_id = failed.batch_id AND p.place = failed.place;

-- name: backlog
-- Counts up to a limit: a gauge is not worth a scan of millions. Batch ids grow with time, so
-- the first one is the oldest.
SELECT (SELECT count(*) FROM (SELECT FROM journal.pending
                               WHERE failed_at IS NULL LIMIT 100000) AS counted) AS batches,
       (SELECT coalesce(sum(bytes), 0)::bigint
          FROM (SELECT bytes FROM journal.pending
                 WHERE failed_at IS NULL LIMIT 100000) AS counted) AS bytes,
       (SELECT count(*) FROM (SELECT FROM journal.pending
                               WHERE failed_at IS NOT NULL LIMIT 100000) AS counted) AS failed,
       (SELECT extract(epoch FROM now() - received_at)::double precision FROM journal.pending
         WHERE failed_at IS NULL ORDER BY batch_id LIMIT 1) AS oldest_seconds;

-- name: schema_name
SELECT schema_name FROM tokens.integrations WHERE integration_id = $1;
