-- What was explained stays explained. 0009_postgresql.sql says the same for PostgreSQL.

CREATE TRIGGER explanations_checked BEFORE INSERT ON explanations BEGIN
  SELECT RAISE(ABORT, 'explanations: immutable') WHERE EXISTS (SELECT 1 FROM explanations WHERE entry_id = NEW.entry_id);
END;

CREATE TRIGGER explanations_kept BEFORE UPDATE ON explanations BEGIN SELECT RAISE(ABORT, 'explanations: immutable'); END;

CREATE TRIGGER explanations_stay BEFORE DELETE ON explanations BEGIN SELECT RAISE(ABORT, 'explanations: immutable'); END;
