"""Terms that were promised before there were rules: they become one rule each, and say and earn what they said."""
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, defer

from marketplace.bounties.models import Terms
from marketplace.bounties.preview import reward_in_words
from marketplace.bounties.rules import Event, Happening, highest_reward, price, worst_case
from marketplace.foundation.money import Money
from tests.old_database import migrate, old_database

OLD = [  # currency, kind, reward, rate, cap
    ("usd", "flat", 100_000, None, None), ("jpy", "flat", 5_000, None, None), ("usd", "percent", None, 250, 50_000),
    ("jpy", "percent", None, 333, 400),
]
WHEN = "'2026-11-22 00:00:00'"
BUSINESS = f"INSERT INTO businesses (id, name, slug, about, place, created_at, version) VALUES ('biz', 'B', 'b', '', '', {WHEN}, 1)"
BOUNTY = f"""INSERT INTO bounties (id, business_id, title, offer, state, terms_number, category, place, highest_reward, created_at, version)
VALUES (:bounty, 'biz', 'A title', 'An offer', 'draft', 1, 'cars', '', 1, {WHEN}, 1)"""
TERMS = f"""INSERT INTO terms (id, bounty_id, number, criteria, reward_kind, reward_minor, reward_bps, cap_minor, currency, fee_bps,
hold_days, protection_days, consent_days, evidence_days, category, place, created_at)
VALUES (:terms, :bounty, 1, '["Wants a car"]', :kind, :reward, :rate, :cap, :currency, 500, 30, 90, 14, 30, 'cars', '', {WHEN})"""
OLD_COLUMNS = "SELECT id, reward_kind, reward_minor, reward_bps, cap_minor FROM terms ORDER BY id"


@pytest.fixture
def engine(request, tmp_path) -> Iterator[Engine]:
    """A database as it stood before, with a few terms in it."""
    with old_database(request, tmp_path) as url:
        yield from _filled(url)


def _filled(url: str) -> Iterator[Engine]:
    engine = create_engine(url)
    with engine.begin() as connection:
        for name in ("0001_everything_to_begin_with", "0002_accounts_for_bad_days"):
            migrate(connection, "upgrade", name)
        connection.execute(text(BUSINESS))
        for number, (currency, kind, reward, rate, cap) in enumerate(OLD):
            said = {"bounty": f"bounty_{number}", "terms": f"terms_{number}", "currency": currency, "kind": kind,
                    "reward": reward, "rate": rate, "cap": cap}
            for sql in (BOUNTY, TERMS):
                connection.execute(text(sql), {name: said[name] for name in said if f":{name}" in sql})
    yield engine
    engine.dispose()


def test_old_terms_keep_their_word_there_and_back(engine):
    with engine.begin() as connection:
        before = connection.execute(text(OLD_COLUMNS)).all()
        migrate(connection, "upgrade", "0003_reward_rules")
    with Session(engine) as session:
        terms = session.query(Terms).options(
            defer(Terms.jurisdiction), defer(Terms.click_days), defer(Terms.click_pick)).order_by(Terms.id).all()
        assert [reward_in_words(one) for one in terms] == ["$1,000", "¥5,000", "2.5% of the sale, at most $500",
                                                           "3.33% of the sale, at most ¥400"]
        earned = [price(one, Event(Happening.WON, Money(10_000, one.currency))).reward.minor for one in terms]
        assert earned == [100_000, 5_000, 250, 333]
        assert [worst_case(one).minor for one in terms] == [105_000, 5_250, 52_500, 420]
        ranked = session.execute(text("SELECT currency, highest_reward FROM bounties ORDER BY id")).all()
        assert ranked == [(one.currency, highest_reward(one).minor) for one in terms]
    with engine.begin() as connection:
        migrate(connection, "downgrade", "0003_reward_rules")
        assert connection.execute(text(OLD_COLUMNS)).all() == before
    with pytest.raises(DBAPIError, match="immutable"), engine.begin() as connection:
        connection.execute(text("UPDATE terms SET reward_minor = 1"))


FORGERIES = {
    "UPDATE reward_rules SET amount_minor = 1": "immutable", "DELETE FROM reward_rules": "immutable",
    "UPDATE terms SET rule_count = 2": "immutable",
    "INSERT INTO reward_rules (id, terms_id, position, happening, whom, kind, amount_minor, created_at) "
    f"VALUES ('new', 'terms_0', 2, 'won', 'referrer', 'flat', 5, {WHEN})": "sealed",
}
HALVES = (
    "kind = 'flat', amount_minor = NULL", "kind = 'percent', amount_minor = NULL, rate_bps = 5, cap_minor = NULL",
    "kind = 'non_cash', amount_minor = NULL", "happening = 'later'", "happening = 'renewal'", "times = 0",
    "happening = 'sometimes'", "whom = 'nobody'", "floor_minor = 5", "amount_minor = 0", "position = 0", "thing = 'credit'",
    "kind = 'percent', happening = 'qualified', amount_minor = NULL, rate_bps = 5, cap_minor = 5",
    "kind = 'percent', amount_minor = NULL, rate_bps = 5, cap_minor = 5, floor_minor = 6", "after_days = 9",
)


def test_a_promise_gets_no_other_rule_and_no_half_one(engine):
    with engine.begin() as connection:
        migrate(connection, "upgrade", "0003_reward_rules")
    for forgery, said in FORGERIES.items():
        with pytest.raises(DBAPIError, match=said), engine.begin() as connection:
            connection.execute(text(forgery))
    with engine.begin() as connection:
        connection.execute(text("DROP TRIGGER reward_rules_kept" if engine.dialect.name == "sqlite" else
                                "ALTER TABLE reward_rules DISABLE TRIGGER reward_rules_kept"))
    for half in HALVES:
        with pytest.raises(DBAPIError, match=r"reward_rules_.*_check"), engine.begin() as connection:
            connection.execute(text(f"UPDATE reward_rules SET {half} WHERE id = 'rule_0'"))


def test_there_is_no_way_back_from_a_promise_that_the_old_columns_cannot_say(engine):
    with engine.begin() as connection:
        migrate(connection, "upgrade", "0003_reward_rules")
        connection.execute(text(TERMS.replace("reward_kind, reward_minor, reward_bps, cap_minor", "rule_count, cause")
                                .replace(":kind, :reward, :rate, :cap", "1, 'Denver Food Bank'").replace("1, '[", "2, '[")),
                           {"terms": "terms_9", "bounty": "bounty_0", "currency": "usd"})
    with pytest.raises(RuntimeError, match="1 terms promise more"), engine.begin() as connection:
        migrate(connection, "downgrade", "0003_reward_rules")
