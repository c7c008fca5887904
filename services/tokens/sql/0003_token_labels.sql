-- What people call a token, erasable, beside the log and no part of it.
CREATE TABLE tokens.token_labels (
    token_id int PRIMARY KEY,
    label    text NOT NULL CHECK (char_length(label) BETWEEN 1 AND 80)
);

GRANT SELECT, INSERT, UPDATE, DELETE ON tokens.token_labels TO pushgate_tokens;
