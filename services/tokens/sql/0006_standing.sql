-- The tokens that stood at a moment, by the facts that generated them: where a fold over the whole log
-- and two questions about a moment begin. Most tokens are revoked: these pairs are found in an index,
-- before any text is read. Without SET or STRICT, so that it is planned as part of who asks.
CREATE FUNCTION tokens.standing_as_of(p_size bigint)
RETURNS TABLE (number bigint) LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT g.number FROM ledger.event g
     WHERE g.type = 'TokenGenerated' AND g.number < p_size
       AND NOT EXISTS (
           SELECT FROM ledger.event r
            WHERE r.type = 'TokenRevoked' AND r.number < p_size AND r.token_id = g.token_id)
$$;

REVOKE ALL ON FUNCTION tokens.standing_as_of(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tokens.standing_as_of(bigint) TO pushgate_tokens, pushgate_history;

-- As 0002_folds.sql made it, but for where it begins.
CREATE OR REPLACE FUNCTION tokens.active_tokens_as_of(p_size bigint)
RETURNS SETOF tokens.active_tokens LANGUAGE sql STABLE PARALLEL SAFE
SET work_mem = '64MB' SET plan_cache_mode = force_custom_plan AS $$
    WITH stated AS (
        SELECT DISTINCT ON (e.stream) e.stream, e.type, e.number
          FROM ledger.event e
         WHERE e.type IN ('IntegrationPaused', 'IntegrationResumed', 'IntegrationDeleted')
           AND e.number < p_size
         ORDER BY e.stream, e.version DESC
    )
    SELECT decode(g.record -> 'data' ->> 'token_hash', 'hex'),
           g.token_id,
           g.record -> 'data' ->> 'last_four',
           split_part(g.stream, '/', 2)::int,
           (c.record -> 'data' ->> 'account_id')::int,
           c.record -> 'data' ->> 'schema_name',
           CASE stated.type WHEN 'IntegrationPaused' THEN 'paused'
                            WHEN 'IntegrationDeleted' THEN 'deleted' ELSE 'active' END,
           g.recorded_at,
           g.number,
           greatest(g.number, stated.number)
      FROM tokens.standing_as_of(p_size) standing
      JOIN ledger.event g ON g.number = standing.number
      JOIN ledger.event c ON c.stream = g.stream AND c.version = 1
      LEFT JOIN stated ON stated.stream = g.stream
$$;
