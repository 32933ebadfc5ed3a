-- What was explained stays explained. 0009_sqlite.sql says the same for SQLite.

CREATE TRIGGER explanations_kept BEFORE UPDATE OR DELETE ON explanations FOR EACH ROW EXECUTE FUNCTION refuse_change('explanations');

CREATE TRIGGER explanations_stay BEFORE TRUNCATE ON explanations EXECUTE FUNCTION refuse_change('explanations');
