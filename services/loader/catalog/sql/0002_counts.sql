-- What a load wrote and rejected, beside the first of its batches: a loader that dies before the
-- journal hears of it leaves this for the next one to tell. Asked first, because ALTER TABLE waits
-- for every load under way.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_attribute
                    WHERE attrelid = '_pushgate.loaded'::regclass AND attname = 'rejected') THEN
        ALTER TABLE _pushgate.loaded ADD COLUMN rows bigint NOT NULL DEFAULT 0,
                                     ADD COLUMN rejected bigint NOT NULL DEFAULT 0;
    END IF;
END
$$;
