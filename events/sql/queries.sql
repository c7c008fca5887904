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
-- The last number at or before a time; times strictly increase with the number.
SELECT max(number) FROM ledger.event WHERE recorded_at <= $1;

-- name: moment_of
SELECT recorded_at FROM ledger.event WHERE number = $1;

-- name: now
-- The clock that sets the times of events.
SELECT clock_timestamp();

-- name: event_differences
-- Compares the columns of the log with its stored texts. Columns are generated from the text, but the
-- owner of the table can change a generated column to a plain one, which a comparison of a projection
-- with its fold would not notice. "head" is reported if the head differs from the number of events.
WITH unlike AS (
    SELECT e.number::text AS id, e.number AS place
      FROM ledger.event e,
           json_to_record(CASE json_typeof(e.record) WHEN 'object' THEN e.record ELSE '{}' END)
               AS stated ("sequence" text, "time" text, id text, type text, subject text,
                        streamversion text, actor text, data json)
     WHERE (lpad(e.number::text, 20, '0'), e.event_id::text, e.type, e.stream, e.version::text,
            e.actor, to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            e.token_id::text, e.leaf_hash)
        IS DISTINCT FROM
           (stated."sequence", stated.id, stated.type, stated.subject, stated.streamversion,
            stated.actor, stated."time",
            stated.data ->> 'token_id', sha256('\x00'::bytea || convert_to(e.record::text, 'UTF8')))
    UNION ALL
    SELECT 'head', $1 WHERE $1::bigint <> (SELECT count(*) FROM ledger.event)
)
SELECT side, id FROM unlike, (VALUES ('fold'), ('table')) AS s (side) ORDER BY place, side;

-- name: room_to_compare
-- For the rest of the transaction, so that matching a million rows needs no temporary files.
SET LOCAL work_mem = '64MB';
