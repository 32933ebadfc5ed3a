-- What a look found stays as it was found. 0017_sqlite.sql says the same.

CREATE TRIGGER fraud_scores_stay BEFORE UPDATE OR DELETE ON fraud_scores FOR EACH ROW
  EXECUTE FUNCTION refuse_change('fraud_scores');

CREATE TRIGGER fraud_scores_stay_all BEFORE TRUNCATE ON fraud_scores EXECUTE FUNCTION refuse_change('fraud_scores');
