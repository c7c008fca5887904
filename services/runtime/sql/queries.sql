-- Checks that every program makes when it starts: is the database suitable, and the role?

-- name: settings
-- synchronous_commit of the session (a pooler in between may drop what the driver requests), fsync
-- and full_page_writes of the server.
SELECT current_setting('server_encoding') AS encoding,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('server_version_num')::int AS version;

-- name: excess_rights
-- What the session's role may do beyond writing to the schemas $1: attributes of the cluster, rights
-- of other roles, and writing to other schemas of Pushgate. One row each, in no order.
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
