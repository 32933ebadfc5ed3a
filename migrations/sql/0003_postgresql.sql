-- Terms say how many rules they have; those come with them, and then nothing is added, changed or taken away.
-- 0003_sqlite.sql says the same for SQLite.

CREATE FUNCTION check_reward_rule() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.position > (SELECT rule_count FROM terms WHERE id = NEW.terms_id) THEN
    RAISE EXCEPTION 'reward_rules: sealed' USING ERRCODE = '23514';
  END IF;
  RETURN NEW;
END $$;

CREATE TRIGGER reward_rules_checked BEFORE INSERT ON reward_rules FOR EACH ROW EXECUTE FUNCTION check_reward_rule();

CREATE TRIGGER reward_rules_kept BEFORE UPDATE OR DELETE ON reward_rules FOR EACH ROW EXECUTE FUNCTION refuse_change('reward_rules');

CREATE TRIGGER reward_rules_stay BEFORE TRUNCATE ON reward_rules EXECUTE FUNCTION refuse_change('reward_rules');
