-- What was reported stays as it was reported; who was credited anew is never rewritten. 0022_postgresql.sql says the same.

CREATE TRIGGER reports_kept BEFORE UPDATE OF business_id, source, external_id, fingerprint, kind, amount_minor, currency, happened_at, refund_of ON reports
BEGIN SELECT RAISE(ABORT, 'reports: immutable'); END;

CREATE TRIGGER reports_stay BEFORE DELETE ON reports BEGIN SELECT RAISE(ABORT, 'reports: immutable'); END;

CREATE TRIGGER reattributions_kept BEFORE UPDATE ON reattributions BEGIN SELECT RAISE(ABORT, 'reattributions: immutable'); END;

CREATE TRIGGER reattributions_stay BEFORE DELETE ON reattributions BEGIN SELECT RAISE(ABORT, 'reattributions: immutable'); END;
