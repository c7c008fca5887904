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

-- The first half of a group's transaction (design, promise 2). Every statement of a volatile
-- function has a snapshot of its own, so the last one sees everything that committed before the
-- locks were won. The first read only finds out which integrations to lock: a token belongs to
-- one integration for ever. A token unknown to it was generated after the group began and is
-- answered as unknown.
CREATE FUNCTION journal.open_group(p_hashes bytea[])
RETURNS TABLE (token_hash bytea, token_id int, integration_id int, client_id int,
               state text, log_size bigint)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    ids int[];
    id  int;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(2, 0);
    SELECT array_agg(DISTINCT a.integration_id ORDER BY a.integration_id) INTO ids
      FROM tokens.active_tokens a WHERE a.token_hash = ANY (p_hashes);
    FOREACH id IN ARRAY coalesce(ids, '{}') LOOP
        PERFORM pg_advisory_xact_lock_shared(1, id);
    END LOOP;
    RETURN QUERY
        SELECT a.token_hash, a.token_id, a.integration_id, a.client_id, a.state, h.size
          FROM tokens.active_tokens a CROSS JOIN ledger.head h
         WHERE a.token_hash = ANY (p_hashes) AND a.integration_id = ANY (ids);
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA journal FROM PUBLIC;
GRANT USAGE ON SCHEMA journal TO pushgate_ingest, pushgate_loader, pushgate_tokens, pushgate_history;
GRANT EXECUTE ON FUNCTION journal.make_partitions(date, int), journal.open_group(bytea[]) TO pushgate_ingest;
GRANT SELECT, INSERT ON journal.receipts, journal.bodies, journal.pending TO pushgate_ingest;
GRANT SELECT ON journal.receipts TO pushgate_loader, pushgate_tokens, pushgate_history;
GRANT SELECT ON journal.bodies TO pushgate_loader;
GRANT SELECT, UPDATE, DELETE ON journal.pending TO pushgate_loader;
GRANT SELECT, INSERT, UPDATE, DELETE ON journal.leases TO pushgate_loader;
