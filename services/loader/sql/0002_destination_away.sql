-- Told while the destination cannot be reached, at each try; nothing stands here when it can be.
-- A loader that died while it was away leaves its row: told_at says how fresh it is.

CREATE TABLE loader.destination_away (
    one_row boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    since   timestamptz NOT NULL,
    told_at timestamptz NOT NULL,
    reason  text NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON loader.destination_away TO pushgate_loader;
