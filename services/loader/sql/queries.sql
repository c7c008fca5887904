-- The loader's statements in its own schema of the main database. Those for the journal are in
-- services/journal/sql.

-- name: record_load
INSERT INTO loader.loads (integration_id, table_name, loaded_at, batches, records, rows, rejected,
                          first_receipt, last_receipt, milliseconds, lag_seconds)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);

-- name: add_to_table
INSERT INTO loader.tables AS sums (integration_id, table_hash, table_name, loads, records, rows,
                                   rejected, last_loaded_at, last_lag_seconds)
VALUES ($1, hashtextextended($2, 0), $2, 1, $3, $4, $5, $6, $7)
ON CONFLICT (integration_id, table_hash) DO UPDATE
   SET loads = sums.loads + 1, records = sums.records + excluded.records,
       rows = sums.rows + excluded.rows, rejected = sums.rejected + excluded.rejected,
       last_loaded_at = excluded.last_loaded_at, last_lag_seconds = excluded.last_lag_seconds,
       put_back_at = NULL, put_back_reason = NULL;

-- name: record_retry
INSERT INTO loader.tables AS sums (integration_id, table_hash, table_name, loads, records, rows,
                                   rejected, put_back_at, put_back_reason)
VALUES ($1, hashtextextended($2, 0), $2, 0, 0, 0, 0, $3, $4)
ON CONFLICT (integration_id, table_hash) DO UPDATE
   SET put_back_at = excluded.put_back_at, put_back_reason = excluded.put_back_reason;

-- name: delete_expired_loads
-- The oldest, with a limit, so that no transaction is long.
WITH deleted AS (
    DELETE FROM loader.loads WHERE number IN (
        SELECT number FROM loader.loads WHERE loaded_at < $1 ORDER BY loaded_at LIMIT $2::int)
    RETURNING 1
)
SELECT count(*) FROM deleted;

-- name: record_destination_unreachable
INSERT INTO loader.destination_away (since, told_at, reason) VALUES ($1, $1, $2)
ON CONFLICT (one_row) DO UPDATE SET told_at = excluded.told_at, reason = excluded.reason;

-- name: record_destination_reachable
DELETE FROM loader.destination_away;
