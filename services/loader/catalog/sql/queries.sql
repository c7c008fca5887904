-- The loader's statements in the destination that do not contain a customer's table name.

-- name: lock_table
-- One load of a table at a time over all loaders; held until the end of the transaction.
SELECT pg_advisory_xact_lock(4, hashtext($1 || '.' || $2));

-- name: loaded_markers
SELECT batch_id, place, rows, rejected FROM _pushgate.loaded
  JOIN unnest($1::uuid[], $2::int[]) AS asked (batch_id, place) USING (batch_id, place);

-- name: add_markers
-- The counts of the load are stored with its first batch.
INSERT INTO _pushgate.loaded (batch_id, place, schema_name, loaded_at, rows, rejected)
SELECT batch_id, place, $3, $4,
       CASE at WHEN 1 THEN $5::bigint ELSE 0 END, CASE at WHEN 1 THEN $6::bigint ELSE 0 END
  FROM unnest($1::uuid[], $2::int[]) WITH ORDINALITY AS done (batch_id, place, at);

-- name: delete_markers
DELETE FROM _pushgate.loaded USING unnest($1::uuid[], $2::int[]) AS done (batch_id, place)
 WHERE loaded.batch_id = done.batch_id AND loaded.place = done.place;

-- name: all_markers
SELECT batch_id, place FROM _pushgate.loaded;

-- name: known_tables
-- Every table registered under this root, and every registered table with one of the names.
SELECT registered.table_name, registered.root_name
  FROM _pushgate.tables registered
 WHERE registered.schema_name = $1
   AND (registered.root_name = $2 OR registered.table_name = ANY ($3::text[]));

-- name: relations
-- The relations with these names in the schema, of any kind.
SELECT c.relname AS name, c.relkind::text AS kind, c.relnatts AS attributes, c.oid
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
 WHERE n.nspname = $1 AND c.relname = ANY ($2::text[]);

-- name: columns
SELECT a.attrelid AS oid, a.attname AS name, t.typname AS type, registered.base_name,
       pg_catalog.format_type(a.atttypid, a.atttypmod) AS full_type,
       a.atthasdef OR a.attidentity <> '' AS has_default
  FROM pg_catalog.pg_attribute a
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
  LEFT JOIN _pushgate.columns registered
         ON registered.schema_name = $2 AND registered.table_name = c.relname
        AND registered.column_name = a.attname
 WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
 ORDER BY a.attrelid, a.attnum;

-- name: primary_keys
SELECT k.conrelid AS oid,
       ARRAY(SELECT a.attname::text FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)) AS columns
  FROM pg_catalog.pg_constraint k
 WHERE k.contype = 'p' AND k.conrelid = ANY ($1::oid[]);

-- name: register_table
INSERT INTO _pushgate.tables (schema_name, table_name, root_name, active_version)
VALUES ($1, $2, $3, $4)
ON CONFLICT (schema_name, table_name) DO UPDATE
   SET root_name = excluded.root_name, active_version = excluded.active_version;

-- name: register_columns
INSERT INTO _pushgate.columns (schema_name, table_name, column_name, base_name)
SELECT $1, $2, column_name, base_name
  FROM unnest($3::text[], $4::text[]) AS made (column_name, base_name)
ON CONFLICT (schema_name, table_name, column_name) DO UPDATE SET base_name = excluded.base_name;

-- name: unregister_columns
DELETE FROM _pushgate.columns
 WHERE schema_name = $1 AND table_name = $2 AND column_name = ANY ($3::text[]);

-- name: unregister_table
DELETE FROM _pushgate.columns WHERE schema_name = $1 AND table_name = $2;

-- name: unregister_schema
WITH tables AS (DELETE FROM _pushgate.tables WHERE schema_name = $1)
DELETE FROM _pushgate.columns WHERE schema_name = $1;

-- name: active_version
-- Null when the table is not registered.
SELECT active_version FROM _pushgate.tables WHERE schema_name = $1 AND table_name = $2;

-- name: stage_version
INSERT INTO _pushgate.staged_versions (schema_name, root_name, version) VALUES ($1, $2, $3)
ON CONFLICT (schema_name, root_name, version) DO UPDATE SET version = excluded.version
RETURNING number;

-- name: staged_versions
SELECT number, version FROM _pushgate.staged_versions
 WHERE schema_name = $1 AND root_name = $2 AND version <= $3 ORDER BY version;

-- name: delete_staged_versions
DELETE FROM _pushgate.staged_versions
 WHERE schema_name = $1 AND root_name = $2 AND version <= $3;

-- name: lock_holders
-- Sessions other than this one that hold a lock on a root table or one of its sub-tables.
SELECT DISTINCT l.pid, coalesce(a.usename::text, '') AS user_name,
       coalesce(a.application_name, '') AS application_name
  FROM pg_catalog.pg_locks l
  JOIN pg_catalog.pg_class c ON c.oid = l.relation
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
 WHERE l.granted AND l.pid <> pg_catalog.pg_backend_pid() AND n.nspname = $1
   AND l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database())
   AND (c.relname = $2 OR c.relname IN (SELECT table_name FROM _pushgate.tables
                                         WHERE schema_name = $1 AND root_name = $2))
 ORDER BY l.pid LIMIT 5;
