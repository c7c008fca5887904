-- What the token service asks of the database. Facts are written through ledger.append alone
-- (events/sql); everything here reads, allots ids or takes a lock.

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

-- name: raise_barrier
-- Waits for the pushes in hand of this integration; those that come later wait for our commit
-- and then see our fact (design, promise 2).
SELECT pg_advisory_xact_lock(1, $1);

-- name: keep_account_name
-- Tried again after a lost connection, the first try may have got through.
INSERT INTO tokens.account_names (account_id, name) VALUES ($1, $2)
    ON CONFLICT (account_id) DO NOTHING;

-- name: keep_token_label
INSERT INTO tokens.token_labels (token_id, label) VALUES ($1, $2)
    ON CONFLICT (token_id) DO UPDATE SET label = excluded.label;

-- name: erase_token_label
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
-- Of an active token, within an account.
SELECT integration_id FROM tokens.active_tokens WHERE client_id = $1 AND token_id = $2;

-- name: token_by_hash
-- Active or retired; a token's integration may be paused or deleted all the same.
SELECT token_id, integration_id, true AS active FROM tokens.active_tokens WHERE token_hash = $1
UNION ALL
SELECT token_id, integration_id, false FROM tokens.retired_tokens WHERE token_hash = $1;

-- name: tokens_that_could_write
-- As of a size of the log: after as many facts as that, numbers 0 to size - 1.
SELECT token_id, integration_id, schema_name, generated_number
  FROM tokens.active_tokens_as_of($1) WHERE state = 'active'
 ORDER BY token_id;

-- Replay: rows that the fold over the first $1 facts has and the live table has not, and the
-- other way round (events/replay.py). Every column counts; each side is read once.

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
