-- Statements of the history service and the signer. Only the signer and sealing write.

-- name: receipts_count
SELECT count(*) FROM journal.receipts;

-- name: receipts_outside
-- Receipts that break the barrier (design, promise 2) according to the first $1 facts, at most $2
-- of them, in order of insertion; id is the batch's. A receipt's log_size states which facts its
-- transaction saw: those with a smaller number. A receipt is correct when
--     TokenGenerated.number < log_size <= TokenRevoked.number,
-- and the last of pause, resume and delete below log_size, if any, is a resume.
--
-- Receipts are reduced to distinct (integration, token, log size) first: there are at most as
-- many as facts, however many receipts there are. States and receipts then share one ordered
-- pass, so it never matters how often an integration was paused. All joins are hash joins: a
-- state is packed into one number, twice its number in the log, plus 1 when pushes are admitted.
WITH admitted AS (
    SELECT integration_id, token_id, log_size, min(number) AS first
      FROM journal.receipts GROUP BY integration_id, token_id, log_size
), facts AS MATERIALIZED (
    SELECT number, type, split_part(stream, '/', 2)::int AS integration_id,
           (record -> 'data' ->> 'token_id')::int AS token_id
      FROM ledger.event
     WHERE number < $1
       AND type IN ('TokenGenerated', 'TokenRevoked',
                    'IntegrationPaused', 'IntegrationResumed', 'IntegrationDeleted')
), lifetimes AS (
    SELECT integration_id, token_id,
           min(number) FILTER (WHERE type = 'TokenGenerated') AS generated,
           min(number) FILTER (WHERE type = 'TokenRevoked') AS revoked
      FROM facts WHERE token_id IS NOT NULL GROUP BY integration_id, token_id
), ordered AS (
    -- A fact comes after the admissions with a log_size equal to its number.
    SELECT integration_id, token_id, log_size, first,
           max(state) OVER (PARTITION BY integration_id ORDER BY place, state NULLS FIRST
                            ROWS UNBOUNDED PRECEDING) AS state
      FROM (SELECT integration_id, token_id, log_size, first, log_size AS place,
                   NULL::bigint AS state
              FROM admitted
            UNION ALL
            SELECT integration_id, NULL, NULL, NULL, number,
                   number * 2 + (type = 'IntegrationResumed')::int
              FROM facts WHERE token_id IS NULL) s
), outside AS MATERIALIZED (
    -- The first $2 receipts are of at most as many kinds, those with the smallest first receipts.
    SELECT o.integration_id, o.token_id, o.log_size
      FROM ordered o LEFT JOIN lifetimes l USING (integration_id, token_id)
     WHERE o.log_size IS NOT NULL
       AND (l.generated IS NULL OR o.log_size <= l.generated OR o.log_size > l.revoked
            OR o.log_size > $1 OR o.state % 2 = 0)
     ORDER BY o.first LIMIT $2
)
SELECT r.batch_id::text AS id, r.number, r.integration_id, r.token_id, r.log_size, r.received_at
  FROM journal.receipts r JOIN outside USING (integration_id, token_id, log_size)
 ORDER BY r.number LIMIT $2;

-- ---------------------------------------------------------------- the signer

-- name: signed_size
SELECT max(size) FROM ledger.checkpoint WHERE origin = $1;

-- name: restorations
SELECT number, record FROM ledger.restorations();

-- name: one_leaf_hash
SELECT leaf_hash FROM ledger.event WHERE number = $1;

-- name: leaf_hashes
-- As one value: fetching a million rows would cost more than hashing them.
SELECT count(*) AS found, min(number) AS first, max(number) AS last,
       string_agg(leaf_hash, ''::bytea ORDER BY number) AS hashes
  FROM ledger.event WHERE number >= $1 AND number < $2;

-- name: publish_tiles
-- Returns a tile that was published before with another root, if any.
WITH given AS (
    SELECT * FROM unnest($1::int[], $2::bigint[], $3::bytea[]) AS t (level, number, root)
), added AS (
    INSERT INTO ledger.tile (level, number, root) SELECT level, number, root FROM given
    ON CONFLICT (level, number) DO NOTHING
)
SELECT g.level, g.number FROM given g JOIN ledger.tile t USING (level, number)
 WHERE t.root <> g.root LIMIT 1;

-- name: publish_checkpoint
INSERT INTO ledger.checkpoint (origin, size, root, note, key) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (origin, size) DO NOTHING;

-- name: halt
INSERT INTO ledger.halt (origin, reason) SELECT origin, $1 FROM ledger.head
ON CONFLICT (origin) DO NOTHING;

-- ---------------------------------------------------------------- access

-- name: plan_for_these_values
-- With optional filters one generic plan does not fit: for the rest of the transaction each statement
-- is planned for its own values.
SET LOCAL plan_cache_mode = force_custom_plan;

-- name: reader
-- The installation's first account, that of the first event, may read the whole log.
SELECT connect_token_id, account_id, role,
       EXISTS (SELECT FROM ledger.event e
                WHERE e.number = 0 AND e.stream = 'account/' || c.account_id) AS sees_all
  FROM tokens.connect_tokens c WHERE token_hash = $1;

-- ---------------------------------------------------------------- the events API

-- name: log_size
SELECT size FROM ledger.head;

-- name: stream_all_events
-- Used with COPY: parameters are inserted as literals, so absent filters cost nothing.
-- $8 limits the events to one account, NULL means all. Events of other accounts are left out or, if
-- $9, appear as their leaf hash, which computing the root needs.
WITH mine AS (
    SELECT 'integration/' || i.integration_id AS stream FROM tokens.integrations i
     WHERE i.account_id = $8::int
    UNION ALL VALUES ('account/' || $8::int), ('receipts'), ('log')
)
SELECT CASE WHEN $8::int IS NULL OR stream IN (SELECT stream FROM mine) THEN record::text
            ELSE format('{"specversion":"1.0","sequence":"%s","leaf_hash":"%s"}',
                        lpad(number::text, 20, '0'), encode(leaf_hash, 'hex')) END
  FROM ledger.event
 WHERE number > $1::bigint AND number <= $2::bigint
   AND ($3::text[] IS NULL OR type = ANY ($3::text[]))
   AND ($4::text IS NULL OR actor = $4::text)
   AND ($5::text IS NULL OR stream = $5::text)
   AND ($6::timestamptz IS NULL OR recorded_at >= $6::timestamptz)
   AND ($7::timestamptz IS NULL OR recorded_at < $7::timestamptz)
   AND ($8::int IS NULL OR $9::boolean OR stream IN (SELECT stream FROM mine))
 ORDER BY number;

-- name: events_page
-- One page of the same.
WITH mine AS (
    SELECT 'integration/' || i.integration_id AS stream FROM tokens.integrations i
     WHERE i.account_id = $8::int
    UNION ALL VALUES ('account/' || $8::int), ('receipts'), ('log')
)
SELECT number,
       CASE WHEN $8::int IS NULL OR stream IN (SELECT stream FROM mine) THEN record::text
            ELSE format('{"specversion":"1.0","sequence":"%s","leaf_hash":"%s"}',
                        lpad(number::text, 20, '0'), encode(leaf_hash, 'hex')) END AS record
  FROM ledger.event
 WHERE number > $1::bigint AND number <= $2::bigint
   AND ($3::text[] IS NULL OR type = ANY ($3::text[]))
   AND ($4::text IS NULL OR actor = $4::text)
   AND ($5::text IS NULL OR stream = $5::text)
   AND ($6::timestamptz IS NULL OR recorded_at >= $6::timestamptz)
   AND ($7::timestamptz IS NULL OR recorded_at < $7::timestamptz)
   AND ($8::int IS NULL OR $9::boolean OR stream IN (SELECT stream FROM mine))
 ORDER BY number LIMIT $10;

-- name: records
SELECT record::text AS record FROM ledger.event WHERE number >= $1 AND number < $2 ORDER BY number;

-- ---------------------------------------------------------------- the tree

-- name: newest_checkpoint
SELECT c.size, c.note, c.key FROM ledger.checkpoint c
 WHERE c.origin = (SELECT 'pushgate/' || h.origin FROM ledger.head h)
 ORDER BY c.size DESC LIMIT 1;

-- name: checkpoints
-- A page of them, after size $1.
SELECT c.size, c.note FROM ledger.checkpoint c
 WHERE c.origin = (SELECT 'pushgate/' || h.origin FROM ledger.head h) AND c.size > $1
 ORDER BY c.size LIMIT $2;

-- name: entries
-- All hashes of a range as one value: hundreds of rows cost more than what is computed from them.
-- Entry i of level 0 is leaf i, of a level above the root of full tile i of the level below.
SELECT CASE w.level WHEN 0 THEN (
           SELECT string_agg(e.leaf_hash, ''::bytea ORDER BY e.number) FROM ledger.event e
            WHERE e.number >= w.start AND e.number < w.stop)
       ELSE (
           SELECT string_agg(t.root, ''::bytea ORDER BY t.number) FROM ledger.tile t
            WHERE t.level = w.level - 1 AND t.number >= w.start AND t.number < w.stop)
       END AS hashes
  FROM unnest($1::int[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS w (level, start, stop, place)
 ORDER BY w.place;

-- ---------------------------------------------------------------- receipts and seals

-- name: limit_lock_wait
SET LOCAL lock_timeout = '5s';

-- name: wait_for_groups
SELECT pg_advisory_xact_lock(2, 0);

-- name: last_receipt
SELECT coalesce(max(number), 0) FROM journal.receipts;

-- name: last_seal
SELECT (record -> 'data' ->> 'last')::bigint AS last
  FROM ledger.event WHERE stream = 'receipts' ORDER BY version DESC LIMIT 1;

-- name: oldest_unsealed
SELECT r.received_at FROM journal.receipts r
 WHERE r.number > coalesce((SELECT (e.record -> 'data' ->> 'last')::bigint FROM ledger.event e
                             WHERE e.stream = 'receipts' ORDER BY e.version DESC LIMIT 1), 0)
 ORDER BY r.number LIMIT 1;

-- name: receipts_page
SELECT r.number, history.receipt_text(r) AS text FROM journal.receipts r
 WHERE r.number > $1 AND r.number <= $2 ORDER BY r.number LIMIT $3;

-- name: stream_all_receipts
-- The last two parameters are those of stream_all_events. (COPY substitutes parameters in comments
-- too, so none is named here that the statement does not have.)
WITH mine AS (SELECT integration_id FROM tokens.integrations WHERE account_id = $3::int)
SELECT CASE WHEN $3::int IS NULL OR r.integration_id IN (SELECT integration_id FROM mine)
            THEN history.receipt_text(r)
            ELSE format('{"number":%s,"leaf_hash":"%s"}', r.number, encode(sha256(
                '\x00'::bytea || convert_to(history.receipt_text(r), 'UTF8')), 'hex')) END
  FROM journal.receipts r
 WHERE r.number > $1::bigint AND r.number <= $2::bigint
   AND ($3::int IS NULL OR $4::boolean OR r.integration_id IN (SELECT integration_id FROM mine))
 ORDER BY r.number;

-- name: seal
SELECT ledger.seal($1, $2, $3, $4);

-- ---------------------------------------------------------------- tokens and their receipts

-- name: token
-- By id or by hash; the other is NULL. $3: the account, NULL for any. retired_tokens does not contain
-- the generation, so it is read from the log.
SELECT t.token_id, t.integration_id, i.schema_name,
       g.number AS generated_number, g.recorded_at AS generated_at, g.actor AS generated_by,
       r.number AS revoked_number, r.recorded_at AS revoked_at, r.actor AS revoked_by
  FROM (SELECT token_id, integration_id, NULL::bigint AS revoked_number FROM tokens.active_tokens
         WHERE token_id = $1::int OR token_hash = $2::bytea
        UNION ALL
        SELECT token_id, integration_id, revoked_number FROM tokens.retired_tokens
         WHERE token_id = $1::int OR token_hash = $2::bytea) t
  JOIN tokens.integrations i USING (integration_id)
  JOIN ledger.event g ON g.stream = 'integration/' || t.integration_id AND g.type = 'TokenGenerated'
   AND (g.record -> 'data' ->> 'token_id')::int = t.token_id
  LEFT JOIN ledger.event r ON r.number = t.revoked_number
 WHERE $3::int IS NULL OR i.account_id = $3::int;

-- name: stream_token_receipts
-- array_to_json and not json_agg, which puts newlines between its members.
SELECT format('{"receipt":%s,"tables":%s}', history.receipt_text(r), array_to_json(ARRAY(
           SELECT json_build_object(
                      'table', w.name,
                      'state', CASE WHEN p.batch_id IS NULL THEN 'loaded'
                                    WHEN p.failed_at IS NULL THEN 'waiting' ELSE 'failed' END,
                      'reason', p.reason,
                      'rejected_in_load', (
                          SELECT l.rejected FROM loader.loads l
                           WHERE l.integration_id = r.integration_id AND l.table_name = w.name
                             AND l.last_receipt >= r.number AND l.first_receipt <= r.number
                           ORDER BY l.last_receipt LIMIT 1))
             FROM unnest(r.tables) WITH ORDINALITY AS w (name, place)
             LEFT JOIN journal.pending p ON p.batch_id = r.batch_id AND p.place = w.place - 1
            ORDER BY w.place)))
  FROM journal.receipts r
 WHERE r.token_id = $1::int AND r.number > $2::bigint
   AND ($3::int IS NULL OR r.integration_id IN (
            SELECT i.integration_id FROM tokens.integrations i WHERE i.account_id = $3::int))
 ORDER BY r.number;

-- name: receipts_at
SELECT history.receipt_text(r) AS text
  FROM journal.receipts r JOIN tokens.integrations i USING (integration_id)
 WHERE i.schema_name = $1 AND r.received_at = $2 AND ($4::int IS NULL OR i.account_id = $4::int)
 ORDER BY r.number LIMIT $3;
