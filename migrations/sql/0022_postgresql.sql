-- What was reported stays as it was reported; who was credited anew is never rewritten. 0022_sqlite.sql says the same.

CREATE TRIGGER reports_kept BEFORE UPDATE OF business_id, source, external_id, fingerprint, kind, amount_minor, currency, happened_at, refund_of ON reports
FOR EACH ROW EXECUTE FUNCTION refuse_change('reports');

CREATE TRIGGER reports_gone BEFORE DELETE ON reports FOR EACH ROW EXECUTE FUNCTION refuse_change('reports');

CREATE TRIGGER reports_stay BEFORE TRUNCATE ON reports EXECUTE FUNCTION refuse_change('reports');

CREATE TRIGGER reattributions_kept BEFORE UPDATE OR DELETE ON reattributions FOR EACH ROW EXECUTE FUNCTION refuse_change('reattributions');

CREATE TRIGGER reattributions_stay BEFORE TRUNCATE ON reattributions EXECUTE FUNCTION refuse_change('reattributions');
