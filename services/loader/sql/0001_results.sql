-- What became of accepted batches: counts by load and by table. Written by the loader in the
-- transaction that takes the batches off the work list; read by tokens and history.

CREATE SCHEMA loader;

-- One load of one table. Old ones may be deleted; loader.tables keeps the sums.
CREATE TABLE loader.loads (
    number         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    integration_id int NOT NULL,
    table_name     text NOT NULL,
    loaded_at      timestamptz NOT NULL,
    batches        int NOT NULL,
    records        int NOT NULL,
    rows           bigint NOT NULL,             -- written, sub-tables included
    rejected       bigint NOT NULL,
    first_receipt  bigint NOT NULL,
    last_receipt   bigint NOT NULL,
    milliseconds   int NOT NULL,
    lag_seconds    double precision NOT NULL    -- of the oldest batch, from receipt to commit
);
CREATE INDEX loads_by_time ON loader.loads (loaded_at);
CREATE INDEX loads_by_integration ON loader.loads (integration_id, number);

CREATE TABLE loader.tables (
    integration_id   int NOT NULL,
    table_hash       bigint NOT NULL,           -- as in journal.pending: a name may be any length
    table_name       text NOT NULL,
    loads            bigint NOT NULL,
    records          bigint NOT NULL,
    rows             bigint NOT NULL,
    rejected         bigint NOT NULL,
    last_loaded_at   timestamptz,
    last_lag_seconds double precision,
    put_back_at      timestamptz,               -- since the last load: it could not be done
    put_back_reason  text,
    PRIMARY KEY (integration_id, table_hash)
) WITH (fillfactor = 50);

GRANT USAGE ON SCHEMA loader TO pushgate_loader, pushgate_tokens, pushgate_history;
GRANT SELECT, INSERT, UPDATE, DELETE ON loader.loads, loader.tables TO pushgate_loader;
GRANT SELECT ON loader.loads, loader.tables TO pushgate_tokens, pushgate_history;
