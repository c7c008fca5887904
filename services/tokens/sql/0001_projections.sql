-- What the facts of the log amount to now. Written by one trigger, in the transaction of the
-- append, and by nobody else; 0002_folds.sql holds the same fold over any prefix of the log.
-- The columns are a contract with ingest, loader and history: services/tokens/README.md.

CREATE SCHEMA tokens;

-- int4 as the wire has it. Handed to decisions before they are made, so gaps are normal.
CREATE SEQUENCE tokens.account_ids AS int;
CREATE SEQUENCE tokens.integration_ids AS int;
CREATE SEQUENCE tokens.token_ids AS int;
CREATE SEQUENCE tokens.connect_token_ids AS int;

CREATE TABLE tokens.accounts (
    account_id int PRIMARY KEY,
    opened_at  timestamptz NOT NULL,
    number     bigint NOT NULL
);

CREATE TABLE tokens.connect_tokens (
    token_hash       bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    connect_token_id int NOT NULL UNIQUE,
    account_id       int NOT NULL,
    last_four        text NOT NULL,
    role             text NOT NULL CHECK (role IN ('owner', 'member', 'auditor')),
    generated_at     timestamptz NOT NULL,
    generated_number bigint NOT NULL
);

CREATE TABLE tokens.integrations (
    integration_id int PRIMARY KEY,
    account_id     int NOT NULL,
    display_name   text NOT NULL,
    schema_name    text NOT NULL,
    state          text NOT NULL CHECK (state IN ('active', 'paused', 'deleted')),
    paused_at      text,                    -- the caller's own text, echoed as given
    created_at     timestamptz NOT NULL,
    updated_at     timestamptz NOT NULL,    -- of the stream's last fact, token facts included
    deleted_at     timestamptz,
    version        int NOT NULL,
    number         bigint NOT NULL
);
CREATE UNIQUE INDEX integrations_live_schema_name ON tokens.integrations (schema_name)
    WHERE state <> 'deleted';
CREATE INDEX integrations_account ON tokens.integrations (account_id, integration_id);

-- A deleted integration's name stays with its account for ever (wire contract 4.6).
CREATE TABLE tokens.schema_names (
    name       text PRIMARY KEY,
    account_id int NOT NULL
);

-- The active-token view: a token may write when its row is here and the state is 'active'.
CREATE TABLE tokens.active_tokens (
    token_hash       bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    token_id         int NOT NULL UNIQUE,
    last_four        text NOT NULL,
    integration_id   int NOT NULL,
    client_id        int NOT NULL,
    schema_name      text NOT NULL,
    state            text NOT NULL CHECK (state IN ('active', 'paused', 'deleted')),
    generated_at     timestamptz NOT NULL,
    generated_number bigint NOT NULL,
    number           bigint NOT NULL        -- of the last fact that touched the row
);
CREATE INDEX active_tokens_integration ON tokens.active_tokens (integration_id);

-- Lets ingest attribute a refusal to its token; never used to admit.
CREATE TABLE tokens.retired_tokens (
    token_hash     bytea PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    token_id       int NOT NULL UNIQUE,
    integration_id int NOT NULL,
    revoked_number bigint NOT NULL
);
CREATE INDEX retired_tokens_integration ON tokens.retired_tokens (integration_id);

-- Words about accounts, erasable, beside the log and no part of it.
CREATE TABLE tokens.account_names (
    account_id int PRIMARY KEY,
    name       text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200)
);

CREATE FUNCTION tokens.project() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    data   json := NEW.record -> 'data';
    kind   text := split_part(NEW.stream, '/', 1);
    subject int := CASE WHEN split_part(NEW.stream, '/', 2) ~ '^[0-9]{1,10}$'
                        THEN split_part(NEW.stream, '/', 2)::int END;
    holder int;
    hash   bytea;
BEGIN
    CASE NEW.type
        WHEN 'AccountOpened' THEN
            INSERT INTO tokens.accounts VALUES (subject, NEW.recorded_at, NEW.number);
        WHEN 'ConnectTokenGenerated' THEN
            INSERT INTO tokens.connect_tokens VALUES (
                decode(data ->> 'token_hash', 'hex'), (data ->> 'connect_token_id')::int, subject,
                data ->> 'last_four', data ->> 'role', NEW.recorded_at, NEW.number);
        WHEN 'ConnectTokenRevoked' THEN
            DELETE FROM tokens.connect_tokens
             WHERE connect_token_id = (data ->> 'connect_token_id')::int;
        WHEN 'IntegrationCreated' THEN
            INSERT INTO tokens.schema_names VALUES (data ->> 'schema_name', (data ->> 'account_id')::int)
                ON CONFLICT (name) DO NOTHING;
            SELECT account_id INTO STRICT holder FROM tokens.schema_names
             WHERE name = data ->> 'schema_name';
            IF holder <> (data ->> 'account_id')::int THEN
                RAISE EXCEPTION 'schema name % belongs to another account', data ->> 'schema_name'
                    USING ERRCODE = 'unique_violation', CONSTRAINT = 'schema_names_pkey';
            END IF;
            INSERT INTO tokens.integrations VALUES (
                subject, (data ->> 'account_id')::int, data ->> 'display_name',
                data ->> 'schema_name', 'active', NULL, NEW.recorded_at, NEW.recorded_at, NULL,
                NEW.version, NEW.number);
        WHEN 'IntegrationRenamed' THEN
            UPDATE tokens.integrations SET display_name = data ->> 'display_name'
             WHERE integration_id = subject;
        WHEN 'IntegrationPaused' THEN
            UPDATE tokens.integrations SET state = 'paused', paused_at = data ->> 'paused_at'
             WHERE integration_id = subject;
            UPDATE tokens.active_tokens SET state = 'paused', number = NEW.number
             WHERE integration_id = subject;
        WHEN 'IntegrationResumed' THEN
            UPDATE tokens.integrations SET state = 'active', paused_at = NULL
             WHERE integration_id = subject;
            UPDATE tokens.active_tokens SET state = 'active', number = NEW.number
             WHERE integration_id = subject;
        WHEN 'IntegrationDeleted' THEN
            UPDATE tokens.integrations SET state = 'deleted', deleted_at = NEW.recorded_at
             WHERE integration_id = subject;
            UPDATE tokens.active_tokens SET state = 'deleted', number = NEW.number
             WHERE integration_id = subject;
        WHEN 'TokenGenerated' THEN
            INSERT INTO tokens.active_tokens
            SELECT decode(data ->> 'token_hash', 'hex'), (data ->> 'token_id')::int,
                   data ->> 'last_four', i.integration_id, i.account_id, i.schema_name, i.state,
                   NEW.recorded_at, NEW.number, NEW.number
              FROM tokens.integrations i WHERE i.integration_id = subject;
            IF NOT FOUND THEN
                RAISE EXCEPTION 'integration % does not exist', subject
                    USING ERRCODE = 'foreign_key_violation';
            END IF;
        WHEN 'TokenRevoked' THEN
            DELETE FROM tokens.active_tokens WHERE token_id = (data ->> 'token_id')::int
                AND integration_id = subject RETURNING token_hash INTO STRICT hash;
            INSERT INTO tokens.retired_tokens
            VALUES (hash, (data ->> 'token_id')::int, subject, NEW.number);
        ELSE
            -- A type this version does not know changes nothing here.
            NULL;
    END CASE;
    IF kind = 'integration' THEN
        UPDATE tokens.integrations
           SET updated_at = NEW.recorded_at, version = NEW.version, number = NEW.number
         WHERE integration_id = subject;
        PERFORM pg_notify('tokens', subject::text);
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER project AFTER INSERT ON ledger.event
    FOR EACH ROW EXECUTE FUNCTION tokens.project();
ALTER TABLE ledger.event ENABLE ALWAYS TRIGGER project;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA tokens FROM PUBLIC;
GRANT USAGE ON SCHEMA tokens TO pushgate_tokens, pushgate_ingest, pushgate_loader, pushgate_history;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA tokens TO pushgate_tokens;
GRANT SELECT ON tokens.accounts, tokens.connect_tokens, tokens.integrations, tokens.schema_names,
    tokens.active_tokens, tokens.retired_tokens TO pushgate_tokens, pushgate_history;
GRANT SELECT, INSERT, UPDATE, DELETE ON tokens.account_names TO pushgate_tokens;
GRANT SELECT ON tokens.active_tokens, tokens.retired_tokens TO pushgate_ingest;
GRANT SELECT ON tokens.integrations TO pushgate_loader;
