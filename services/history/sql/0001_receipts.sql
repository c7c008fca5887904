-- Receipts as evidence: the text that a seal covers, the ways an auditor asks for them, and a guard.

CREATE SCHEMA history;

-- A receipt's leaf in the tree of its seal. The text is what is hashed: a column that is added to
-- receipts later must not change it.
CREATE FUNCTION history.receipt_text(r journal.receipts) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT format(
        '{"number":%s,"batch_id":"%s","integration_id":%s,"token_id":%s,"endpoint":"%s",'
        '"tables":%s,"records":%s,"bytes":%s,"body_sha256":"%s","received_at":"%s",'
        '"log_size":%s,"peer":%s}',
        r.number, r.batch_id, r.integration_id, r.token_id, r.endpoint, array_to_json(r.tables),
        r.records, r.bytes, encode(r.body_sha256, 'hex'),
        to_char(r.received_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        r.log_size, coalesce(to_json(r.peer)::text, 'null'))
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON journal.receipts
    FOR EACH STATEMENT EXECUTE FUNCTION ledger.refuse();
ALTER TABLE journal.receipts ENABLE ALWAYS TRIGGER append_only;

-- "What did this token write", and "which receipt is of this moment". Receipts come in order of
-- time, so the second index is a few pages however many there are.
CREATE INDEX receipts_of_token ON journal.receipts (token_id, number);
CREATE INDEX receipts_of_moment ON journal.receipts USING brin (received_at);

REVOKE ALL ON FUNCTION history.receipt_text(journal.receipts) FROM PUBLIC;
GRANT USAGE ON SCHEMA history TO pushgate_history;
GRANT EXECUTE ON FUNCTION history.receipt_text(journal.receipts) TO pushgate_history;

-- What became of a receipt: waiting and failed tables are those of the work list, the others are
-- loaded; a load that rejected some of its records may have rejected some of this receipt's.
CREATE INDEX loads_of_receipt ON loader.loads (integration_id, last_receipt);
GRANT SELECT (batch_id, place, failed_at, reason) ON journal.pending TO pushgate_history;
