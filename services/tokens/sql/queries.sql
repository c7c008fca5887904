-- Statements of the token service. Facts are appended only through ledger.append (events/sql); these
-- statements read, allocate ids, take locks, or write the tables that are not part of the log.

-- name: next_account_id
SELECT nextval('tokens.account_ids')::int;

-- name: next_integration_id
SELECT nextval('tokens.integration_ids')::int;

-- name: next_token_id
SELECT nextval('tokens.token_ids')::int;

-- name: next_connect_token_id
SELECT nextval('tokens.connect_token_ids')::int;

-- name: limit_lock_wait
-- For this transaction only.
SELECT set_config('lock_timeout', $1, true);

-- name: lock_barrier
-- Waits for the pushes in progress of this integration; later ones wait for our commit and then see
-- our fact (design, promise 2).
SELECT pg_advisory_xact_lock(1, $1);

-- name: insert_account_name
-- When retried after a lost connection, the first attempt may have been committed.
INSERT INTO tokens.account_names (account_id, name) VALUES ($1, $2)
    ON CONFLICT (account_id) DO NOTHING;

-- name: set_token_label
INSERT INTO tokens.token_labels (token_id, label) VALUES ($1, $2)
    ON CONFLICT (token_id) DO UPDATE SET label = excluded.label;

-- name: delete_token_label
DELETE FROM tokens.token_labels WHERE token_id = $1;

-- name: connect_token_by_hash
SELECT connect_token_id, account_id, role FROM tokens.connect_tokens WHERE token_hash = $1;

-- name: accounts
SELECT account_id, coalesce(name, '') AS name, opened_at
  FROM tokens.accounts LEFT JOIN tokens.account_names USING (account_id)
 ORDER BY account_id;

-- name: account_exists
SELECT EXISTS (SELECT FROM tokens.accounts WHERE account_id = $1);

-- name: connect_tokens_of_account
SELECT connect_token_id, role, last_four, generated_at
  FROM tokens.connect_tokens WHERE account_id = $1
 ORDER BY connect_token_id DESC;

-- name: integrations_of_account
SELECT integration_id, account_id, display_name, schema_name, state, paused_at, created_at,
       updated_at, deleted_at
  FROM tokens.integrations WHERE account_id = $1
 ORDER BY integration_id;

-- name: integration_of_account
SELECT integration_id, account_id, display_name, schema_name, state, paused_at, created_at,
       updated_at, deleted_at
  FROM tokens.integrations WHERE account_id = $1 AND integration_id = $2;

-- name: active_tokens_of_integration
-- Newest first: the larger id is the newer token.
SELECT token_id, last_four, generated_at
  FROM tokens.active_tokens WHERE integration_id = $1
 ORDER BY token_id DESC;

-- name: integration_of_token
-- The integration of an active token, within an account.
SELECT integration_id FROM tokens.active_tokens WHERE client_id = $1 AND token_id = $2;

-- name: token_by_hash
-- Active or retired; the integration may still be paused or deleted.
SELECT token_id, integration_id, true AS active FROM tokens.active_tokens WHERE token_hash = $1
UNION ALL
SELECT token_id, integration_id, false FROM tokens.retired_tokens WHERE token_hash = $1;

-- name: tokens_that_could_write
-- As of a size of the log: after that many facts, numbers 0 to size - 1. Returns the active tokens of
-- tokens.active_tokens_as_of (a test compares them) in half the time: an index covers most facts, and
-- only the texts of creations are read. OFFSET 0 and MATERIALIZED: the planner cannot estimate how few
-- tokens are unrevoked, so they determine what is looked up one by one and what is joined as a whole.
WITH unrevoked AS MATERIALIZED (
    SELECT number FROM tokens.standing_as_of($1::bigint)
), generated AS MATERIALIZED (
    SELECT g.number, g.token_id, g.stream
      FROM unrevoked
     CROSS JOIN LATERAL (
            SELECT e.number, e.token_id, e.stream FROM ledger.event e
             WHERE e.number = unrevoked.number OFFSET 0) g
), stated AS MATERIALIZED (
    SELECT DISTINCT ON (e.stream) e.stream, e.type
      FROM ledger.event e
     WHERE e.type IN ('IntegrationPaused', 'IntegrationResumed', 'IntegrationDeleted')
       AND e.number < $1::bigint
     ORDER BY e.stream, e.number DESC
), created AS MATERIALIZED (
    SELECT e.stream, split_part(e.stream, '/', 2)::int AS integration_id,
           e.record -> 'data' ->> 'schema_name' AS schema_name
      FROM ledger.event e
     WHERE e.type = 'IntegrationCreated' AND e.number < $1::bigint
)
SELECT g.token_id, c.integration_id, c.schema_name, g.number AS generated_number
  FROM generated g
  JOIN created c USING (stream)
  LEFT JOIN stated s USING (stream)
 WHERE coalesce(s.type, 'IntegrationResumed') = 'IntegrationResumed'
 ORDER BY g.token_id;

-- ---------------------------------------------------------------- people

-- name: next_member_id
SELECT nextval('tokens.member_ids')::int;

-- name: members_of_account
-- Oldest first. link_expires_at: of a link that is unused and not expired at $2.
SELECT m.member_id, m.role, m.added_at, p.email, p.password_hash IS NOT NULL AS has_password,
       (SELECT max(l.expires_at) FROM tokens.one_time_links l
         WHERE l.member_id = m.member_id AND l.expires_at > $2) AS link_expires_at,
       (SELECT max(s.seen_at) FROM tokens.sessions s WHERE s.member_id = m.member_id) AS seen_at
  FROM tokens.members m LEFT JOIN tokens.people p USING (member_id)
 WHERE m.account_id = $1
 ORDER BY m.member_id;

-- name: removed_people
-- Removed people with an address that is not erased, last removed first, at most $2.
SELECT member_id, email, removed_at FROM tokens.people
 WHERE account_id = $1 AND removed_at IS NOT NULL AND email IS NOT NULL
 ORDER BY removed_at DESC LIMIT $2;

-- name: names_of_account
-- Of all people with an address that is not erased, removed or not.
SELECT member_id, email FROM tokens.people WHERE account_id = $1 AND email IS NOT NULL;

-- name: insert_person
-- When retried after a lost connection, the first attempt may have been committed.
INSERT INTO tokens.people (member_id, account_id, email) VALUES ($1, $2, $3)
    ON CONFLICT (member_id) DO NOTHING;

-- name: mark_person_removed
UPDATE tokens.people SET password_hash = NULL, removed_at = coalesce(removed_at, $2)
 WHERE member_id = $1;

-- name: erase_person
-- Only of a removed person: a member without an address could not sign in.
UPDATE tokens.people SET email = NULL
 WHERE account_id = $1 AND member_id = $2 AND removed_at IS NOT NULL AND email IS NOT NULL
RETURNING member_id;

-- name: person_by_email
SELECT m.member_id, p.password_hash
  FROM tokens.people p JOIN tokens.members m USING (member_id)
 WHERE p.email = $1 AND p.removed_at IS NULL;

-- name: person_by_id
SELECT p.email, p.password_hash FROM tokens.people p WHERE p.member_id = $1;

-- name: set_password
UPDATE tokens.people SET password_hash = $2, password_changed_at = $3 WHERE member_id = $1;

-- name: set_email
UPDATE tokens.people SET email = $2 WHERE member_id = $1 AND email IS NULL;

-- name: store_link
-- A member has one link at most, the newest.
WITH before AS (DELETE FROM tokens.one_time_links WHERE member_id = $2)
INSERT INTO tokens.one_time_links (secret_hash, member_id, expires_at) VALUES ($1, $2, $3);

-- name: link
-- Valid at $2, of a member who was not removed.
SELECT l.member_id, l.expires_at, p.email, m.role, coalesce(a.name, '') AS account_name
  FROM tokens.one_time_links l
  JOIN tokens.members m USING (member_id)
  JOIN tokens.people p USING (member_id)
  LEFT JOIN tokens.account_names a ON a.account_id = m.account_id
 WHERE l.secret_hash = $1 AND l.expires_at > $2;

-- name: link_of_member
SELECT expires_at FROM tokens.one_time_links WHERE member_id = $1;

-- name: use_link
DELETE FROM tokens.one_time_links l USING tokens.members m
 WHERE l.secret_hash = $1 AND l.expires_at > $2 AND m.member_id = l.member_id
RETURNING l.member_id;

-- name: delete_links
DELETE FROM tokens.one_time_links WHERE member_id = $1;

-- name: begin_session
INSERT INTO tokens.sessions (secret_hash, member_id, begun_at, seen_at, peer)
VALUES ($1, $2, $3, $3, $4);

-- name: session
-- Begun after $2, last seen after $3, of a member who was not removed.
SELECT s.member_id, s.seen_at, s.notice::text AS notice, m.account_id, m.role, p.email
  FROM tokens.sessions s
  JOIN tokens.members m USING (member_id)
  JOIN tokens.people p USING (member_id)
 WHERE s.secret_hash = $1 AND s.begun_at > $2 AND s.seen_at > $3;

-- name: touch_session
UPDATE tokens.sessions SET seen_at = greatest(seen_at, $2) WHERE secret_hash = $1;

-- name: set_notice
UPDATE tokens.sessions SET notice = $2::json WHERE secret_hash = $1;

-- name: sessions_of_member
-- Newest first, valid by the same two limits as above.
SELECT secret_hash, begun_at, seen_at, peer FROM tokens.sessions
 WHERE member_id = $1 AND begun_at > $2 AND seen_at > $3
 ORDER BY begun_at DESC;

-- name: end_session
DELETE FROM tokens.sessions WHERE secret_hash = $1;

-- name: end_sessions_of_member
DELETE FROM tokens.sessions WHERE member_id = $1;

-- name: delete_expired_sessions
-- Of all members; run at each sign-in.
DELETE FROM tokens.sessions WHERE begun_at <= $1;

-- name: delete_expired_forms
-- No older form can be submitted: its session has ended.
DELETE FROM tokens.used_forms WHERE used_at <= $1;

-- name: use_form
-- Returns nothing when the form was used before. Waits for a concurrent request that uses it.
INSERT INTO tokens.used_forms (form_id, used_at) VALUES ($1, $2)
    ON CONFLICT (form_id) DO NOTHING RETURNING form_id;

-- name: sign_in_failures
SELECT key, failures, last_at FROM tokens.sign_in_failures WHERE key = ANY ($1::bytea[]);

-- name: count_sign_in_failure
-- For each key of $1 at time $2; the count decays by $3 per minute.
INSERT INTO tokens.sign_in_failures AS f (key, failures, last_at)
SELECT key, 1, $2 FROM unnest($1::bytea[]) AS k (key) ORDER BY key
    ON CONFLICT (key) DO UPDATE
   SET failures = 1 + greatest(0, f.failures
           - extract(epoch FROM greatest(EXCLUDED.last_at - f.last_at, interval '0'))
             / 60 * $3::double precision),
       last_at = greatest(f.last_at, EXCLUDED.last_at);

-- name: reset_sign_in_failures
DELETE FROM tokens.sign_in_failures WHERE key = $1;

-- name: delete_expired_failures
DELETE FROM tokens.sign_in_failures WHERE last_at <= $1;

-- Replay: rows that are in the fold over the first $1 facts but not in the live table, and vice versa
-- (events/replay.py). All columns are compared; each side is read once.

-- name: accounts_differences
SELECT v.side, v.id::text AS id
  FROM (SELECT f.account_id AS in_fold, t.account_id AS in_table
          FROM tokens.accounts_as_of($1) f FULL JOIN tokens.accounts t USING (account_id)
         WHERE f IS DISTINCT FROM t) d
  CROSS JOIN LATERAL (VALUES ('fold', d.in_fold), ('table', d.in_table)) AS v (side, id)
 WHERE v.id IS NOT NULL ORDER BY v.side, v.id;

-- name: connect_tokens_differences
SELECT v.side, v.id::text AS id
  FROM (SELECT f.connect_token_id AS in_fold, t.connect_token_id AS in_table
          FROM tokens.connect_tokens_as_of($1) f FULL JOIN tokens.connect_tokens t USING (token_hash)
         WHERE f IS DISTINCT FROM t) d
  CROSS JOIN LATERAL (VALUES ('fold', d.in_fold), ('table', d.in_table)) AS v (side, id)
 WHERE v.id IS NOT NULL ORDER BY v.side, v.id;

-- name: members_differences
SELECT v.side, v.id::text AS id
  FROM (SELECT f.member_id AS in_fold, t.member_id AS in_table
          FROM tokens.members_as_of($1) f FULL JOIN tokens.members t USING (member_id)
         WHERE f IS DISTINCT FROM t) d
  CROSS JOIN LATERAL (VALUES ('fold', d.in_fold), ('table', d.in_table)) AS v (side, id)
 WHERE v.id IS NOT NULL ORDER BY v.side, v.id;

-- name: integrations_differences
SELECT v.side, v.id::text AS id
  FROM (SELECT f.integration_id AS in_fold, t.integration_id AS in_table
          FROM tokens.integrations_as_of($1) f FULL JOIN tokens.integrations t USING (integration_id)
         WHERE f IS DISTINCT FROM t) d
  CROSS JOIN LATERAL (VALUES ('fold', d.in_fold), ('table', d.in_table)) AS v (side, id)
 WHERE v.id IS NOT NULL ORDER BY v.side, v.id;

-- name: schema_names_differences
SELECT v.side, v.id::text AS id
  FROM (SELECT f.name AS in_fold, t.name AS in_table
          FROM tokens.schema_names_as_of($1) f FULL JOIN tokens.schema_names t USING (name)
         WHERE f IS DISTINCT FROM t) d
  CROSS JOIN LATERAL (VALUES ('fold', d.in_fold), ('table', d.in_table)) AS v (side, id)
 WHERE v.id IS NOT NULL ORDER BY v.side, v.id;

-- name: active_tokens_differences
SELECT v.side, v.id::text AS id
  FROM (SELECT f.token_id AS in_fold, t.token_id AS in_table
          FROM tokens.active_tokens_as_of($1) f FULL JOIN tokens.active_tokens t USING (token_hash)
         WHERE f IS DISTINCT FROM t) d
  CROSS JOIN LATERAL (VALUES ('fold', d.in_fold), ('table', d.in_table)) AS v (side, id)
 WHERE v.id IS NOT NULL ORDER BY v.side, v.id;

-- name: retired_tokens_differences
SELECT v.side, v.id::text AS id
  FROM (SELECT f.token_id AS in_fold, t.token_id AS in_table
          FROM tokens.retired_tokens_as_of($1) f FULL JOIN tokens.retired_tokens t USING (token_hash)
         WHERE f IS DISTINCT FROM t) d
  CROSS JOIN LATERAL (VALUES ('fold', d.in_fold), ('table', d.in_table)) AS v (side, id)
 WHERE v.id IS NOT NULL ORDER BY v.side, v.id;
