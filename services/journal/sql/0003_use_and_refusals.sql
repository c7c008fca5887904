-- Who uses which token, and what was refused: counts for people, never a row for a request. Written
-- in groups, seconds after the fact; services/ingest/README.md is their contract with the pages.

-- A token is used when a push with it was taken. peer: whose request it was (the real caller's
-- address behind a proxy of ours).
CREATE TABLE journal.token_use (
    token_id       int PRIMARY KEY,
    integration_id int NOT NULL,
    first_used_at  timestamptz NOT NULL,
    first_peer     text,
    last_used_at   timestamptz NOT NULL,
    last_peer      text
) WITH (fillfactor = 50);

-- Refused requests of one minute. Which integration and token is NULL where nobody can say: the
-- token is missing, mangled or unknown, or there were more kinds of refusals than a minute holds.
CREATE TABLE journal.refusals (
    minute         timestamptz NOT NULL,
    reason         text NOT NULL,           -- the refusal's code: docs/reference/refusals.md
    integration_id int,
    token_id       int,                     -- also of one that was revoked
    first_at       timestamptz NOT NULL,
    last_at        timestamptz NOT NULL,
    requests       bigint NOT NULL CHECK (requests > 0),
    bytes          bigint NOT NULL CHECK (bytes >= 0),
    last_peer      text
) WITH (fillfactor = 70);
CREATE UNIQUE INDEX refusals_key
    ON journal.refusals (minute, reason, integration_id, token_id) NULLS NOT DISTINCT;
CREATE INDEX refusals_of_integration ON journal.refusals (integration_id, minute);

GRANT SELECT, INSERT, UPDATE ON journal.token_use, journal.refusals TO pushgate_ingest;
GRANT DELETE ON journal.refusals TO pushgate_ingest;
GRANT SELECT ON journal.token_use, journal.refusals TO pushgate_tokens, pushgate_history;
