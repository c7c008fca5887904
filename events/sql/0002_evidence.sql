-- What makes a rewritten log visible: signed checkpoints and the roots they are made of. Only the
-- signer writes them; whoever keeps a copy of a checkpoint can hold the log to it for ever.

-- One row per full tile of the Merkle tree: its root, which is an entry one level above. Level 0 is
-- the leaf hashes themselves, so they are not stored again, and neither are tiles that still grow.
CREATE TABLE ledger.tile (
    level  int NOT NULL CHECK (level BETWEEN 0 AND 7),
    number bigint NOT NULL CHECK (number >= 0),
    root   bytea NOT NULL CHECK (octet_length(root) = 32),
    PRIMARY KEY (level, number)
);

CREATE TABLE ledger.checkpoint (
    origin    text NOT NULL,      -- pushgate/ and the head's origin
    size      bigint NOT NULL CHECK (size >= 0),
    root      bytea NOT NULL CHECK (octet_length(root) = 32),
    note      text NOT NULL,
    key       text NOT NULL,      -- the verifier key, in its written form
    signed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (origin, size)
);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.tile
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
ALTER TABLE ledger.tile ENABLE ALWAYS TRIGGER append_only;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger.checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
ALTER TABLE ledger.checkpoint ENABLE ALWAYS TRIGGER append_only;

-- The one thing that history may put into the log: a seal over receipts. It follows the seal
-- before it without a gap; the root is history's word, which anybody can check who has the receipts.
CREATE FUNCTION ledger.seal(p_first bigint, p_last bigint, p_count bigint, p_root text)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sealed_until bigint;
    seals        int;
    place        bigint;
BEGIN
    SELECT (e.record -> 'data' ->> 'last')::bigint, e.version INTO sealed_until, seals
      FROM ledger.event e WHERE e.stream = 'receipts' ORDER BY e.version DESC LIMIT 1;
    IF p_first IS DISTINCT FROM coalesce(sealed_until, 0) + 1 THEN
        RAISE EXCEPTION 'the next seal begins at receipt %, not %', coalesce(sealed_until, 0) + 1, p_first
            USING ERRCODE = 'serialization_failure', CONSTRAINT = 'seal_follows';
    END IF;
    IF p_last < p_first OR p_count NOT BETWEEN 1 AND p_last - p_first + 1
       OR p_root !~ '^[0-9a-f]{64}$' OR num_nulls(p_last, p_count, p_root) > 0 THEN
        RAISE EXCEPTION 'not a seal: receipts % to %, count %', p_first, p_last, p_count
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    SELECT a.number INTO STRICT place
      FROM ledger.append('receipts', coalesce(seals, 0), 'system', format(
        '[{"id":"%s","type":"ReceiptsSealed","data":{"first":%s,"last":%s,"count":%s,"root":"%s"}}]',
        gen_random_uuid(), p_first, p_last, p_count, p_root)::json) a;
    RETURN place;
END $$;

-- After a restore from a backup: the log goes on with its next number under a new origin, and says
-- so in its next fact. For the owner alone. p_old_*: the three lines of the last checkpoint that is
-- known to have been handed out; its root in hex.
CREATE FUNCTION ledger.begin_anew(p_old_origin text, p_old_size bigint, p_old_root text)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    place bigint;
    facts int;
BEGIN
    IF p_old_size < 0 OR p_old_root !~ '^[0-9a-f]{64}$'
       OR num_nulls(p_old_origin, p_old_size, p_old_root) > 0 THEN
        RAISE EXCEPTION 'not a checkpoint: size %', p_old_size USING ERRCODE = 'invalid_parameter_value';
    END IF;
    UPDATE ledger.head SET origin = replace(gen_random_uuid()::text, '-', '');
    SELECT count(*) INTO facts FROM ledger.event e WHERE e.stream = 'log';
    SELECT a.number INTO STRICT place
      FROM ledger.append('log', facts, 'system', format(
        '[{"id":"%s","type":"LogRestored","data":{"old_origin":%s,"old_size":%s,"old_root":"%s"}}]',
        gen_random_uuid(), to_json(p_old_origin), p_old_size, p_old_root)::json) a;
    RETURN place;
END $$;

-- The signer sees no contents but these: it has to know that a shorter log was declared.
CREATE FUNCTION ledger.restorations() RETURNS TABLE (number bigint, record text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT e.number, e.record::text FROM ledger.event e WHERE e.stream = 'log' ORDER BY e.version
$$;

REVOKE ALL ON FUNCTION ledger.seal(bigint, bigint, bigint, text),
    ledger.begin_anew(text, bigint, text), ledger.restorations() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ledger.seal(bigint, bigint, bigint, text) TO pushgate_history;
GRANT EXECUTE ON FUNCTION ledger.restorations() TO pushgate_signer;
GRANT SELECT ON ledger.tile, ledger.checkpoint TO pushgate_tokens, pushgate_history;
GRANT SELECT, INSERT ON ledger.tile, ledger.checkpoint TO pushgate_signer;
GRANT SELECT ON ledger.halt TO pushgate_tokens, pushgate_history;
GRANT SELECT, INSERT ON ledger.halt TO pushgate_signer;
