-- The fold: what each projection holds after the first p_size facts (numbers below p_size).
-- As-of, rebuild and drift check all use these; a property test keeps them equal to the trigger.
-- Set-based on purpose: one pass over a prefix of the log and a few hash joins. work_mem is set for
-- these joins, and also keeps a function closed to the planner: a condition on its result, whose
-- selectivity nobody can guess, would else turn them into loops (five times slower: tried). So would
-- a plan for any size instead of this one.

CREATE FUNCTION tokens.accounts_as_of(p_size bigint)
RETURNS SETOF tokens.accounts LANGUAGE sql STABLE PARALLEL SAFE
SET work_mem = '64MB' SET plan_cache_mode = force_custom_plan AS $$
    SELECT split_part(e.stream, '/', 2)::int, e.recorded_at, e.number
      FROM ledger.event e
     WHERE e.type = 'AccountOpened' AND e.number < p_size
$$;

CREATE FUNCTION tokens.connect_tokens_as_of(p_size bigint)
RETURNS SETOF tokens.connect_tokens LANGUAGE sql STABLE PARALLEL SAFE
SET work_mem = '64MB' SET plan_cache_mode = force_custom_plan AS $$
    SELECT decode(g.record -> 'data' ->> 'token_hash', 'hex'),
           (g.record -> 'data' ->> 'connect_token_id')::int,
           split_part(g.stream, '/', 2)::int,
           g.record -> 'data' ->> 'last_four',
           g.record -> 'data' ->> 'role',
           g.recorded_at,
           g.number
      FROM ledger.event g
     WHERE g.type = 'ConnectTokenGenerated' AND g.number < p_size
       AND NOT EXISTS (
           SELECT 1 FROM ledger.event r
            WHERE r.type = 'ConnectTokenRevoked' AND r.number < p_size AND r.stream = g.stream
              AND r.record -> 'data' ->> 'connect_token_id' = g.record -> 'data' ->> 'connect_token_id')
$$;

CREATE FUNCTION tokens.integrations_as_of(p_size bigint)
RETURNS SETOF tokens.integrations LANGUAGE sql STABLE PARALLEL SAFE
SET work_mem = '64MB' SET plan_cache_mode = force_custom_plan AS $$
    WITH renamed AS (
        SELECT DISTINCT ON (e.stream) e.stream, e.record -> 'data' ->> 'display_name' AS display_name
          FROM ledger.event e
         WHERE e.type = 'IntegrationRenamed' AND e.number < p_size
         ORDER BY e.stream, e.version DESC
    ), stated AS (
        SELECT DISTINCT ON (e.stream) e.stream, e.type, e.recorded_at
          FROM ledger.event e
         WHERE e.type IN ('IntegrationPaused', 'IntegrationResumed', 'IntegrationDeleted')
           AND e.number < p_size
         ORDER BY e.stream, e.version DESC
    ), paused AS (
        -- The text of the last pause stays through a deletion and goes with a resume.
        SELECT DISTINCT ON (e.stream) e.stream, e.record -> 'data' ->> 'paused_at' AS paused_at
          FROM ledger.event e
         WHERE e.type IN ('IntegrationPaused', 'IntegrationResumed') AND e.number < p_size
         ORDER BY e.stream, e.version DESC
    ), touched AS (
        SELECT e.stream, max(e.recorded_at) AS updated_at, max(e.version) AS version,
               max(e.number) AS number
          FROM ledger.event e
         WHERE e.stream LIKE 'integration/%' AND e.number < p_size
         GROUP BY e.stream
    )
    SELECT split_part(c.stream, '/', 2)::int,
           (c.record -> 'data' ->> 'account_id')::int,
           coalesce(renamed.display_name, c.record -> 'data' ->> 'display_name'),
           c.record -> 'data' ->> 'schema_name',
           CASE stated.type WHEN 'IntegrationPaused' THEN 'paused'
                            WHEN 'IntegrationDeleted' THEN 'deleted' ELSE 'active' END,
           paused.paused_at,
           c.recorded_at,
           touched.updated_at,
           CASE WHEN stated.type = 'IntegrationDeleted' THEN stated.recorded_at END,
           touched.version,
           touched.number
      FROM ledger.event c
      JOIN touched USING (stream)
      LEFT JOIN renamed USING (stream)
      LEFT JOIN stated USING (stream)
      LEFT JOIN paused USING (stream)
     WHERE c.type = 'IntegrationCreated' AND c.number < p_size
$$;

CREATE FUNCTION tokens.schema_names_as_of(p_size bigint)
RETURNS SETOF tokens.schema_names LANGUAGE sql STABLE PARALLEL SAFE
SET work_mem = '64MB' SET plan_cache_mode = force_custom_plan AS $$
    SELECT DISTINCT e.record -> 'data' ->> 'schema_name', (e.record -> 'data' ->> 'account_id')::int
      FROM ledger.event e
     WHERE e.type = 'IntegrationCreated' AND e.number < p_size
$$;

CREATE FUNCTION tokens.active_tokens_as_of(p_size bigint)
RETURNS SETOF tokens.active_tokens LANGUAGE sql STABLE PARALLEL SAFE
SET work_mem = '64MB' SET plan_cache_mode = force_custom_plan AS $$
    WITH stated AS (
        SELECT DISTINCT ON (e.stream) e.stream, e.type, e.number
          FROM ledger.event e
         WHERE e.type IN ('IntegrationPaused', 'IntegrationResumed', 'IntegrationDeleted')
           AND e.number < p_size
         ORDER BY e.stream, e.version DESC
    ), standing AS (
        -- Most tokens are revoked: these pairs are found in an index, before any text is read.
        SELECT g.number FROM ledger.event g
         WHERE g.type = 'TokenGenerated' AND g.number < p_size
           AND NOT EXISTS (
               SELECT FROM ledger.event r
                WHERE r.type = 'TokenRevoked' AND r.number < p_size AND r.token_id = g.token_id)
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
      FROM standing
      JOIN ledger.event g ON g.number = standing.number
      JOIN ledger.event c ON c.stream = g.stream AND c.version = 1
      LEFT JOIN stated ON stated.stream = g.stream
$$;

CREATE FUNCTION tokens.retired_tokens_as_of(p_size bigint)
RETURNS SETOF tokens.retired_tokens LANGUAGE sql STABLE PARALLEL SAFE
SET work_mem = '64MB' SET plan_cache_mode = force_custom_plan AS $$
    SELECT decode(g.record -> 'data' ->> 'token_hash', 'hex'),
           g.token_id,
           split_part(g.stream, '/', 2)::int,
           r.number
      FROM ledger.event g
      JOIN ledger.event r ON r.token_id = g.token_id AND r.type = 'TokenRevoked'
       AND r.number < p_size
     WHERE g.type = 'TokenGenerated' AND g.number < p_size
$$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tokens FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tokens.accounts_as_of(bigint), tokens.connect_tokens_as_of(bigint),
    tokens.integrations_as_of(bigint), tokens.schema_names_as_of(bigint),
    tokens.active_tokens_as_of(bigint), tokens.retired_tokens_as_of(bigint)
    TO pushgate_tokens, pushgate_history;
