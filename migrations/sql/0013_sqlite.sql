-- FTS5 over the words, which stay in their table; triggers keep the two alike. 0012_postgresql.sql says the same.

CREATE VIRTUAL TABLE bounty_words_found USING fts5(words, content='bounty_words', content_rowid='id', detail='none');

CREATE TRIGGER bounty_words_added AFTER INSERT ON bounty_words BEGIN
  INSERT INTO bounty_words_found (rowid, words) VALUES (NEW.id, NEW.words);
END;

CREATE TRIGGER bounty_words_gone AFTER DELETE ON bounty_words BEGIN
  INSERT INTO bounty_words_found (bounty_words_found, rowid, words) VALUES ('delete', OLD.id, OLD.words);
END;

CREATE TRIGGER bounty_words_changed AFTER UPDATE OF words ON bounty_words BEGIN
  INSERT INTO bounty_words_found (bounty_words_found, rowid, words) VALUES ('delete', OLD.id, OLD.words);
  INSERT INTO bounty_words_found (rowid, words) VALUES (NEW.id, NEW.words);
END;
