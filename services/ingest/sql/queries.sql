-- Ingest's statements: the token cache, and usage statistics.

-- name: look_up_token
-- Also a revoked token, so that its owner is known.
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
-- In one order, so that two processes never deadlock.
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
