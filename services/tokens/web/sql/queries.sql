-- What the pages show. These statements only read; changes go through services/tokens/use_cases.

-- ---------------------------------------------------------------- an integration's summary

-- name: last_receipts
-- $1: the integration, $2: the maximum number of receipts. The index on (token_id, number) finds the
-- newest receipts of each token. A batch without a row in journal.pending is loaded.
WITH mine AS (
    SELECT token_id FROM tokens.active_tokens WHERE integration_id = $1
    UNION ALL
    SELECT token_id FROM tokens.retired_tokens WHERE integration_id = $1
), newest AS (
    SELECT r.* FROM mine CROSS JOIN LATERAL (
        SELECT number, batch_id, token_id, endpoint, tables, records, received_at, peer
          FROM journal.receipts WHERE receipts.token_id = mine.token_id
         ORDER BY number DESC LIMIT $2) r
     ORDER BY r.number DESC LIMIT $2
)
SELECT n.number, n.batch_id, n.token_id, n.endpoint, n.tables, n.records, n.received_at, n.peer,
       p.pending, p.failed, p.reason
  FROM newest n CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE failed_at IS NULL) AS pending,
               count(*) FILTER (WHERE failed_at IS NOT NULL) AS failed,
               min(reason) FILTER (WHERE failed_at IS NOT NULL) AS reason
          FROM journal.pending WHERE pending.batch_id = n.batch_id) p
 ORDER BY n.number DESC;

-- name: accepted_by_hour
-- Since $2, from the newest $3 receipts of each token: there may be millions of pushes a day.
WITH mine AS (
    SELECT token_id FROM tokens.active_tokens WHERE integration_id = $1
    UNION ALL
    SELECT token_id FROM tokens.retired_tokens WHERE integration_id = $1
)
SELECT date_trunc('hour', r.received_at, 'UTC') AS hour, count(*) AS requests,
       sum(r.records)::bigint AS records
  FROM mine CROSS JOIN LATERAL (
        SELECT received_at, records FROM journal.receipts
         WHERE receipts.token_id = mine.token_id ORDER BY number DESC LIMIT $3) r
 WHERE r.received_at >= $2
 GROUP BY 1;

-- name: refused_by_hour
SELECT date_trunc('hour', minute, 'UTC') AS hour, sum(requests)::bigint AS requests
  FROM journal.refusals WHERE integration_id = $1 AND minute >= $2
 GROUP BY 1;

-- name: refusals_by_reason
SELECT r.reason, r.token_id, sum(r.requests)::bigint AS requests, max(r.last_at) AS last_at,
       (array_agg(r.last_peer ORDER BY r.last_at DESC))[1] AS last_peer
  FROM journal.refusals r WHERE r.integration_id = $1 AND r.minute >= $2
 GROUP BY r.reason, r.token_id ORDER BY max(r.last_at) DESC LIMIT $3;

-- ---------------------------------------------------------------- its tokens

-- name: active_tokens_in_use
-- Newest first.
SELECT a.token_id, a.last_four, a.generated_at, g.actor AS generated_by, l.label,
       u.first_used_at, u.first_peer, u.last_used_at, u.last_peer
  FROM tokens.active_tokens a
  JOIN ledger.event g ON g.number = a.generated_number
  LEFT JOIN tokens.token_labels l ON l.token_id = a.token_id
  LEFT JOIN journal.token_use u ON u.token_id = a.token_id
 WHERE a.integration_id = $1
 ORDER BY a.token_id DESC;

-- name: revoked_tokens
-- The most recently revoked first, at most $2. Refused requests with the token: since $3.
WITH revoked AS (
    SELECT t.token_id, t.revoked_number FROM tokens.retired_tokens t
     WHERE t.integration_id = $1 ORDER BY t.revoked_number DESC LIMIT $2
), refused AS (
    SELECT r.token_id, sum(r.requests)::bigint AS requests, max(r.last_at) AS last_at,
           (array_agg(r.last_peer ORDER BY r.last_at DESC))[1] AS last_peer
      FROM journal.refusals r WHERE r.integration_id = $1 AND r.minute >= $3
     GROUP BY r.token_id
)
SELECT t.token_id, g.record -> 'data' ->> 'last_four' AS last_four, g.recorded_at AS generated_at,
       e.recorded_at AS revoked_at, e.actor AS revoked_by, l.label,
       u.last_used_at, u.last_peer,
       coalesce(f.requests, 0) AS refused, f.last_at AS last_refused_at, f.last_peer AS refused_peer
  FROM revoked t
  JOIN ledger.event e ON e.number = t.revoked_number
  JOIN ledger.event g ON g.stream = e.stream AND g.type = 'TokenGenerated'
   AND g.token_id = t.token_id
  LEFT JOIN tokens.token_labels l ON l.token_id = t.token_id
  LEFT JOIN journal.token_use u ON u.token_id = t.token_id
  LEFT JOIN refused f ON f.token_id = t.token_id
 ORDER BY t.revoked_number DESC;

-- ---------------------------------------------------------------- events

-- name: stream_events
-- Newest first, before version $2.
SELECT number, version, type, stream, actor, recorded_at, record -> 'data' AS data
  FROM ledger.event WHERE stream = $1 AND version < $2
 ORDER BY version DESC LIMIT $3;

-- name: force_custom_plan
-- For this transaction. Each set of filters needs a plan of its own.
SET LOCAL plan_cache_mode = force_custom_plan;

-- name: account_events
-- Newest first, before number $2, at most $8. $3: type, $4: actor, $5: stream, $6 and $7: from, to.
SELECT number, version, type, stream, actor, recorded_at, record -> 'data' AS data
  FROM tokens.facts_of_account($1, $2, $3, $4, $5, $6, $7)
 ORDER BY number DESC LIMIT $8;

-- name: account_records
-- The same events as stored, in order of number.
SELECT record::text AS record FROM tokens.facts_of_account($1, $2, $3, $4, $5, $6, $7)
 ORDER BY number;

-- name: account_actors
-- The actors to filter by: the account's members and Connect tokens, also removed and revoked ones. The
-- most recently added first, at most $2. Some may have no events.
SELECT CASE e.type WHEN 'MemberAdded' THEN 'member/' || (e.record -> 'data' ->> 'member_id')
                   ELSE 'connect-token/' || (e.record -> 'data' ->> 'connect_token_id') END AS actor
  FROM ledger.event e
 WHERE e.stream = 'account/' || $1::int AND e.type IN ('MemberAdded', 'ConnectTokenGenerated')
 ORDER BY e.version DESC LIMIT $2;

-- name: display_names
SELECT integration_id, display_name FROM tokens.integrations
 WHERE account_id = $1 AND integration_id = ANY ($2::int[]);

-- name: integration_by_schema
-- The newest integration with that schema name: an account can reuse the name of a deleted one.
SELECT max(integration_id) FROM tokens.integrations WHERE account_id = $1 AND schema_name = $2;

-- name: account_tokens_as_of
-- As of log size $1, for account $2: at most $3 tokens after the first $4. Returns the same as
-- tokens.active_tokens_as_of (a test compares them), but faster, because most tokens are revoked:
-- active ones are found in indexes, and records are read only for the rows shown. The planner cannot
-- estimate how few are active; OFFSET 0 makes it look up each of them.
WITH active AS MATERIALIZED (
    SELECT number FROM tokens.standing_as_of($1::bigint)
), writing AS MATERIALIZED (
    SELECT g.number, g.token_id, i.integration_id, i.schema_name, i.display_name
      FROM active
     CROSS JOIN LATERAL (
            SELECT e.number, e.token_id, e.stream FROM ledger.event e
             WHERE e.number = active.number OFFSET 0) g
      JOIN tokens.integrations i ON i.integration_id = split_part(g.stream, '/', 2)::int
       AND i.account_id = $2
      LEFT JOIN LATERAL (
            SELECT s.type FROM ledger.event s
             WHERE s.stream = g.stream AND s.number < $1::bigint
               AND s.type IN ('IntegrationPaused', 'IntegrationResumed', 'IntegrationDeleted')
             ORDER BY s.number DESC LIMIT 1) stated ON true
     WHERE coalesce(stated.type, 'IntegrationResumed') = 'IntegrationResumed'
), shown AS (
    SELECT * FROM writing ORDER BY token_id LIMIT $3 OFFSET $4
)
SELECT s.token_id, s.integration_id, s.schema_name, s.display_name,
       g.record -> 'data' ->> 'last_four' AS last_four, g.recorded_at AS generated_at,
       s.number AS generated_number, (SELECT count(*) FROM writing) AS found
  FROM shown s JOIN ledger.event g ON g.number = s.number
 ORDER BY s.token_id;

-- name: event_number_at
-- The last event at or before a time, no row if there is none. Times strictly increase with numbers.
SELECT number FROM ledger.event WHERE recorded_at <= $1 ORDER BY recorded_at DESC LIMIT 1;

-- ---------------------------------------------------------------- verification

-- name: newest_checkpoint
SELECT c.size, c.root, c.note, c.key, c.signed_at FROM ledger.checkpoint c
 WHERE c.origin = (SELECT 'pushgate/' || h.origin FROM ledger.head h)
 ORDER BY c.size DESC LIMIT 1;

-- name: leaf_hashes_from_texts
-- Computed from the record texts, not read from the stored hash column.
SELECT count(*) AS found,
       string_agg(sha256('\x00'::bytea || convert_to(record::text, 'UTF8')), ''::bytea
                  ORDER BY number) AS hashes
  FROM ledger.event WHERE number >= $1 AND number < $2;

-- name: set_statement_timeout
SELECT set_config('statement_timeout', $1, true);

-- ---------------------------------------------------------------- the list of integrations

-- name: count_integrations
-- For account $1: $2 is a part of a name in lower case, $3 includes deleted integrations.
SELECT count(*) FILTER (WHERE i.state <> 'deleted') AS present,
       count(*) FILTER (WHERE i.state = 'deleted') AS deleted,
       count(*) FILTER (WHERE (i.state <> 'deleted' OR $3::bool)
                          AND (strpos(lower(i.display_name), $2) > 0
                               OR strpos(i.schema_name, $2) > 0)) AS found
  FROM tokens.integrations i WHERE i.account_id = $1;

-- name: integrations_page
-- By name, deleted ones last: at most $4 after the first $5. Refused requests: since $6.
WITH shown AS (
    SELECT i.integration_id, i.display_name, i.schema_name, i.state,
           row_number() OVER (ORDER BY i.state = 'deleted', lower(i.display_name),
                                       i.integration_id) AS place
      FROM tokens.integrations i
     WHERE i.account_id = $1 AND (i.state <> 'deleted' OR $3::bool)
       AND (strpos(lower(i.display_name), $2) > 0 OR strpos(i.schema_name, $2) > 0)
     ORDER BY place LIMIT $4 OFFSET $5
)
SELECT s.integration_id, s.display_name, s.schema_name, s.state, u.last_used_at, r.refused
  FROM shown s
 CROSS JOIN LATERAL (
        SELECT max(t.last_used_at) AS last_used_at FROM journal.token_use t
         WHERE t.token_id IN (
               SELECT a.token_id FROM tokens.active_tokens a
                WHERE a.integration_id = s.integration_id
               UNION ALL
               SELECT o.token_id FROM tokens.retired_tokens o
                WHERE o.integration_id = s.integration_id)) u
 CROSS JOIN LATERAL (
        SELECT coalesce(sum(f.requests), 0)::bigint AS refused FROM journal.refusals f
         WHERE f.integration_id = s.integration_id AND f.minute >= $6) r
 ORDER BY s.place;

-- name: push_totals_between
-- Batch ids increase with time: from $1, and below $2 unless it is NULL.
SELECT r.integration_id, count(*) AS requests, sum(r.records)::bigint AS records
  FROM journal.receipts r
 WHERE r.batch_id >= $1::uuid AND ($2::uuid IS NULL OR r.batch_id < $2::uuid)
 GROUP BY r.integration_id;
