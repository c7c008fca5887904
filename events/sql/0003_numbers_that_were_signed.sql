-- A log that is shorter than what was signed of it was cut, or restored without a word: it gives no
-- number out a second time. The signer would halt it; this does not wait for one.

CREATE FUNCTION ledger.refuse_signed_number() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM ledger.checkpoint c JOIN ledger.head h ON c.origin = 'pushgate/' || h.origin
                WHERE c.size > NEW.number) THEN
        RAISE EXCEPTION 'number % was given out and signed before: the log is shorter than it was',
            NEW.number
            USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'log_halted';
    END IF;
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION ledger.refuse_signed_number() FROM PUBLIC;

CREATE TRIGGER refuse_signed_number AFTER INSERT ON ledger.event
    FOR EACH ROW EXECUTE FUNCTION ledger.refuse_signed_number();
