-- The same request sent again is taken once (wire contract 4.7): what has no keys, and what names
-- itself by an Idempotency-Key. What has keys needs none of this: its sequence decides.

-- Requests that were taken, by what a repeat is known by: the SHA-256 of the body as it was parsed,
-- or of its Idempotency-Key (services/ingest/repeats.py). Of the integration and not of the token: a
-- repeat after a rotation is one too. All answers that are remembered are the same 201.
CREATE TABLE journal.repeats (
    integration_id int NOT NULL,
    endpoint       text NOT NULL,
    known_by       bytea NOT NULL CHECK (octet_length(known_by) = 32),
    batch_id       uuid NOT NULL,
    body_sha256    bytea NOT NULL,
    until          timestamptz NOT NULL,
    PRIMARY KEY (integration_id, endpoint, known_by)
);
CREATE INDEX repeats_until ON journal.repeats (until);

-- A group some of whose requests may be repeats: p_known_by is NULL for those that cannot be, and
-- p_keep_seconds says how long each is remembered. The rest is as commit_group has it. What was
-- taken before is not written again, and comes back in rows of its own: place (from 1), and the
-- first one's batch and body. Two requests of one group may repeat each other.
CREATE FUNCTION journal.commit_group_once(
    p_hashes bytea[], p_believed_token_ids int[], p_believed_integration_ids int[],
    p_believed_client_ids int[], p_believed_states text[],
    p_batch_ids uuid[], p_integration_ids int[], p_token_ids int[], p_endpoints text[],
    p_tables text[], p_table_records text[], p_records int[], p_bytes bigint[],
    p_body_sha256s bytea[], p_received_at timestamptz, p_peers text[], p_request_ids text[],
    p_media_types text[], p_bodies bytea[], p_known_by bytea[], p_keep_seconds int[])
RETURNS TABLE (log_size bigint, token_hash bytea, token_id int, integration_id int, client_id int,
               state text, repeat_place int, first_batch_id uuid, first_sha256 bytea)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    new_places bigint[];
BEGIN
    -- A group of nobody takes the locks and compares the rows; from here on nothing can change.
    RETURN QUERY
        SELECT g.*, NULL::int, NULL::uuid, NULL::bytea
          FROM journal.commit_group(
                   p_hashes, p_believed_token_ids, p_believed_integration_ids,
                   p_believed_client_ids, p_believed_states, '{}', '{}', '{}', '{}', '{}', '{}',
                   '{}', '{}', '{}', p_received_at, '{}', '{}', '{}', '{}') g
         WHERE g.log_size IS NULL;
    IF FOUND THEN
        RETURN;
    END IF;

    -- In one order, so that two groups never wait for each other. One that waits for another finds
    -- its row when that has committed. A row whose time is over is taken over.
    WITH asked AS (
        SELECT DISTINCT ON (integration_id, endpoint, known_by) *
          FROM unnest(p_batch_ids, p_integration_ids, p_endpoints, p_body_sha256s, p_known_by,
                      p_keep_seconds) WITH ORDINALITY
               AS g (batch_id, integration_id, endpoint, body_sha256, known_by, keep_seconds, place)
         WHERE known_by IS NOT NULL
         ORDER BY integration_id, endpoint, known_by, place
    ), remembered AS (
        INSERT INTO journal.repeats AS r (integration_id, endpoint, known_by, batch_id, body_sha256,
                                          until)
        SELECT integration_id, endpoint, known_by, batch_id, body_sha256,
               p_received_at + make_interval(secs => keep_seconds)
          FROM asked ORDER BY integration_id, endpoint, known_by
        ON CONFLICT (integration_id, endpoint, known_by) DO UPDATE
           SET batch_id = excluded.batch_id, body_sha256 = excluded.body_sha256,
               until = excluded.until
         WHERE r.until <= p_received_at
        RETURNING r.batch_id
    )
    SELECT array_agg(g.place ORDER BY g.place) INTO new_places
      FROM unnest(p_batch_ids, p_known_by) WITH ORDINALITY AS g (batch_id, known_by, place)
     WHERE g.known_by IS NULL OR g.batch_id IN (SELECT batch_id FROM remembered);

    RETURN QUERY
        WITH kept AS (
            SELECT array_agg(batch_id ORDER BY place) AS batch_ids,
                   array_agg(integration_id ORDER BY place) AS integration_ids,
                   array_agg(token_id ORDER BY place) AS token_ids,
                   array_agg(endpoint ORDER BY place) AS endpoints,
                   array_agg(tables ORDER BY place) AS tables,
                   array_agg(table_records ORDER BY place) AS table_records,
                   array_agg(records ORDER BY place) AS records,
                   array_agg(bytes ORDER BY place) AS bytes,
                   array_agg(body_sha256 ORDER BY place) AS body_sha256s,
                   array_agg(peer ORDER BY place) AS peers,
                   array_agg(request_id ORDER BY place) AS request_ids,
                   array_agg(media_type ORDER BY place) AS media_types,
                   array_agg(body ORDER BY place) AS bodies
              FROM unnest(p_batch_ids, p_integration_ids, p_token_ids, p_endpoints, p_tables,
                          p_table_records, p_records, p_bytes, p_body_sha256s, p_peers,
                          p_request_ids, p_media_types, p_bodies) WITH ORDINALITY
                   AS g (batch_id, integration_id, token_id, endpoint, tables, table_records,
                         records, bytes, body_sha256, peer, request_id, media_type, body, place)
             WHERE place = ANY (new_places)
        )
        SELECT g.*, NULL::int, NULL::uuid, NULL::bytea
          FROM kept k CROSS JOIN LATERAL journal.commit_group(
                   p_hashes, p_believed_token_ids, p_believed_integration_ids,
                   p_believed_client_ids, p_believed_states, k.batch_ids, k.integration_ids,
                   k.token_ids, k.endpoints, k.tables, k.table_records, k.records, k.bytes,
                   k.body_sha256s, p_received_at, k.peers, k.request_ids, k.media_types,
                   k.bodies) g;
    RETURN QUERY
        SELECT NULL::bigint, NULL::bytea, NULL::int, NULL::int, NULL::int, NULL::text,
               g.place::int, r.batch_id, r.body_sha256
          FROM unnest(p_integration_ids, p_endpoints, p_known_by) WITH ORDINALITY
               AS g (integration_id, endpoint, known_by, place)
          JOIN journal.repeats r USING (integration_id, endpoint, known_by)
         WHERE g.place <> ALL (coalesce(new_places, '{}'));
END $$;

REVOKE ALL ON FUNCTION journal.commit_group_once FROM PUBLIC;
GRANT EXECUTE ON FUNCTION journal.commit_group_once TO pushgate_ingest;
GRANT SELECT, INSERT, UPDATE, DELETE ON journal.repeats TO pushgate_ingest;
