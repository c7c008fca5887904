-- What the history asks of the database. It writes nothing here.

-- name: receipts_count
SELECT count(*) FROM journal.receipts;

-- name: receipts_outside
-- Receipts that break the barrier (design, promise 2) as the first $1 facts tell it, at most $2
-- of them, in order of insertion; id is the batch's. A receipt's log_size says which facts its
-- transaction saw: those with a smaller number. Right is
--     TokenGenerated.number < log_size <= TokenRevoked.number,
-- and that the last of pause, resume and delete below log_size, if any, is a resume.
--
-- Receipts are reduced to distinct (integration, token, log size) first: there are at most as
-- many as facts, however many receipts there are. States and receipts then share one ordered
-- pass, so it never matters how often an integration was paused.
WITH admitted AS (
    SELECT integration_id, token_id, log_size FROM journal.receipts
     GROUP BY integration_id, token_id, log_size
), facts AS (
    SELECT number, type, split_part(stream, '/', 2)::int AS integration_id,
           (record -> 'data' ->> 'token_id')::int AS token_id
      FROM ledger.event
     WHERE number < $1
       AND type IN ('TokenGenerated', 'TokenRevoked',
                    'IntegrationPaused', 'IntegrationResumed', 'IntegrationDeleted')
), lifetimes AS (
    SELECT token_id, integration_id, g.number AS generated, r.number AS revoked
      FROM facts g
      LEFT JOIN (SELECT token_id, number FROM facts WHERE type = 'TokenRevoked') r USING (token_id)
     WHERE g.type = 'TokenGenerated'
), ordered AS (
    -- A fact comes after the admissions whose log_size equals its number.
    SELECT integration_id, token_id, log_size,
           max(state_number) OVER (PARTITION BY integration_id ORDER BY place, later
                                   ROWS UNBOUNDED PRECEDING) AS last_state
      FROM (SELECT integration_id, token_id, log_size, log_size AS place, false AS later,
                   NULL::bigint AS state_number
              FROM admitted
            UNION ALL
            SELECT integration_id, NULL, NULL, number, true, number
              FROM facts WHERE type NOT IN ('TokenGenerated', 'TokenRevoked')) s
), outside AS (
    SELECT o.integration_id, o.token_id, o.log_size
      FROM ordered o
      LEFT JOIN lifetimes l USING (token_id, integration_id)
      LEFT JOIN facts s ON s.number = o.last_state
     WHERE o.log_size IS NOT NULL
       AND (l.generated IS NULL OR o.log_size <= l.generated OR o.log_size > l.revoked
            OR o.log_size > $1 OR s.type <> 'IntegrationResumed')
)
SELECT r.batch_id::text AS id, r.number, r.integration_id, r.token_id, r.log_size, r.received_at
  FROM journal.receipts r JOIN outside USING (integration_id, token_id, log_size)
 ORDER BY r.number LIMIT $2;

-- ---------------------------------------------------------------- the signer's

-- name: signed_size
SELECT max(size) FROM ledger.checkpoint WHERE origin = $1;

-- name: restorations
SELECT number, record FROM ledger.restorations();

-- name: one_leaf_hash
SELECT leaf_hash FROM ledger.event WHERE number = $1;

-- name: leaf_hashes
-- As one value: a million rows one by one would cost more than hashing them.
SELECT count(*) AS found, min(number) AS first, max(number) AS last,
       string_agg(leaf_hash, ''::bytea ORDER BY number) AS hashes
  FROM ledger.event WHERE number >= $1 AND number < $2;

-- name: publish_tiles
-- Answers with a tile that was there with another root, if any.
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
