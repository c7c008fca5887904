-- People: who may sign in to the pages. That they came, changed role and went are facts of their
-- account's stream; what is personal (e-mail addresses, passwords) stands beside the log.

CREATE SEQUENCE tokens.member_ids AS int;

-- Projection: those who were not removed.
CREATE TABLE tokens.members (
    member_id    int PRIMARY KEY,
    account_id   int NOT NULL,
    role         text NOT NULL CHECK (role IN ('owner', 'member', 'auditor')),
    added_at     timestamptz NOT NULL,
    added_number bigint NOT NULL,
    number       bigint NOT NULL        -- of the last fact that touched the row
);
CREATE INDEX members_account ON tokens.members (account_id, member_id);

-- A trigger of its own, so that the other one's text stays as it is.
CREATE FUNCTION tokens.project_members() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    data   json := NEW.record -> 'data';
    member int := (data ->> 'member_id')::int;
BEGIN
    CASE NEW.type
        WHEN 'MemberAdded' THEN
            INSERT INTO tokens.members VALUES (
                member, split_part(NEW.stream, '/', 2)::int, data ->> 'role', NEW.recorded_at,
                NEW.number, NEW.number);
        WHEN 'MemberRoleChanged' THEN
            UPDATE tokens.members SET role = data ->> 'role', number = NEW.number
             WHERE member_id = member;
        WHEN 'MemberRemoved' THEN
            DELETE FROM tokens.members WHERE member_id = member;
        ELSE
            NULL;
    END CASE;
    RETURN NULL;
END $$;

CREATE TRIGGER project_members AFTER INSERT ON ledger.event
    FOR EACH ROW WHEN (NEW.type LIKE 'Member%') EXECUTE FUNCTION tokens.project_members();
ALTER TABLE ledger.event ENABLE ALWAYS TRIGGER project_members;

CREATE FUNCTION tokens.members_as_of(p_size bigint)
RETURNS SETOF tokens.members LANGUAGE sql STABLE PARALLEL SAFE
SET work_mem = '64MB' SET plan_cache_mode = force_custom_plan AS $$
    WITH touched AS (
        SELECT DISTINCT ON (e.record -> 'data' ->> 'member_id')
               (e.record -> 'data' ->> 'member_id')::int AS member_id, e.type, e.number,
               e.record -> 'data' ->> 'role' AS role
          FROM ledger.event e
         WHERE e.type IN ('MemberAdded', 'MemberRoleChanged', 'MemberRemoved')
           AND e.number < p_size
         ORDER BY e.record -> 'data' ->> 'member_id', e.number DESC
    )
    SELECT t.member_id, split_part(a.stream, '/', 2)::int, t.role, a.recorded_at, a.number, t.number
      FROM ledger.event a
      JOIN touched t ON t.member_id = (a.record -> 'data' ->> 'member_id')::int
     WHERE a.type = 'MemberAdded' AND a.number < p_size AND t.type <> 'MemberRemoved'
$$;

-- Not part of the log, erasable. The address of who was removed stays until it is erased, so that
-- an auditor can tell who member 3 was; it can then be given to another.
CREATE TABLE tokens.people (
    member_id           int PRIMARY KEY,
    account_id          int NOT NULL,
    email               text CHECK (char_length(email) BETWEEN 3 AND 254),
    password_hash       text,                -- argon2id, with its parameters and salt
    password_changed_at timestamptz,
    removed_at          timestamptz
);
CREATE UNIQUE INDEX people_email ON tokens.people (email) WHERE removed_at IS NULL;
CREATE INDEX people_account ON tokens.people (account_id);

-- Of secrets only SHA-256 is kept. Used ones are gone.
CREATE TABLE tokens.one_time_links (
    secret_hash bytea PRIMARY KEY CHECK (octet_length(secret_hash) = 32),
    member_id   int NOT NULL,
    expires_at  timestamptz NOT NULL
);
CREATE INDEX one_time_links_member ON tokens.one_time_links (member_id);

CREATE TABLE tokens.sessions (
    secret_hash bytea PRIMARY KEY CHECK (octet_length(secret_hash) = 32),
    member_id   int NOT NULL,
    begun_at    timestamptz NOT NULL,
    seen_at     timestamptz NOT NULL,
    peer        text,                        -- where it was begun from
    notice      json                         -- told on the next page, once
) WITH (fillfactor = 70);
CREATE INDEX sessions_member ON tokens.sessions (member_id);
CREATE INDEX sessions_begun_at ON tokens.sessions (begun_at);

-- Forms that may be carried out once, and were.
CREATE TABLE tokens.used_forms (
    form_id uuid PRIMARY KEY,
    used_at timestamptz NOT NULL
);
CREATE INDEX used_forms_used_at ON tokens.used_forms (used_at);

-- key: SHA-256 of an e-mail address, of a peer, or of both.
CREATE TABLE tokens.sign_in_failures (
    key      bytea PRIMARY KEY CHECK (octet_length(key) = 32),
    failures double precision NOT NULL CHECK (failures >= 0),  -- as of last_at; time forgives them
    last_at  timestamptz NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX sign_in_failures_last_at ON tokens.sign_in_failures (last_at);

REVOKE ALL ON FUNCTION tokens.project_members(), tokens.members_as_of(bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION tokens.members_as_of(bigint) TO pushgate_tokens, pushgate_history;
GRANT USAGE ON SEQUENCE tokens.member_ids TO pushgate_tokens;
GRANT SELECT ON tokens.members TO pushgate_tokens, pushgate_history;
GRANT SELECT, INSERT, UPDATE, DELETE ON tokens.people, tokens.one_time_links, tokens.sessions,
    tokens.used_forms, tokens.sign_in_failures TO pushgate_tokens;
