-- What the loader records about a destination, stored there so that one transaction covers it and
-- the data. Run at every start: each statement is idempotent.

CREATE SCHEMA IF NOT EXISTS _pushgate;

-- Batches with rows that are committed here, although the journal may still list the batches.
CREATE TABLE IF NOT EXISTS _pushgate.loaded (
    batch_id    uuid NOT NULL,
    place       int NOT NULL,       -- the table's place in the batch, as in journal.pending
    schema_name text NOT NULL,
    loaded_at   timestamptz NOT NULL,
    PRIMARY KEY (batch_id, place)
);

-- Tables that the loader created or took over. root_name of a root table is its own name; only a
-- root table has an active_version.
CREATE TABLE IF NOT EXISTS _pushgate.tables (
    schema_name    text NOT NULL,
    table_name     text NOT NULL,
    root_name      text NOT NULL,
    active_version bigint,
    PRIMARY KEY (schema_name, table_name)
);
CREATE INDEX IF NOT EXISTS tables_by_root ON _pushgate.tables (schema_name, root_name);

-- Versions later than the active one, each in a schema of its own. No integration can have a schema
-- of such a name, because theirs contain no space. The tables in it are registered under it.
CREATE TABLE IF NOT EXISTS _pushgate.staged_versions (
    number      int GENERATED ALWAYS AS IDENTITY,
    schema_name text NOT NULL,
    root_name   text NOT NULL,
    version     bigint NOT NULL,
    PRIMARY KEY (schema_name, root_name, version)
);

-- Columns that the loader writes. base_name is the field: the name of a split column without suffix.
CREATE TABLE IF NOT EXISTS _pushgate.columns (
    schema_name text NOT NULL,
    table_name  text NOT NULL,
    column_name text NOT NULL,
    base_name   text NOT NULL,
    PRIMARY KEY (schema_name, table_name, column_name)
);
