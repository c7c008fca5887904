-- What a person may read of the log, and an index for what an integration's state was.

-- Who could write at a moment: of each stream only the last of these before it decides.
CREATE INDEX event_of_state ON ledger.event (stream, number) INCLUDE (type)
    WHERE type IN ('IntegrationPaused', 'IntegrationResumed', 'IntegrationDeleted');

-- The account's own streams, and what the log states about itself; null asks for any. p_from is
-- included, p_to is not. Without SET or STRICT, so that it is planned as part of who asks.
CREATE FUNCTION tokens.facts_of_account(
    p_account_id int, p_before bigint, p_type text, p_actor text, p_stream text,
    p_from timestamptz, p_to timestamptz)
RETURNS SETOF ledger.event LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT e.*
      FROM ledger.event e
     WHERE e.number < p_before
       AND (p_type IS NULL OR e.type = p_type)
       AND (p_actor IS NULL OR e.actor = p_actor)
       AND (p_stream IS NULL OR e.stream = p_stream)
       AND (p_from IS NULL OR e.recorded_at >= p_from)
       AND (p_to IS NULL OR e.recorded_at < p_to)
       AND (e.stream IN ('receipts', 'log', 'account/' || p_account_id)
            OR e.stream IN (SELECT 'integration/' || i.integration_id FROM tokens.integrations i
                             WHERE i.account_id = p_account_id))
$$;

REVOKE ALL ON FUNCTION tokens.facts_of_account(
    int, bigint, text, text, text, timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tokens.facts_of_account(
    int, bigint, text, text, text, timestamptz, timestamptz) TO pushgate_tokens;
