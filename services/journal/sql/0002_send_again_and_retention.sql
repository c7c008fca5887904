-- Sending again what was set aside or what is kept, and dropping what was kept long enough.

-- Puts what was set aside back onto the work list: of these batches, or of all (NULL). Returns
-- what it put back; what was not set aside stays as it is.
CREATE FUNCTION journal.retry(p_batch_ids uuid[]) RETURNS TABLE (batch_id uuid, place int)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE journal.pending p SET failed_at = NULL, attempts = 0, reason = NULL
     WHERE p.failed_at IS NOT NULL AND (p_batch_ids IS NULL OR p.batch_id = ANY (p_batch_ids))
    RETURNING p.batch_id, p.place
$$;

-- Puts tables of batches onto the work list anew, in order of receipts, where the body is kept:
-- one of each array per batch and table. Returns how many. Whoever calls it has deleted their
-- marks in the destination first, else they would count as loaded. A receipt does not tell how
-- many records are of which table: one of several tables counts all its records for each.
CREATE FUNCTION journal.reload(p_batch_ids uuid[], p_places int[]) RETURNS int
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    listed int;
BEGIN
    -- No partition is dropped between looking for a body and listing it (drop_partition).
    PERFORM pg_advisory_xact_lock_shared(3, 1);
    INSERT INTO journal.pending (batch_id, place, number, integration_id, table_name, records,
                                 bytes, received_at)
    SELECT r.batch_id, asked.place, r.number, r.integration_id, r.tables[asked.place + 1],
           r.records, r.bytes, r.received_at
      FROM unnest(p_batch_ids, p_places) AS asked (batch_id, place)
      JOIN journal.receipts r ON r.batch_id = asked.batch_id
     WHERE r.tables[asked.place + 1] IS NOT NULL
       AND EXISTS (SELECT FROM journal.bodies b
                    WHERE b.batch_id = r.batch_id AND b.received_at = r.received_at)
     ORDER BY r.number, asked.place
    ON CONFLICT (batch_id, place) DO UPDATE SET failed_at = NULL, attempts = 0, reason = NULL;
    GET DIAGNOSTICS listed = ROW_COUNT;
    RETURN listed;
END $$;

-- Drops one partition of a day before p_before, the oldest that holds no batch on the work list,
-- waiting or set aside, and returns its day; NULL when there is none. One a call, because its lock
-- holds up pushes until the transaction ends: it is waited for no longer than a push would notice.
-- What is kept in the default partition stays.
CREATE FUNCTION journal.drop_partition(p_before date) RETURNS date
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET lock_timeout = '200ms' AS $$
DECLARE
    name text;
    day  date;
BEGIN
    IF p_before > (now() AT TIME ZONE 'UTC')::date THEN
        RAISE EXCEPTION 'bodies of % are kept: it is not over', p_before
              USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM pg_advisory_xact_lock(3, 1);
    FOR name, day IN
        SELECT c.relname, to_date(right(c.relname, 8), 'YYYYMMDD')
          FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'journal.bodies'::regclass AND c.relname ~ '^bodies_[0-9]{8}$'
           AND to_date(right(c.relname, 8), 'YYYYMMDD') < p_before
         ORDER BY 2
    LOOP
        -- Looked at before there is a lock that anybody waits for, and once more under it.
        CONTINUE WHEN EXISTS (
            SELECT FROM journal.pending p
             WHERE p.received_at >= day::timestamp AT TIME ZONE 'UTC'
               AND p.received_at < (day + 1)::timestamp AT TIME ZONE 'UTC');
        -- The parent first, as a push does.
        LOCK TABLE ONLY journal.bodies IN ACCESS EXCLUSIVE MODE;
        EXECUTE format('LOCK TABLE journal.%I IN ACCESS EXCLUSIVE MODE', name);
        CONTINUE WHEN EXISTS (
            SELECT FROM journal.pending p
             WHERE p.received_at >= day::timestamp AT TIME ZONE 'UTC'
               AND p.received_at < (day + 1)::timestamp AT TIME ZONE 'UTC');
        EXECUTE format('DROP TABLE journal.%I', name);
        RETURN day;
    END LOOP;
    RETURN NULL;
END $$;

REVOKE ALL ON FUNCTION journal.retry(uuid[]), journal.reload(uuid[], int[]),
                       journal.drop_partition(date) FROM PUBLIC;
-- "Send again" on the pages. A reload needs the destination too, which the token service is shut
-- out of: it stays with the owner, who runs the command.
GRANT EXECUTE ON FUNCTION journal.retry(uuid[]) TO pushgate_tokens;
GRANT EXECUTE ON FUNCTION journal.drop_partition(date) TO pushgate_ingest;
