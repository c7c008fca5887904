-- Asked by every program when it starts: may this database be used, and by this role?

-- name: settings
-- synchronous_commit as the session has it (a pooler in between may drop what we ask for), fsync
-- and full_page_writes as the server has them.
SELECT current_setting('server_encoding') AS encoding,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('server_version_num')::int AS version;

-- name: excess_rights
-- What the session's role may do beyond writing the schemas of $1: attributes of the whole
-- cluster, rights of other roles, and writing our other schemas. One row each, no order.
WITH me AS (
    SELECT * FROM pg_roles WHERE rolname = current_user
), ours AS (
    SELECT oid, nspname FROM pg_namespace
     WHERE nspname IN ('ledger', 'tokens', 'journal', 'loader', 'history', 'migrations')
       AND nspname <> ALL ($1::text[])
)
SELECT 'is a superuser' AS may FROM me WHERE rolsuper
UNION ALL SELECT 'may create roles' FROM me WHERE rolcreaterole
UNION ALL SELECT 'may create databases' FROM me WHERE rolcreatedb
UNION ALL SELECT 'may replicate the server' FROM me WHERE rolreplication
UNION ALL SELECT 'may pass row security' FROM me WHERE rolbypassrls
UNION ALL
SELECT 'has the rights of ' || r.rolname FROM pg_roles r, me
 WHERE r.oid <> me.oid AND NOT me.rolsuper AND pg_has_role(me.oid, r.oid, 'MEMBER')
UNION ALL
SELECT 'may create in schema ' || nspname FROM ours WHERE has_schema_privilege(oid, 'CREATE')
UNION ALL
SELECT DISTINCT 'may write schema ' || ours.nspname
  FROM pg_class c JOIN ours ON ours.oid = c.relnamespace
 WHERE c.relkind IN ('r', 'p')
   AND (has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
        OR has_any_column_privilege(c.oid, 'INSERT, UPDATE'));
