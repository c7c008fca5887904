-- The event log. One column is the truth (the exact CloudEvents text); everything else in a row
-- is generated from it and cannot disagree. See events/sql/README.md for the guarantees.

CREATE SCHEMA ledger;

-- STABLE by declaration, immutable in fact: the database encoding is UTF-8 (asserted at start)
-- and every time text ends in Z. Generated columns accept nothing but IMMUTABLE.
CREATE FUNCTION ledger.utf8(text) RETURNS bytea LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT convert_to($1, 'UTF8') $$;
CREATE FUNCTION ledger.utc(text) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT $1::timestamptz $$;

-- The only lock of the log: one row, updated inside every append and held until its commit.
-- Numbers therefore have no gaps and are given out in commit order. Its own table, mostly empty
-- pages: every update stays on its page.
CREATE TABLE ledger.head (
    id      boolean PRIMARY KEY DEFAULT true CHECK (id),
    size    bigint NOT NULL DEFAULT 0 CHECK (size >= 0),
    last_at timestamptz NOT NULL DEFAULT '-infinity',
    origin  text NOT NULL CHECK (origin ~ '^[a-z0-9-]{1,64}$')
) WITH (fillfactor = 10);

INSERT INTO ledger.head (origin) VALUES (replace(gen_random_uuid()::text, '-', ''));

CREATE TABLE ledger.event (
    -- 65,535 bytes is the entry limit of tlog-tiles; one record is one line of the export.
    record      json NOT NULL
                CHECK (octet_length(ledger.utf8(record::text)) <= 65535)
                CHECK (record::text !~ '[\n\r]'),
    number      bigint GENERATED ALWAYS AS ((record ->> 'sequence')::bigint) STORED
                PRIMARY KEY CHECK (number >= 0),
    event_id    uuid GENERATED ALWAYS AS ((record ->> 'id')::uuid) STORED NOT NULL UNIQUE,
    stream      text GENERATED ALWAYS AS (record ->> 'subject') STORED NOT NULL,
    version     int GENERATED ALWAYS AS ((record ->> 'streamversion')::int) STORED NOT NULL
                CHECK (version >= 1),
    type        text GENERATED ALWAYS AS (record ->> 'type') STORED NOT NULL,
    actor       text GENERATED ALWAYS AS (record ->> 'actor') STORED NOT NULL,
    recorded_at timestamptz GENERATED ALWAYS AS (ledger.utc(record ->> 'time')) STORED NOT NULL,
    -- Of the facts that name a token: the folds pair them by it without reading JSON.
    token_id    int GENERATED ALWAYS AS ((record -> 'data' ->> 'token_id')::int) STORED,
    leaf_hash   bytea GENERATED ALWAYS AS (sha256('\x00'::bytea || ledger.utf8(record::text)))
                STORED NOT NULL,
    -- The second, independent defence of optimistic concurrency.
    UNIQUE (stream, version)
);

CREATE INDEX event_recorded_at ON ledger.event (recorded_at);
CREATE INDEX event_actor ON ledger.event (actor, number);
CREATE INDEX event_type ON ledger.event (type, number) INCLUDE (token_id);

CREATE FUNCTION ledger.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% on %.% is refused: the log is append-only', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.event
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
-- Also under session_replication_role = replica.
ALTER TABLE ledger.event ENABLE ALWAYS TRIGGER append_only;

-- Written by the signer when the log does not extend what it signed before: from then on nothing is
-- appended to the log of this origin. Only the owner can take it away, or begin a new origin.
CREATE TABLE ledger.halt (
    origin    text PRIMARY KEY,
    reason    text NOT NULL,
    halted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Appends p_events ([{"id", "type", "data"}, …]) to one stream. p_expected: the stream's version
-- before the append, 0 when it must not exist, NULL for any. The same ids with the same content
-- answer with the old places and duplicate = true. Call it at READ COMMITTED: the statements after
-- the head's lock must see what the winner before us wrote.
CREATE FUNCTION ledger.append(p_stream text, p_expected int, p_actor text, p_events json)
RETURNS TABLE (number bigint, stream_version int, duplicate boolean)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '5s'
AS $$
#variable_conflict use_column
DECLARE
    n     int := json_array_length(p_events);
    head  ledger.head;
    old   ledger.event;
    fact  json;
    at    int;
    i     int := 0;
BEGIN
    IF n = 0 THEN
        RAISE EXCEPTION 'an append needs at least one fact' USING ERRCODE = 'invalid_parameter_value';
    END IF;

    UPDATE ledger.head
       SET size = size + n,
           last_at = greatest(last_at + n * interval '1 microsecond', clock_timestamp())
     RETURNING * INTO STRICT head;

    IF EXISTS (SELECT FROM ledger.halt h WHERE h.origin = head.origin) THEN
        RAISE EXCEPTION 'the log is halted: it does not extend its last signed checkpoint'
            USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'log_halted';
    END IF;

    FOR fact IN SELECT value FROM json_array_elements(p_events) LOOP
        SELECT * INTO old FROM ledger.event e WHERE e.event_id = (fact ->> 'id')::uuid;
        CONTINUE WHEN NOT FOUND;
        IF old.stream <> p_stream OR old.type <> fact ->> 'type'
           OR (old.record -> 'data')::jsonb <> (fact -> 'data')::jsonb THEN
            RAISE EXCEPTION 'event % was already recorded with other content', old.event_id
                USING ERRCODE = 'unique_violation', CONSTRAINT = 'event_content';
        END IF;
        i := i + 1;
        number := old.number; stream_version := old.version; duplicate := true;
        RETURN NEXT;
    END LOOP;
    IF i = n THEN
        -- Nothing was added; the time given out is not taken back, it only moves forward.
        UPDATE ledger.head SET size = size - n;
        RETURN;
    END IF;
    IF i > 0 THEN
        RAISE EXCEPTION 'only % of % facts of this command were recorded before', i, n
            USING ERRCODE = 'unique_violation', CONSTRAINT = 'event_content';
    END IF;

    SELECT coalesce(max(e.version), 0) INTO at FROM ledger.event e WHERE e.stream = p_stream;
    IF at <> coalesce(p_expected, at) THEN
        RAISE EXCEPTION 'stream % is at version %, expected %', p_stream, at, p_expected
            USING ERRCODE = 'serialization_failure', CONSTRAINT = 'stream_version';
    END IF;

    FOR fact IN SELECT value FROM json_array_elements(p_events) LOOP
        i := i + 1;
        INSERT INTO ledger.event (record) VALUES (format(
            '{"specversion":"1.0","sequence":"%s","time":"%s","id":"%s","source":%s,"type":%s,'
            '"subject":%s,"streamversion":%s,"actor":%s,"data":%s}',
            lpad((head.size - n + i - 1)::text, 20, '0'),
            to_char((head.last_at - (n - i) * interval '1 microsecond') AT TIME ZONE 'UTC',
                    'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            (fact ->> 'id')::uuid,
            to_json('/pushgate/' || head.origin),
            to_json(fact ->> 'type'),
            to_json(p_stream),
            at + i,
            to_json(p_actor),
            fact ->> 'data')::json)
        RETURNING event.number, event.version INTO number, stream_version;
        duplicate := false;
        RETURN NEXT;
    END LOOP;
    PERFORM pg_notify('ledger', head.size::text);
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ledger FROM PUBLIC;
-- Generated columns run with the rights of whoever inserts, and only append inserts; readers need
-- neither wrapper. The trigger function needs no grant to fire.
GRANT USAGE ON SCHEMA ledger TO pushgate_tokens, pushgate_ingest, pushgate_history, pushgate_signer;
GRANT EXECUTE ON FUNCTION ledger.append(text, int, text, json) TO pushgate_tokens;
GRANT SELECT ON ledger.event, ledger.head TO pushgate_tokens, pushgate_history;
GRANT SELECT (number, leaf_hash) ON ledger.event TO pushgate_signer;
GRANT SELECT (size) ON ledger.head TO pushgate_ingest;
GRANT SELECT ON ledger.head TO pushgate_signer;
