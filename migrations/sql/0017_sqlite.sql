-- What a look found stays as it was found. 0017_postgresql.sql says the same.

CREATE TRIGGER fraud_scores_never_changed BEFORE UPDATE ON fraud_scores BEGIN
  SELECT RAISE(ABORT, 'fraud: a look is never changed');
END;

CREATE TRIGGER fraud_scores_never_gone BEFORE DELETE ON fraud_scores BEGIN
  SELECT RAISE(ABORT, 'fraud: a look is never changed');
END;

CREATE TRIGGER fraud_scores_never_replaced BEFORE INSERT ON fraud_scores
WHEN EXISTS (SELECT 1 FROM fraud_scores WHERE id = NEW.id) BEGIN
  SELECT RAISE(ABORT, 'fraud: a look is never changed');
END;
