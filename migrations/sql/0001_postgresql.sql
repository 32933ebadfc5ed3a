-- What the ledger promises, held by PostgreSQL itself. 0001_sqlite.sql says the same for SQLite.
-- 23514 is a broken rule; 40001 asks the caller to try again, because somebody else posted in between.

CREATE FUNCTION check_posting() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  floor_here bigint;
  last_seq bigint;
  last_balance bigint;
BEGIN
  IF EXISTS (SELECT 1 FROM ledger_entries WHERE id = NEW.entry_id) THEN
    RAISE EXCEPTION 'ledger: entry is sealed' USING ERRCODE = '23514';
  END IF;
  SELECT floor_minor INTO floor_here FROM ledger_accounts WHERE id = NEW.account_id;
  IF (NEW.seq IS NULL) <> (floor_here IS NULL) THEN
    RAISE EXCEPTION 'ledger: broken chain' USING ERRCODE = '23514';
  END IF;
  IF floor_here IS NULL THEN
    RETURN NEW;
  END IF;
  PERFORM 1 FROM ledger_accounts WHERE id = NEW.account_id FOR UPDATE;  -- one writer to an account's chain
  SELECT seq, balance_after_minor INTO last_seq, last_balance
    FROM postings WHERE account_id = NEW.account_id ORDER BY seq DESC LIMIT 1;
  IF NEW.seq <> coalesce(last_seq, 0) + 1
     OR NEW.balance_after_minor <> coalesce(last_balance, 0) + NEW.amount_minor THEN
    RAISE EXCEPTION 'ledger: broken chain' USING ERRCODE = '40001';
  END IF;
  IF NEW.amount_minor < 0 AND NEW.balance_after_minor < floor_here THEN
    RAISE EXCEPTION 'ledger: below the floor' USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION check_ledger_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT count(*) FROM postings WHERE entry_id = NEW.id) < 2 THEN
    RAISE EXCEPTION 'ledger: needs two postings' USING ERRCODE = '23514';
  END IF;
  IF EXISTS (
    SELECT 1 FROM postings p JOIN ledger_accounts a ON a.id = p.account_id
    WHERE p.entry_id = NEW.id GROUP BY a.currency HAVING sum(p.amount_minor) <> 0) THEN
    RAISE EXCEPTION 'ledger: does not sum to zero' USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $$;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING MESSAGE = TG_ARGV[0] || ': immutable', ERRCODE = '23514';
END $$;

CREATE TRIGGER postings_checked BEFORE INSERT ON postings FOR EACH ROW EXECUTE FUNCTION check_posting();

CREATE TRIGGER ledger_entries_checked BEFORE INSERT ON ledger_entries FOR EACH ROW EXECUTE FUNCTION check_ledger_entry();

CREATE TRIGGER postings_kept BEFORE UPDATE OR DELETE ON postings FOR EACH ROW EXECUTE FUNCTION refuse_change('ledger');

CREATE TRIGGER postings_stay BEFORE TRUNCATE ON postings EXECUTE FUNCTION refuse_change('ledger');

CREATE TRIGGER ledger_entries_kept BEFORE UPDATE OR DELETE ON ledger_entries FOR EACH ROW EXECUTE FUNCTION refuse_change('ledger');

CREATE TRIGGER ledger_entries_stay BEFORE TRUNCATE ON ledger_entries EXECUTE FUNCTION refuse_change('ledger');

CREATE TRIGGER ledger_accounts_kept BEFORE UPDATE OR DELETE ON ledger_accounts FOR EACH ROW EXECUTE FUNCTION refuse_change('ledger');

CREATE TRIGGER ledger_accounts_stay BEFORE TRUNCATE ON ledger_accounts EXECUTE FUNCTION refuse_change('ledger');

CREATE TRIGGER audit_events_kept BEFORE UPDATE OR DELETE ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse_change('audit_events');

CREATE TRIGGER audit_events_stay BEFORE TRUNCATE ON audit_events EXECUTE FUNCTION refuse_change('audit_events');

CREATE TRIGGER terms_kept BEFORE UPDATE OR DELETE ON terms FOR EACH ROW EXECUTE FUNCTION refuse_change('terms');

CREATE TRIGGER terms_stay BEFORE TRUNCATE ON terms EXECUTE FUNCTION refuse_change('terms');
