-- The words are ours already (stems, concepts, squares of the map), so the plain configuration only takes them apart.
-- Kept as a column: where a word is common, the newest rows are looked through, and must not be taken apart again each.
-- Only live bounties have a row: the index is the partial one by being all there is. No second column in the GIN.
-- 0012_sqlite.sql says the same for SQLite.

ALTER TABLE bounty_words ADD COLUMN bounty_words_found tsvector;

CREATE TRIGGER bounty_words_taken_apart BEFORE INSERT OR UPDATE OF words ON bounty_words FOR EACH ROW
  EXECUTE FUNCTION tsvector_update_trigger(bounty_words_found, 'pg_catalog.simple', words);

CREATE INDEX bounty_words_found_idx ON bounty_words USING gin (bounty_words_found);
