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
