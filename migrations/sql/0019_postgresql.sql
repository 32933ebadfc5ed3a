-- What came of reading a post again stays as it was found; only the words of the post may be emptied.
-- 0019_sqlite.sql says the same for SQLite.
CREATE TRIGGER evidence_checks_kept BEFORE UPDATE OF id, lead_id, moment, outcome, failure, sha256, likeness, is_over, checked_at, created_at ON evidence_checks
  FOR EACH ROW EXECUTE FUNCTION refuse_change('evidence_checks');
