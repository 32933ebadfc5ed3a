-- Terms say how many rules they have; those come with them, and then nothing is added, changed or taken away.
-- 0003_postgresql.sql says the same for PostgreSQL.

CREATE TRIGGER reward_rules_checked BEFORE INSERT ON reward_rules BEGIN
  SELECT RAISE(ABORT, 'reward_rules: immutable')
    WHERE EXISTS (SELECT 1 FROM reward_rules
      WHERE id = NEW.id OR (terms_id = NEW.terms_id AND position = NEW.position));
  SELECT RAISE(ABORT, 'reward_rules: sealed')
    WHERE NEW.position > (SELECT rule_count FROM terms WHERE id = NEW.terms_id);
END;

CREATE TRIGGER reward_rules_kept BEFORE UPDATE ON reward_rules BEGIN SELECT RAISE(ABORT, 'reward_rules: immutable'); END;

CREATE TRIGGER reward_rules_stay BEFORE DELETE ON reward_rules BEGIN SELECT RAISE(ABORT, 'reward_rules: immutable'); END;
