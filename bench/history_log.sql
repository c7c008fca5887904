-- The log of account 1 with $1 integrations of 20 facts each, as ledger.append would have left it, and
-- the projections that belong to it. Made at once, with the guards off: appending takes minutes.

ALTER TABLE ledger.event DISABLE TRIGGER USER;

CREATE TEMP TABLE shape (version int, type text, token int);
INSERT INTO shape
SELECT v, CASE WHEN v = 1 THEN 'IntegrationCreated' WHEN v = 2 THEN 'IntegrationPaused'
               WHEN v = 3 THEN 'IntegrationResumed' WHEN v % 2 = 0 THEN 'TokenGenerated'
               ELSE 'TokenRevoked' END,
       (v - 4) / 2
  FROM generate_series(1, 20) v;

INSERT INTO ledger.event (record)
SELECT format(
           '{"specversion":"1.0","sequence":"%s","time":"2020-01-01T00:00:00.000000Z","id":"%s",'
           '"source":"/pushgate/%s","type":"AccountOpened","subject":"account/1","streamversion":1,'
           '"actor":"system","data":{"account_id":1}}',
           lpad('', 20, '0'), gen_random_uuid(), (SELECT origin FROM ledger.head))::json;

-- Streams take turns, so that neighbours in the log are of different streams.
INSERT INTO ledger.event (record)
SELECT format(
           '{"specversion":"1.0","sequence":"%s","time":"%s","id":"%s","source":"/pushgate/%s",'
           '"type":"%s","subject":"integration/%s","streamversion":%s,"actor":"member/%s","data":%s}',
           lpad(number::text, 20, '0'),
           to_char(timestamptz '2020-01-01Z' AT TIME ZONE 'UTC' + number * interval '100 s',
                   'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           gen_random_uuid(), (SELECT origin FROM ledger.head), type, integration_id, version,
           integration_id % 97,
           CASE type
               WHEN 'IntegrationCreated' THEN format(
                   '{"integration_id":%s,"account_id":1,"display_name":"Integration %s","schema_name":"i_%s"}',
                   integration_id, integration_id, integration_id)
               WHEN 'IntegrationPaused' THEN '{"paused_at":"2020-01-01T00:00:00Z"}'
               WHEN 'TokenGenerated' THEN format(
                   '{"token_id":%s,"token_hash":"%s","last_four":"abcd"}', token_id,
                   encode(sha256(token_id::text::bytea), 'hex'))
               WHEN 'TokenRevoked' THEN format('{"token_id":%s}', token_id)
               ELSE '{}' END)::json
  FROM (SELECT (s.version - 1) * $1::bigint + i AS number, i AS integration_id, s.version, s.type,
               s.token * $1::int + i AS token_id
          FROM generate_series(1, $1::int) i CROSS JOIN shape s) facts
 ORDER BY number;

UPDATE ledger.head SET size = (SELECT count(*) FROM ledger.event),
                       last_at = (SELECT max(recorded_at) FROM ledger.event);
ALTER TABLE ledger.event ENABLE TRIGGER USER;
ALTER TABLE ledger.event ENABLE ALWAYS TRIGGER append_only;
ALTER TABLE ledger.event ENABLE ALWAYS TRIGGER project;

INSERT INTO tokens.accounts SELECT * FROM tokens.accounts_as_of((SELECT size FROM ledger.head));
INSERT INTO tokens.integrations SELECT * FROM tokens.integrations_as_of((SELECT size FROM ledger.head));
INSERT INTO tokens.schema_names SELECT * FROM tokens.schema_names_as_of((SELECT size FROM ledger.head));
INSERT INTO tokens.active_tokens SELECT * FROM tokens.active_tokens_as_of((SELECT size FROM ledger.head));
INSERT INTO tokens.retired_tokens SELECT * FROM tokens.retired_tokens_as_of((SELECT size FROM ledger.head));
