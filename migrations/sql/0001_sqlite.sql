-- What the ledger promises, held by SQLite itself. 0001_postgresql.sql says the same for PostgreSQL.
-- INSERT OR REPLACE deletes without asking delete triggers unless recursive_triggers is on, so the insert
-- triggers look for the row themselves.

CREATE TRIGGER postings_checked BEFORE INSERT ON postings BEGIN
  SELECT RAISE(ABORT, 'ledger: entry is sealed')
    WHERE EXISTS (SELECT 1 FROM ledger_entries WHERE id = NEW.entry_id);
  SELECT RAISE(ABORT, 'ledger: immutable')
    WHERE EXISTS (SELECT 1 FROM postings WHERE entry_id = NEW.entry_id AND account_id = NEW.account_id)
       OR EXISTS (SELECT 1 FROM postings WHERE account_id = NEW.account_id AND seq = NEW.seq);
  SELECT RAISE(ABORT, 'ledger: not a whole number') WHERE typeof(NEW.amount_minor) <> 'integer';
  SELECT RAISE(ABORT, 'ledger: broken chain')
    WHERE (NEW.seq IS NULL) <> ((SELECT floor_minor FROM ledger_accounts WHERE id = NEW.account_id) IS NULL);
  SELECT RAISE(ABORT, 'ledger: broken chain')
    WHERE NEW.seq IS NOT NULL AND (
      typeof(NEW.seq) <> 'integer' OR typeof(NEW.balance_after_minor) <> 'integer'
      OR NEW.seq <> 1 + coalesce((SELECT max(seq) FROM postings WHERE account_id = NEW.account_id), 0)
      OR NEW.balance_after_minor <> NEW.amount_minor + coalesce(
        (SELECT balance_after_minor FROM postings WHERE account_id = NEW.account_id ORDER BY seq DESC LIMIT 1), 0));
  SELECT RAISE(ABORT, 'ledger: below the floor')
    WHERE NEW.amount_minor < 0
      AND NEW.balance_after_minor < (SELECT floor_minor FROM ledger_accounts WHERE id = NEW.account_id);
END;

CREATE TRIGGER ledger_entries_checked BEFORE INSERT ON ledger_entries BEGIN
  SELECT RAISE(ABORT, 'ledger: immutable')
    WHERE EXISTS (SELECT 1 FROM ledger_entries WHERE id = NEW.id OR reference = NEW.reference);
  SELECT RAISE(ABORT, 'ledger: needs two postings')
    WHERE (SELECT count(*) FROM postings WHERE entry_id = NEW.id) < 2;
  SELECT RAISE(ABORT, 'ledger: does not sum to zero')
    WHERE EXISTS (
      SELECT 1 FROM postings p JOIN ledger_accounts a ON a.id = p.account_id
      WHERE p.entry_id = NEW.id GROUP BY a.currency HAVING sum(p.amount_minor) <> 0);
END;

CREATE TRIGGER ledger_accounts_checked BEFORE INSERT ON ledger_accounts BEGIN
  SELECT RAISE(ABORT, 'ledger: immutable')
    WHERE EXISTS (SELECT 1 FROM ledger_accounts WHERE id = NEW.id
      OR (kind = NEW.kind AND owner_id = NEW.owner_id AND currency = NEW.currency));
END;

CREATE TRIGGER audit_events_checked BEFORE INSERT ON audit_events BEGIN
  SELECT RAISE(ABORT, 'audit_events: immutable') WHERE EXISTS (SELECT 1 FROM audit_events WHERE id = NEW.id);
END;

CREATE TRIGGER terms_checked BEFORE INSERT ON terms BEGIN
  SELECT RAISE(ABORT, 'terms: immutable')
    WHERE EXISTS (SELECT 1 FROM terms
      WHERE id = NEW.id OR (bounty_id = NEW.bounty_id AND number = NEW.number));
END;

CREATE TRIGGER postings_kept BEFORE UPDATE ON postings BEGIN SELECT RAISE(ABORT, 'ledger: immutable'); END;

CREATE TRIGGER postings_stay BEFORE DELETE ON postings BEGIN SELECT RAISE(ABORT, 'ledger: immutable'); END;

CREATE TRIGGER ledger_entries_kept BEFORE UPDATE ON ledger_entries BEGIN SELECT RAISE(ABORT, 'ledger: immutable'); END;

CREATE TRIGGER ledger_entries_stay BEFORE DELETE ON ledger_entries BEGIN SELECT RAISE(ABORT, 'ledger: immutable'); END;

CREATE TRIGGER ledger_accounts_kept BEFORE UPDATE ON ledger_accounts BEGIN SELECT RAISE(ABORT, 'ledger: immutable'); END;

CREATE TRIGGER ledger_accounts_stay BEFORE DELETE ON ledger_accounts BEGIN SELECT RAISE(ABORT, 'ledger: immutable'); END;

CREATE TRIGGER audit_events_kept BEFORE UPDATE ON audit_events BEGIN SELECT RAISE(ABORT, 'audit_events: immutable'); END;

CREATE TRIGGER audit_events_stay BEFORE DELETE ON audit_events BEGIN SELECT RAISE(ABORT, 'audit_events: immutable'); END;

CREATE TRIGGER terms_kept BEFORE UPDATE ON terms BEGIN SELECT RAISE(ABORT, 'terms: immutable'); END;

CREATE TRIGGER terms_stay BEFORE DELETE ON terms BEGIN SELECT RAISE(ABORT, 'terms: immutable'); END;
