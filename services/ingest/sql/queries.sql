-- Ingest's statements: the group commit, the token cache, use and refusals.

-- name: prepare_committer
-- A revocation holds its lock for milliseconds. Whoever holds one longer must not hold up the
-- neighbours in the group: after two seconds the group goes on without that integration.
-- The group's plan never depends on its size. Its statements must each see what was committed
-- before them, whatever the server's default is.
SET lock_timeout = '2s'; SET plan_cache_mode = force_generic_plan;
SET default_transaction_isolation = 'read committed';

-- name: commit_group
-- What comes as ::text is an array literal.
SELECT log_size, token_hash, token_id, integration_id, client_id, state
  FROM journal.commit_group(
           $1::bytea[], $2::int[], $3::int[], $4::int[], $5::text[], $6::text::uuid[],
           $7::text::int[], $8::text::int[], $9::text::text[], $10::text[], $11::text::text[],
           $12::text::int[], $13::text::bigint[], $14::bytea[], $15::timestamptz,
           $16::text::text[], $17::text::text[], $18::text::text[], $19::bytea[]);

-- name: commit_group_idempotent
SELECT log_size, token_hash, token_id, integration_id, client_id, state, repeat_place,
       first_batch_id, first_sha256
  FROM journal.commit_group_once(
           $1::bytea[], $2::int[], $3::int[], $4::int[], $5::text[], $6::text::uuid[],
           $7::text::int[], $8::text::int[], $9::text::text[], $10::text[], $11::text::text[],
           $12::text::int[], $13::text::bigint[], $14::bytea[], $15::timestamptz,
           $16::text::text[], $17::text::text[], $18::text::text[], $19::bytea[], $20::bytea[],
           $21::text::int[]);

-- name: first_batches
SELECT g.place::int AS repeat_place, r.batch_id AS first_batch_id, r.body_sha256 AS first_sha256
  FROM unnest($1::int[], $2::text[], $3::bytea[]) WITH ORDINALITY
       AS g (integration_id, endpoint, known_by, place)
  JOIN journal.repeats r USING (integration_id, endpoint, known_by);

-- name: is_committed
-- Of a group whose connection broke: a group is written whole or not at all.
SELECT EXISTS (SELECT FROM journal.receipts WHERE batch_id = ANY ($1::uuid[]));

-- name: look_up_token
-- A revoked one only to say whose it was.
SELECT token_id, integration_id, client_id, state
  FROM tokens.active_tokens WHERE token_hash = $1
UNION ALL
SELECT token_id, integration_id, NULL, 'revoked'
  FROM tokens.retired_tokens WHERE token_hash = $1;

-- name: tokens_of_integrations
SELECT token_hash, token_id, integration_id, client_id, state
  FROM tokens.active_tokens WHERE integration_id = ANY ($1::int[]);

-- name: tokens_before
SELECT token_hash, token_id, integration_id, client_id, state
  FROM tokens.active_tokens WHERE token_id < $1 ORDER BY token_id DESC LIMIT $2::int;

-- name: log_size
SELECT size FROM ledger.head;

-- name: upsert_token_uses
-- In one order, so that two programs never wait for each other.
INSERT INTO journal.token_use AS u (token_id, integration_id, first_used_at, first_peer,
                                    last_used_at, last_peer)
SELECT token_id, integration_id, first_used_at, first_peer, last_used_at, last_peer
  FROM unnest($1::int[], $2::int[], $3::timestamptz[], $4::text[], $5::timestamptz[], $6::text[])
       AS n (token_id, integration_id, first_used_at, first_peer, last_used_at, last_peer)
 ORDER BY token_id
ON CONFLICT (token_id) DO UPDATE
   SET first_peer = CASE WHEN excluded.first_used_at < u.first_used_at
                         THEN excluded.first_peer ELSE u.first_peer END,
       first_used_at = least(u.first_used_at, excluded.first_used_at),
       last_peer = CASE WHEN excluded.last_used_at >= u.last_used_at
                        THEN excluded.last_peer ELSE u.last_peer END,
       last_used_at = greatest(u.last_used_at, excluded.last_used_at);

-- name: upsert_refusals
INSERT INTO journal.refusals AS r (minute, reason, integration_id, token_id, first_at, last_at,
                                   requests, bytes, last_peer)
SELECT minute, reason, integration_id, token_id, first_at, last_at, requests, bytes, last_peer
  FROM unnest($1::timestamptz[], $2::text[], $3::int[], $4::int[], $5::timestamptz[],
              $6::timestamptz[], $7::bigint[], $8::bigint[], $9::text[])
       AS n (minute, reason, integration_id, token_id, first_at, last_at, requests, bytes,
             last_peer)
 ORDER BY minute, reason, integration_id, token_id
ON CONFLICT (minute, reason, integration_id, token_id) DO UPDATE
   SET first_at = least(r.first_at, excluded.first_at),
       last_peer = CASE WHEN excluded.last_at >= r.last_at
                        THEN excluded.last_peer ELSE r.last_peer END,
       last_at = greatest(r.last_at, excluded.last_at),
       requests = r.requests + excluded.requests,
       bytes = r.bytes + excluded.bytes;

-- name: delete_expired_idempotency_keys
WITH old AS (SELECT ctid FROM journal.repeats WHERE until < $1 ORDER BY until LIMIT $2::int),
     gone AS (DELETE FROM journal.repeats WHERE ctid = ANY (ARRAY (SELECT ctid FROM old))
              RETURNING 1)
SELECT count(*)::int FROM gone;

-- name: delete_old_refusals
WITH old AS (SELECT ctid FROM journal.refusals WHERE minute < $1 ORDER BY minute LIMIT $2::int),
     gone AS (DELETE FROM journal.refusals WHERE ctid = ANY (ARRAY (SELECT ctid FROM old))
              RETURNING 1)
SELECT count(*)::int FROM gone;
