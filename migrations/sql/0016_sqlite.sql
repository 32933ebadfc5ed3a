-- What a side or a witness said stays as it was said; an erasure may only empty it. 0016_postgresql.sql says the same for PostgreSQL.

CREATE TRIGGER dispute_statements_kept BEFORE UPDATE ON dispute_statements
WHEN NEW.text IS NOT NULL OR NEW.link IS NOT NULL OR NEW.id <> OLD.id OR NEW.dispute_id <> OLD.dispute_id
  OR NEW.side <> OLD.side OR NEW.said_by <> OLD.said_by OR NEW.created_at <> OLD.created_at
BEGIN SELECT RAISE(ABORT, 'dispute_statements: immutable'); END;

CREATE TRIGGER dispute_statements_stay BEFORE DELETE ON dispute_statements BEGIN SELECT RAISE(ABORT, 'dispute_statements: immutable'); END;

CREATE TRIGGER witness_answers_kept BEFORE UPDATE ON witness_answers
WHEN NEW.note IS NOT NULL OR NEW.dispute_id <> OLD.dispute_id OR NEW.said <> OLD.said OR NEW.bought_on IS NOT OLD.bought_on
  OR NEW.amount_minor IS NOT OLD.amount_minor OR NEW.currency <> OLD.currency OR NEW.is_proven <> OLD.is_proven
  OR NEW.created_at <> OLD.created_at
BEGIN SELECT RAISE(ABORT, 'witness_answers: immutable'); END;

CREATE TRIGGER witness_answers_stay BEFORE DELETE ON witness_answers BEGIN SELECT RAISE(ABORT, 'witness_answers: immutable'); END;
