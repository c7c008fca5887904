-- What the loader has to know about a destination, next to the data so that one transaction keeps
-- both. Run at every start: each statement changes nothing when it was run before.

CREATE SCHEMA IF NOT EXISTS _pushgate;

-- Batches whose rows are committed here while the journal may still list them as pending.
CREATE TABLE IF NOT EXISTS _pushgate.loaded (
    batch_id    uuid NOT NULL,
    place       int NOT NULL,       -- the table's place in the batch, as in journal.pending
    schema_name text NOT NULL,
    loaded_at   timestamptz NOT NULL,
    PRIMARY KEY (batch_id, place)
);

-- Tables we made or took over. root_name is the table itself, or that of its sub-table's root;
-- active_version is the root's.
CREATE TABLE IF NOT EXISTS _pushgate.tables (
    schema_name    text NOT NULL,
    table_name     text NOT NULL,
    root_name      text NOT NULL,
    active_version bigint,
    PRIMARY KEY (schema_name, table_name)
);
CREATE INDEX IF NOT EXISTS tables_by_root ON _pushgate.tables (schema_name, root_name);

-- Versions later than the active one, each in a schema of its own that nobody else can have: the
-- names of integrations' schemas hold no space. The tables in it are booked under that schema.
CREATE TABLE IF NOT EXISTS _pushgate.staged_versions (
    number      int GENERATED ALWAYS AS IDENTITY,
    schema_name text NOT NULL,
    root_name   text NOT NULL,
    version     bigint NOT NULL,
    PRIMARY KEY (schema_name, root_name, version)
);

-- Columns we write. base_name is what they hold: a split column's is its name without suffix.
CREATE TABLE IF NOT EXISTS _pushgate.columns (
    schema_name text NOT NULL,
    table_name  text NOT NULL,
    column_name text NOT NULL,
    base_name   text NOT NULL,
    PRIMARY KEY (schema_name, table_name, column_name)
);
