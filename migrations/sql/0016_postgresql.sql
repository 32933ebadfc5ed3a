-- What a side or a witness said stays as it was said; an erasure may only empty it. 0016_sqlite.sql says the same for SQLite.

CREATE TRIGGER dispute_statements_kept BEFORE UPDATE ON dispute_statements FOR EACH ROW
WHEN (NEW.text IS NOT NULL OR NEW.link IS NOT NULL OR NEW.id <> OLD.id OR NEW.dispute_id <> OLD.dispute_id
  OR NEW.side <> OLD.side OR NEW.said_by <> OLD.said_by OR NEW.created_at <> OLD.created_at)
EXECUTE FUNCTION refuse_change('dispute_statements');

CREATE TRIGGER dispute_statements_gone BEFORE DELETE ON dispute_statements FOR EACH ROW EXECUTE FUNCTION refuse_change('dispute_statements');

CREATE TRIGGER dispute_statements_stay BEFORE TRUNCATE ON dispute_statements EXECUTE FUNCTION refuse_change('dispute_statements');

CREATE TRIGGER witness_answers_kept BEFORE UPDATE ON witness_answers FOR EACH ROW
WHEN (NEW.note IS NOT NULL OR NEW.dispute_id <> OLD.dispute_id OR NEW.said <> OLD.said OR NEW.bought_on IS DISTINCT FROM OLD.bought_on
  OR NEW.amount_minor IS DISTINCT FROM OLD.amount_minor OR NEW.currency <> OLD.currency OR NEW.is_proven <> OLD.is_proven
  OR NEW.created_at <> OLD.created_at)
EXECUTE FUNCTION refuse_change('witness_answers');

CREATE TRIGGER witness_answers_gone BEFORE DELETE ON witness_answers FOR EACH ROW EXECUTE FUNCTION refuse_change('witness_answers');

CREATE TRIGGER witness_answers_stay BEFORE TRUNCATE ON witness_answers EXECUTE FUNCTION refuse_change('witness_answers');
