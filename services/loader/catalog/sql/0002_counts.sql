-- What a load wrote and rejected, stored with the first of its batches: if a loader dies before it
-- has recorded the load in the journal, the next one records these counts. Looked up first, because
-- ALTER TABLE would wait for every running load.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_attribute
                    WHERE attrelid = '_pushgate.loaded'::regclass AND attname = 'rejected') THEN
        ALTER TABLE _pushgate.loaded ADD COLUMN rows bigint NOT NULL DEFAULT 0,
                                     ADD COLUMN rejected bigint NOT NULL DEFAULT 0;
    END IF;
END
$$;
