-- The words are ours already (stems, concepts, squares of the map), so the plain configuration only takes them apart.
-- Only live bounties have a row: the index is the partial one by being all there is. No second column in the GIN.
-- 0012_sqlite.sql says the same for SQLite.

CREATE INDEX bounty_words_found_idx ON bounty_words USING gin (to_tsvector('simple', words));
