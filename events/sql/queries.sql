-- name: append
SELECT number, stream_version, duplicate FROM ledger.append($1, $2, $3, $4::json);

-- name: read_stream
SELECT number, event_id, stream, version, type, actor, recorded_at, record -> 'data' AS data
  FROM ledger.event WHERE stream = $1 ORDER BY version;

-- name: read_all
-- after is exclusive, until inclusive; NULL means up to the end.
SELECT number, event_id, stream, version, type, actor, recorded_at, record -> 'data' AS data
  FROM ledger.event
 WHERE number > $1 AND ($2::bigint IS NULL OR number <= $2)
 ORDER BY number LIMIT $3;

-- name: head
SELECT size, origin FROM ledger.head;

-- name: number_at
-- The last number at or before a moment; times strictly increase with the number.
SELECT max(number) FROM ledger.event WHERE recorded_at <= $1;

-- name: moment_of
SELECT recorded_at FROM ledger.event WHERE number = $1;

-- name: room_to_compare
-- For the rest of the transaction: a million rows are matched without a detour over the disk.
SET LOCAL work_mem = '64MB';
