-- What the log states about other evidence is said by seal() and begin_anew(). The token service, whose
-- facts are of accounts, integrations and tokens, could say it through append() too: a seal that it made
-- up would break the chain of seals for ever, and a restore would excuse a shorter log.

CREATE FUNCTION ledger.refuse_made_up_evidence() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '% may not state % in %', session_user, NEW.type, NEW.stream
        USING ERRCODE = 'insufficient_privilege';
END $$;
REVOKE ALL ON FUNCTION ledger.refuse_made_up_evidence() FROM PUBLIC;

CREATE TRIGGER refuse_made_up_evidence AFTER INSERT ON ledger.event
    FOR EACH ROW
    WHEN (session_user = 'pushgate_tokens'
          AND (NEW.stream IN ('receipts', 'log') OR NEW.type IN ('ReceiptsSealed', 'LogRestored')))
    EXECUTE FUNCTION ledger.refuse_made_up_evidence();
