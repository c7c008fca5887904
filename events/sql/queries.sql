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

-- name: now
-- The clock that gives events their times.
SELECT clock_timestamp();

-- name: event_differences
-- The log against its own texts, as replay holds a table to its fold. Columns are generated from the
-- text, but whoever owns the table can take that away from one; a table and its fold would both
-- believe it. "head" stands for a head that is not the number of events there are.
WITH unlike AS (
    SELECT e.number::text AS id, e.number AS place
      FROM ledger.event e,
           json_to_record(CASE json_typeof(e.record) WHEN 'object' THEN e.record ELSE '{}' END)
               AS said ("sequence" text, "time" text, id text, type text, subject text,
                        streamversion text, actor text, data json)
     WHERE (lpad(e.number::text, 20, '0'), e.event_id::text, e.type, e.stream, e.version::text,
            e.actor, to_char(e.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            e.token_id::text, e.leaf_hash)
        IS DISTINCT FROM
           (said."sequence", said.id, said.type, said.subject, said.streamversion,
            said.actor, said."time",
            said.data ->> 'token_id', sha256('\x00'::bytea || convert_to(e.record::text, 'UTF8')))
    UNION ALL
    SELECT 'head', $1 WHERE $1::bigint <> (SELECT count(*) FROM ledger.event)
)
SELECT side, id FROM unlike, (VALUES ('fold'), ('table')) AS s (side) ORDER BY place, side;

-- name: room_to_compare
-- For the rest of the transaction: a million rows are matched without a detour over the disk.
SET LOCAL work_mem = '64MB';
