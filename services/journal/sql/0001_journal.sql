-- Accepted batches. Receipts stay for ever; bodies are kept by the day; pending is the loader's
-- work list. All three are written by one group transaction of ingest.

CREATE SCHEMA journal;

CREATE TABLE journal.receipts (
    number         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,  -- order of insertion, gaps possible
    batch_id       uuid NOT NULL UNIQUE,
    integration_id int NOT NULL,
    token_id       int NOT NULL,
    endpoint       text NOT NULL CHECK (endpoint IN ('push', 'batch')),
    tables         text[] NOT NULL,
    records        int NOT NULL CHECK (records > 0),
    bytes          bigint NOT NULL CHECK (bytes > 0),
    body_sha256    bytea NOT NULL CHECK (octet_length(body_sha256) = 32),
    received_at    timestamptz NOT NULL,
    log_size       bigint NOT NULL CHECK (log_size > 0),
    peer           text
);

CREATE TABLE journal.bodies (
    batch_id    uuid NOT NULL,
    received_at timestamptz NOT NULL,
    media_type  text NOT NULL,
    body        bytea NOT NULL,
    PRIMARY KEY (batch_id, received_at)
) PARTITION BY RANGE (received_at);
-- They are zstd already: no second attempt at compressing them. Partitions take it over.
ALTER TABLE journal.bodies ALTER COLUMN body SET STORAGE EXTERNAL;

-- Catches what no day's partition takes (a clock far off), so that an insert never fails for it.
CREATE TABLE journal.bodies_other PARTITION OF journal.bodies DEFAULT;

-- One row per batch and table, keyed by the table's place in the batch: a name may be longer
-- than an index row, its hash never is. number is the receipt's.
CREATE TABLE journal.pending (
    batch_id       uuid NOT NULL,
    place          int NOT NULL,
    number         bigint NOT NULL,
    integration_id int NOT NULL,
    table_name     text NOT NULL,
    table_hash     bigint GENERATED ALWAYS AS (hashtextextended(table_name, 0)) STORED NOT NULL,
    records        int NOT NULL,
    bytes          bigint NOT NULL,
    received_at    timestamptz NOT NULL,
    request_id     text,                    -- the caller's, for the loader's log
    attempts       int NOT NULL DEFAULT 0,
    failed_at      timestamptz,             -- set aside: never claimed until somebody retries it
    reason         text,
    PRIMARY KEY (batch_id, place)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);
CREATE INDEX pending_by_table ON journal.pending (integration_id, table_hash, number)
    WHERE failed_at IS NULL;

-- Which loader works on which table, and until when it may be alone with it.
CREATE TABLE journal.leases (
    integration_id int NOT NULL,
    table_hash     bigint NOT NULL,
    holder         uuid NOT NULL,
    until          timestamptz NOT NULL,
    PRIMARY KEY (integration_id, table_hash)
) WITH (fillfactor = 50);

-- Makes the partitions of p_days days from p_from on; those that exist stay as they are. A day
-- whose rows already fell into the default partition is left there: nothing is lost by it.
CREATE FUNCTION journal.make_partitions(p_from date, p_days int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
    day  date;
    made int := 0;
    name text;
BEGIN
    IF p_days NOT BETWEEN 1 AND 31 THEN
        RAISE EXCEPTION 'between 1 and 31 days, got %', p_days USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(3, 1);
    FOR day IN SELECT p_from + i FROM generate_series(0, p_days - 1) i LOOP
        name := 'bodies_' || to_char(day, 'YYYYMMDD');
        CONTINUE WHEN to_regclass('journal.' || name) IS NOT NULL;
        BEGIN
            EXECUTE format(
                'CREATE TABLE journal.%I PARTITION OF journal.bodies FOR VALUES FROM (%L) TO (%L)',
                name, day::timestamp AT TIME ZONE 'UTC', (day + 1)::timestamp AT TIME ZONE 'UTC');
            made := made + 1;
        EXCEPTION WHEN check_violation THEN
            RAISE WARNING 'bodies of % stay in the default partition', day;
        END;
    END LOOP;
    RETURN made;
END $$;

-- A group's transaction, all of it, in one trip (design, promise 2; docs/decisions has why). The
-- caller decided about every request by the tokens' rows as it believes them to be. Here the locks
-- are taken, and then the rows are compared with that belief: every statement of a volatile
-- function has a snapshot of its own, so this one sees all that was committed before the locks were
-- won, and nothing can change until the transaction ends. Where belief and rows are the same, what
-- was let in is written. Where they are not, nothing is written, and the rows come back.
--
-- One of each p_believed_… and p_hashes per token, NULLs for one believed not to exist; locks are
-- taken for the integrations believed in, because those of others are not written to. One of each
-- other array per request, in order of arrival, the first at p_received_at and each a microsecond
-- after the one before; tables and table_records hold array literals, because unnest would flatten
-- arrays of arrays.
CREATE FUNCTION journal.commit_group(
    p_hashes bytea[], p_believed_token_ids int[], p_believed_integration_ids int[],
    p_believed_client_ids int[], p_believed_states text[],
    p_batch_ids uuid[], p_integration_ids int[], p_token_ids int[], p_endpoints text[],
    p_tables text[], p_table_records text[], p_records int[], p_bytes bigint[],
    p_body_sha256s bytea[], p_received_at timestamptz, p_peers text[], p_request_ids text[],
    p_media_types text[], p_bodies bytea[])
RETURNS TABLE (log_size bigint, token_hash bytea, token_id int, integration_id int, client_id int,
               state text)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    id        int;
    size      bigint;
    believed  boolean;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(2, 0);
    FOR id IN SELECT DISTINCT i FROM unnest(p_believed_integration_ids) i
               WHERE i IS NOT NULL ORDER BY i LOOP
        PERFORM pg_advisory_xact_lock_shared(1, id);
    END LOOP;

    SELECT h.size, bool_and(
               (a.token_id, a.integration_id, a.client_id, a.state)
               IS NOT DISTINCT FROM (b.token_id, b.integration_id, b.client_id, b.state))
      INTO STRICT size, believed
      FROM ledger.head h
      LEFT JOIN unnest(p_hashes, p_believed_token_ids, p_believed_integration_ids,
                       p_believed_client_ids, p_believed_states)
           AS b (token_hash, token_id, integration_id, client_id, state) ON true
      LEFT JOIN tokens.active_tokens a ON a.token_hash = b.token_hash
     GROUP BY h.size;
    IF NOT believed THEN
        RETURN QUERY
            SELECT NULL::bigint, b.token_hash, a.token_id, a.integration_id, a.client_id, a.state
              FROM unnest(p_hashes) AS b (token_hash)
              LEFT JOIN tokens.active_tokens a ON a.token_hash = b.token_hash;
        RETURN;
    END IF;

    WITH written AS (
        INSERT INTO journal.receipts (batch_id, integration_id, token_id, endpoint, tables, records,
                                      bytes, body_sha256, received_at, log_size, peer)
        SELECT g.batch_id, g.integration_id, g.token_id, g.endpoint, g.tables::text[], g.records,
               g.bytes, g.body_sha256, p_received_at + (g.place - 1) * interval '1 microsecond',
               size, g.peer
          FROM unnest(p_batch_ids, p_integration_ids, p_token_ids, p_endpoints, p_tables, p_records,
                      p_bytes, p_body_sha256s, p_peers) WITH ORDINALITY
               AS g (batch_id, integration_id, token_id, endpoint, tables, records, bytes,
                     body_sha256, peer, place)
        RETURNING number, batch_id, integration_id, tables, bytes, received_at
    )
    INSERT INTO journal.pending (batch_id, place, number, integration_id, table_name, records,
                                 bytes, received_at, request_id)
    SELECT w.batch_id, part.place - 1, w.number, w.integration_id, part.table_name, part.records,
           w.bytes, w.received_at, g.request_id
      FROM written w
      JOIN unnest(p_batch_ids, p_table_records, p_request_ids)
           AS g (batch_id, table_records, request_id) ON g.batch_id = w.batch_id
     CROSS JOIN LATERAL unnest(w.tables, g.table_records::int[]) WITH ORDINALITY
           AS part (table_name, records, place);
    -- Apart from the rest, so that nothing else carries the bodies around.
    INSERT INTO journal.bodies (batch_id, received_at, media_type, body)
    SELECT g.batch_id, p_received_at + (g.place - 1) * interval '1 microsecond', g.media_type,
           g.body
      FROM unnest(p_batch_ids, p_media_types, p_bodies) WITH ORDINALITY
           AS g (batch_id, media_type, body, place);
    RETURN QUERY SELECT size, NULL::bytea, NULL::int, NULL::int, NULL::int, NULL::text;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA journal FROM PUBLIC;
GRANT USAGE ON SCHEMA journal TO pushgate_ingest, pushgate_loader, pushgate_tokens, pushgate_history;
GRANT EXECUTE ON FUNCTION journal.make_partitions(date, int) TO pushgate_ingest;
GRANT EXECUTE ON FUNCTION journal.commit_group TO pushgate_ingest;
GRANT SELECT, INSERT ON journal.receipts, journal.bodies, journal.pending TO pushgate_ingest;
GRANT SELECT ON journal.receipts TO pushgate_loader, pushgate_tokens, pushgate_history;
GRANT SELECT ON journal.bodies TO pushgate_loader;
GRANT SELECT, UPDATE, DELETE ON journal.pending TO pushgate_loader;
GRANT SELECT, INSERT, UPDATE, DELETE ON journal.leases TO pushgate_loader;
