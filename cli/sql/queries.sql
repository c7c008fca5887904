-- name: backlog
-- A batch that waits for one table and failed for another counts on both sides.
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

-- name: halt
SELECT reason, halted_at FROM ledger.halt JOIN ledger.head USING (origin);

-- name: end_halt
WITH ended AS (
    DELETE FROM ledger.halt USING ledger.head WHERE halt.origin = head.origin RETURNING 1
)
SELECT count(*) > 0 FROM ended;

-- name: begin_anew
SELECT ledger.begin_anew($1, $2, $3);

-- name: origin
SELECT 'pushgate/' || origin FROM ledger.head;

-- name: leaf_hashes_anew
-- From the texts and not from the column beside them.
SELECT string_agg(sha256('\x00'::bytea || convert_to(record::text, 'UTF8')), ''::bytea ORDER BY number)
  FROM ledger.event WHERE number >= $1 AND number < $2;

-- name: set_aside
SELECT p.batch_id, p.place, p.integration_id, i.schema_name, p.table_name, p.records, p.bytes,
       p.received_at, p.failed_at, p.attempts, p.reason
  FROM journal.pending p LEFT JOIN tokens.integrations i USING (integration_id)
 WHERE p.failed_at IS NOT NULL ORDER BY p.number, p.place LIMIT $1::int;

-- name: set_aside_count
SELECT count(*) FROM journal.pending WHERE failed_at IS NOT NULL;

-- name: retry
SELECT batch_id, place FROM journal.retry($1::uuid[]);

-- name: reload
SELECT journal.reload($1::uuid[], $2::int[]);

-- name: last_receipt
SELECT coalesce(max(number), 0) FROM journal.receipts;

-- name: receipts_to_reload
-- A page of them, with each table that is meant. Of integration $1, after number $2 up to $3,
-- received at $4 or later, with one of the tables $5.
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
SELECT table_name, loads, records, rows, rejected, last_loaded_at, last_lag_seconds, put_back_at,
       put_back_reason
  FROM loader.tables WHERE integration_id = $1 ORDER BY table_name;

-- name: integrations_called
SELECT integration_id AS id, schema_name AS name, display_name, deleted_at
  FROM tokens.integrations
 WHERE integration_id::text = $1 OR schema_name = $1 OR display_name = $1
 ORDER BY integration_id;
