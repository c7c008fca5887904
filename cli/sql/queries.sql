-- name: backlog
-- A batch that waits for one table and failed for another counts as both.
SELECT count(DISTINCT batch_id) FILTER (WHERE failed_at IS NULL) AS pending,
       count(DISTINCT batch_id) FILTER (WHERE failed_at IS NOT NULL) AS failed,
       extract(epoch FROM clock_timestamp() - min(received_at) FILTER (WHERE failed_at IS NULL))
           AS oldest_pending_seconds
  FROM journal.pending;

-- name: token_state
SELECT t.token_id AS id, t.integration_id, i.schema_name,
       CASE WHEN t.revoked THEN 'revoked' ELSE i.state END AS state
  FROM (SELECT token_id, integration_id, false AS revoked
          FROM tokens.active_tokens WHERE token_hash = $1
        UNION ALL
        SELECT token_id, integration_id, true
          FROM tokens.retired_tokens WHERE token_hash = $1) t
  JOIN tokens.integrations i USING (integration_id);

-- name: token_use
-- Labels and use of the tokens $1, used or not.
SELECT t.token_id, l.label, u.first_used_at, u.first_peer, u.last_used_at, u.last_peer
  FROM unnest($1::int[]) AS t (token_id)
  LEFT JOIN tokens.token_labels l USING (token_id)
  LEFT JOIN journal.token_use u USING (token_id);

-- name: revoked_in_use
SELECT token_id, sum(requests)::bigint AS requests, max(last_at) AS last_at,
       (array_agg(last_peer ORDER BY last_at DESC))[1] AS last_peer
  FROM journal.refusals
 WHERE integration_id = $1 AND reason = 'token_revoked' AND token_id IS NOT NULL
 GROUP BY token_id ORDER BY max(last_at) DESC LIMIT $2::int;

-- name: refusals
-- From minute $1 on, of integration $2 or of all (NULL); most recent first.
SELECT r.reason, r.integration_id, i.schema_name, r.token_id, min(r.first_at) AS first_at,
       max(r.last_at) AS last_at, sum(r.requests)::bigint AS requests, sum(r.bytes)::bigint AS bytes,
       (array_agg(r.last_peer ORDER BY r.last_at DESC))[1] AS last_peer
  FROM journal.refusals r LEFT JOIN tokens.integrations i USING (integration_id)
 WHERE r.minute >= $1 AND ($2::int IS NULL OR r.integration_id = $2)
 GROUP BY r.reason, r.integration_id, i.schema_name, r.token_id
 ORDER BY max(r.last_at) DESC LIMIT $3::int;

-- name: halt
SELECT reason, halted_at FROM ledger.halt JOIN ledger.head USING (origin);

-- name: end_halt
WITH ended AS (
    DELETE FROM ledger.halt USING ledger.head WHERE halt.origin = head.origin RETURNING 1
)
SELECT count(*) > 0 FROM ended;

-- name: continue_under_new_origin
SELECT ledger.begin_anew($1, $2, $3);

-- name: origin
SELECT 'pushgate/' || origin FROM ledger.head;

-- name: leaf_hashes_of_texts
-- Computed from the stored texts, not from the column that holds their hashes.
SELECT string_agg(sha256('\x00'::bytea || convert_to(record::text, 'UTF8')), ''::bytea ORDER BY number)
  FROM ledger.event WHERE number >= $1 AND number < $2;

-- name: failed_batches
SELECT p.batch_id, p.place, p.integration_id, i.schema_name, p.table_name, p.records, p.bytes,
       p.received_at, p.failed_at, p.attempts, p.reason
  FROM journal.pending p LEFT JOIN tokens.integrations i USING (integration_id)
 WHERE p.failed_at IS NOT NULL ORDER BY p.number, p.place LIMIT $1::int;

-- name: failed_batches_count
SELECT count(*) FROM journal.pending WHERE failed_at IS NOT NULL;

-- name: retry
SELECT batch_id, place FROM journal.retry($1::uuid[]);

-- name: reload
SELECT journal.reload($1::uuid[], $2::int[]);

-- name: last_receipt
SELECT coalesce(max(number), 0) FROM journal.receipts;

-- name: receipts_to_reload
-- At most $6 receipts of integration $1, after number $2 up to $3, received at $4 or later, with one
-- of the tables $5; one row for each such table.
SELECT r.number, r.batch_id, part.place::int - 1 AS place,
       EXISTS (SELECT FROM journal.bodies b
                WHERE b.batch_id = r.batch_id AND b.received_at = r.received_at) AS kept
  FROM (SELECT number, batch_id, tables, received_at FROM journal.receipts
         WHERE integration_id = $1 AND number > $2 AND number <= $3
           AND ($4::timestamptz IS NULL OR received_at >= $4)
           AND ($5::text[] IS NULL OR tables && $5)
         ORDER BY number LIMIT $6::int) r
 CROSS JOIN LATERAL unnest(r.tables) WITH ORDINALITY AS part (table_name, place)
 WHERE $5 IS NULL OR part.table_name = ANY ($5)
 ORDER BY r.number, part.place;

-- name: tables_of_integration
SELECT table_name FROM loader.tables WHERE integration_id = $1;

-- name: integrations_called
SELECT integration_id AS id, schema_name AS name, display_name, deleted_at
  FROM tokens.integrations
 WHERE integration_id::text = $1 OR schema_name = $1 OR display_name = $1
 ORDER BY integration_id;

-- name: table_report
-- Includes tables that were never loaded while batches wait for them.
WITH listed AS (
    SELECT table_hash, min(table_name) AS table_name,
           count(*) FILTER (WHERE failed_at IS NULL) AS waiting,
           count(*) FILTER (WHERE failed_at IS NOT NULL) AS failed,
           extract(epoch FROM clock_timestamp() - min(received_at) FILTER (WHERE failed_at IS NULL))
               ::double precision AS oldest_waiting_seconds
      FROM journal.pending WHERE integration_id = $1 GROUP BY table_hash
)
SELECT coalesce(t.table_name, l.table_name) AS table_name, coalesce(t.loads, 0) AS loads,
       coalesce(t.records, 0) AS records, coalesce(t.rows, 0) AS rows_loaded,
       coalesce(t.rejected, 0) AS rejected, t.last_loaded_at, t.last_lag_seconds,
       coalesce(l.waiting, 0) AS waiting, coalesce(l.failed, 0) AS failed,
       l.oldest_waiting_seconds,
       CASE WHEN l.waiting > 0 THEN t.put_back_reason END AS put_back_reason
  FROM (SELECT * FROM loader.tables WHERE integration_id = $1) t FULL JOIN listed l USING (table_hash)
 ORDER BY 1;

-- name: existing_tables
-- Of schema $1 in the destination, with their columns. The rows are PostgreSQL's running estimate.
SELECT c.relname AS table_name, pg_catalog.pg_stat_get_live_tuples(c.oid) AS rows,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
              ORDER BY a.attnum) AS columns
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND c.relkind IN ('r', 'p');

-- name: destination_unavailable
-- A loader retries at least every 30 seconds: an older row is from a loader that has stopped.
SELECT since, reason FROM loader.destination_away
 WHERE told_at > clock_timestamp() - interval '90 seconds';

-- name: tables_in_retry
-- Tables that failed to load while batches wait for them; the loader retries these.
SELECT i.schema_name, t.table_name, t.put_back_at, t.put_back_reason
  FROM loader.tables t JOIN tokens.integrations i USING (integration_id)
 WHERE t.put_back_at IS NOT NULL
   AND EXISTS (SELECT FROM journal.pending p
                WHERE p.integration_id = t.integration_id AND p.table_hash = t.table_hash
                  AND p.failed_at IS NULL)
 ORDER BY t.put_back_at DESC LIMIT $1::int;
