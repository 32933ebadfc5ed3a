"""Entries balance, are written once and never change; the database itself says so, on SQLite and on PostgreSQL."""
import json

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from marketplace.foundation import audit
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.payments import ledger, ledger_checks
from marketplace.payments.ledger_trail import find_source
from marketplace.payments.models import PLATFORM, AccountKind, LedgerAccount, LedgerEntry, Posting
from marketplace.payments.money_in import funds
from tests.factories import make_bounty
from tests.payments.forging import forge
from tests.payments.money_steps import holds, usd

K = AccountKind


def pay_in(minor: int = 100_00, owner: str = "bounty_1", reference: str = "fund_1", currency: str = "usd") -> str:
    with transaction():
        return ledger.move(Money(minor, currency), source=ledger.clearing(currency),
                           target=ledger.account(K.FUNDS, owner, currency), kind="funding", reference=reference)


def count(model: type) -> int:
    return db.session.scalar(select(func.count()).select_from(model)) or 0


def test_an_entry_moves_money_and_keeps_the_trial_balance_at_nothing(app):
    pay_in(100_00)
    assert holds(K.FUNDS, "bounty_1") == 100_00
    assert holds(K.CLEARING, PLATFORM) == -100_00
    assert ledger.trial_balance() == [(K.CLEARING, "usd", -100_00), (K.FUNDS, "usd", 100_00)]
    assert ledger.check_ledger() == []


def test_the_same_reference_posts_once(app):
    first = pay_in(100_00)
    again = pay_in(100_00)
    assert again == first
    assert (count(LedgerEntry), count(Posting)) == (1, 2)


def test_a_reference_used_for_something_else_is_refused(app):
    pay_in(100_00)
    with pytest.raises(ledger.ReferenceReused):
        pay_in(99_00)
    assert holds(K.FUNDS, "bounty_1") == 100_00


def test_a_reference_used_for_another_kind_is_refused(app):
    pay_in(100_00)
    with pytest.raises(ledger.ReferenceReused), transaction():
        ledger.move(usd(100), source=ledger.clearing("usd"), target=ledger.account(K.FUNDS, "bounty_1", "usd"),
                    kind="gift", reference="fund_1")


@pytest.mark.parametrize("lines", [
    [(K.FUNDS, 10), (K.CLEARING, -9)],
    [(K.FUNDS, 10)],
    [(K.FUNDS, 0), (K.CLEARING, 0)],
    [(K.FUNDS, 5), (K.FUNDS, -5)],
])
def test_what_is_not_a_movement_is_refused(app, lines):
    with pytest.raises(ledger.Unbalanced), transaction():
        ledger.post([(ledger.account(kind, "x", "usd"), Money(minor, "usd")) for kind, minor in lines],
                    kind="odd", reference="odd")
    assert count(LedgerEntry) == 0


def test_currencies_do_not_pay_for_each_other(app):
    with pytest.raises(ledger.Unbalanced), transaction():
        ledger.post([(ledger.clearing("usd"), Money(-10, "usd")), (ledger.account(K.FUNDS, "b", "eur"), Money(10, "eur"))],
                    kind="odd", reference="odd")


def test_money_in_a_foreign_account_is_refused(app):
    with pytest.raises(ledger.Unbalanced), transaction():
        ledger.move(Money(10, "usd"), source=ledger.clearing("eur"), target=ledger.account(K.FUNDS, "b", "usd"),
                    kind="odd", reference="odd")


def test_lines_of_nothing_are_dropped_and_lines_of_one_account_added_up(app):
    with transaction():
        bounty = ledger.account(K.FUNDS, "b", "usd")
        ledger.post([(ledger.clearing("usd"), usd(-3)), (bounty, usd(1)), (bounty, usd(2)),
                     (ledger.account(K.PLATFORM_FEES, PLATFORM, "usd"), usd(0))], kind="funding", reference="r")
    assert (count(Posting), holds(K.FUNDS, "b")) == (2, 300)


def test_nothing_goes_below_its_floor(app):
    pay_in(10_00)
    with pytest.raises(ledger.NotEnoughMoney) as refusal, transaction():
        funds.reserve("lead_1", bounty_id="bounty_1", amount=Money(10_01, "usd"))
    assert (refusal.value.status, refusal.value.code) == (409, "not_enough_money")
    assert "$10" in refusal.value.message and refusal.value.next_step
    assert holds(K.FUNDS, "bounty_1") == 10_00


def test_money_can_be_moved_in_and_out_of_one_account_many_times(app):
    pay_in(10_00)
    for _ in range(3):
        with transaction():
            funds.reserve("lead_1", bounty_id="bounty_1", amount=usd(10))
        with transaction():
            funds.free_reservation("lead_1", bounty_id="bounty_1", currency="usd", why="lost")
    assert (holds(K.FUNDS, "bounty_1"), holds(K.RESERVED, "lead_1")) == (10_00, 0)
    assert ledger.check_ledger() == []


def test_freeing_what_is_not_reserved_posts_nothing(app):
    pay_in(10_00)
    with transaction():
        funds.free_reservation("lead_1", bounty_id="bounty_1", currency="usd", why="lost")
    assert count(LedgerEntry) == 1


def test_balances_are_read_for_many_owners_at_once(app):
    pay_in(10_00, "b1", "r1")
    pay_in(20_00, "b2", "r2", "eur")
    with transaction():
        ledger.account(K.FUNDS, "b3", "usd")
    assert ledger.balances(K.FUNDS, ["b1", "b2", "b3", "b4"]) == {"b1": Money(10_00, "usd"), "b2": Money(20_00, "eur")}


def test_reading_a_balance_makes_no_account(app):
    assert ledger.find_balance(K.FUNDS, "nobody", "usd") == usd(0)
    assert count(LedgerAccount) == 0


# --- statements that go round the code, straight at the tables ---------------------------------------------------

FORGERIES = {
    "an amount is changed": "UPDATE postings SET amount_minor = amount_minor * 2",
    "a balance is changed": "UPDATE postings SET balance_after_minor = 5 WHERE seq = 1",
    "a posting is deleted": "DELETE FROM postings",
    "an entry is changed": "UPDATE ledger_entries SET reference = 'other'",
    "an entry is deleted": "DELETE FROM ledger_entries",
    "a floor is removed": "UPDATE ledger_accounts SET floor_minor = NULL",
    "an account is deleted": "DELETE FROM ledger_accounts",
    "a posting is added to a sealed entry":
        "INSERT INTO postings (entry_id, account_id, amount_minor, created_at) "
        "SELECT e.id, a.id, 7, e.created_at FROM ledger_entries e, ledger_accounts a WHERE a.owner_id = 'spare'",
    "an entry without postings":
        "INSERT INTO ledger_entries (id, kind, reference, fingerprint, created_at) "
        "SELECT 'e', 'k', 'r', 'f', created_at FROM ledger_entries",
    "a posting without an entry":
        "INSERT INTO postings (entry_id, account_id, amount_minor, created_at) "
        "SELECT 'nowhere', id, 7, created_at FROM ledger_accounts WHERE kind = 'clearing'",
    "a chain with a gap":
        "INSERT INTO postings (entry_id, account_id, amount_minor, seq, balance_after_minor, created_at) "
        "SELECT 'new', id, 5, 3, 10005, created_at FROM ledger_accounts WHERE kind = 'funds'",
    "a running balance that is not the sum":
        "INSERT INTO postings (entry_id, account_id, amount_minor, seq, balance_after_minor, created_at) "
        "SELECT 'new', id, 5, 2, 99999, created_at FROM ledger_accounts WHERE kind = 'funds'",
    "a debit below the floor":
        "INSERT INTO postings (entry_id, account_id, amount_minor, seq, balance_after_minor, created_at) "
        "SELECT 'new', id, -10001, 2, -1, created_at FROM ledger_accounts WHERE kind = 'funds'",
    "an account with a floor and no chain":
        "INSERT INTO postings (entry_id, account_id, amount_minor, created_at) "
        "SELECT 'new', id, -99999, created_at FROM ledger_accounts WHERE kind = 'funds'",
    "a chain without a floor":
        "INSERT INTO postings (entry_id, account_id, amount_minor, seq, balance_after_minor, created_at) "
        "SELECT 'new', id, 5, 1, 5, created_at FROM ledger_accounts WHERE kind = 'clearing'",
    "a posting of nothing":
        "INSERT INTO postings (entry_id, account_id, amount_minor, created_at) "
        "SELECT 'new', id, 0, created_at FROM ledger_accounts WHERE kind = 'clearing'",
    "a second account for one owner":
        "INSERT INTO ledger_accounts (id, kind, owner_id, currency, created_at) "
        "SELECT 'twin', kind, owner_id, currency, created_at FROM ledger_accounts WHERE kind = 'funds'",
    "an account of an unknown kind":
        "INSERT INTO ledger_accounts (id, kind, owner_id, currency, created_at) "
        "SELECT 'new', 'slush', 'me', 'usd', created_at FROM ledger_accounts WHERE kind = 'funds'",
    "an audit event is changed": "UPDATE audit_events SET actor_id = 'somebody else'",
    "an audit event is deleted": "DELETE FROM audit_events",
    "terms are changed": "UPDATE terms SET cause = 'another'",
    "terms are deleted": "DELETE FROM terms",
}
SQLITE_FORGERIES = {
    "a posting is replaced": "INSERT OR REPLACE INTO postings SELECT * FROM postings",
    "an entry is replaced": "INSERT OR REPLACE INTO ledger_entries SELECT * FROM ledger_entries",
    "an account is replaced":
        "INSERT OR REPLACE INTO ledger_accounts SELECT id, kind, owner_id, currency, NULL, created_at FROM ledger_accounts",
    "an audit event is replaced": "INSERT OR REPLACE INTO audit_events SELECT * FROM audit_events",
    "terms are replaced": "INSERT OR REPLACE INTO terms SELECT * FROM terms",
    "a fraction of a cent":
        "INSERT INTO postings (entry_id, account_id, amount_minor, created_at) "
        "SELECT 'new', id, 0.5, created_at FROM ledger_accounts WHERE kind = 'clearing'",
}
POSTGRESQL_FORGERIES = {
    f"{table} is emptied": f"TRUNCATE {table} CASCADE"
    for table in ("postings", "ledger_entries", "ledger_accounts", "audit_events", "terms")
}


def everything() -> str:
    tables = ("postings", "ledger_entries", "ledger_accounts", "audit_events", "terms")
    rows = [[list(map(str, row)) for row in db.session.execute(text(f"SELECT * FROM {name} ORDER BY 1, 2"))] for name in tables]
    db.session.rollback()
    return json.dumps(rows)


def attack(statement: str) -> None:
    make_bounty()
    pay_in(100_00)
    with transaction():
        audit.record("thing.done", "thing_1", by=audit.SYSTEM)
        ledger.account(K.CLEARING, "spare", "usd")
    before = everything()
    with pytest.raises(DBAPIError), transaction():
        db.session.execute(text(statement))
    assert everything() == before


@pytest.mark.parametrize("statement", FORGERIES.values(), ids=FORGERIES)
def test_the_database_refuses(app, statement):
    attack(statement)


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("statement", SQLITE_FORGERIES.values(), ids=SQLITE_FORGERIES)
def test_sqlite_refuses(app, statement):
    attack(statement)


@pytest.mark.database("postgresql")
@pytest.mark.parametrize("statement", POSTGRESQL_FORGERIES.values(), ids=POSTGRESQL_FORGERIES)
def test_postgresql_refuses(app, statement):
    attack(statement)


def test_the_database_refuses_an_entry_that_does_not_balance(app):
    pay_in(100_00)
    attempt = (
        ("INSERT INTO postings (entry_id, account_id, amount_minor, seq, balance_after_minor, created_at) "
        "SELECT 'new', id, 500, 2, 10500, created_at FROM ledger_accounts WHERE kind = 'funds'"),
        ("INSERT INTO postings (entry_id, account_id, amount_minor, created_at) "
        "SELECT 'new', id, -499, created_at FROM ledger_accounts WHERE kind = 'clearing'"),
        ("INSERT INTO ledger_entries (id, kind, reference, fingerprint, created_at) "
        "SELECT 'new', 'k', 'r', 'f', created_at FROM ledger_entries"))
    with pytest.raises(DBAPIError, match="does not sum to zero"), transaction():
        for statement in attempt:
            db.session.execute(text(statement))
    assert count(LedgerEntry) == 1


# --- the checks see what the database would let through if its triggers were gone ---------------------------------

def test_money_is_followed_back_to_where_it_came_from(app):
    pay_in(100_00)
    hands = [ledger.account(K.FUNDS, "bounty_1", "usd")]
    with transaction():
        for number in range(14):
            hands.append(ledger.account(K.HELD, f"reward_{number}", "usd"))
            ledger.move(usd(100), source=hands[-2], target=hands[-1], kind="passed_on", reference=f"step_{number}")
        empty = ledger.account(K.PAYABLE, "reward_none", "usd")
    assert find_source(hands[3], K.FUNDS).owner_id == "bounty_1"
    for nowhere in (empty, hands[-1]):  # Nothing came there; or through more hands than anything ever does.
        with pytest.raises(LookupError):
            find_source(nowhere, K.FUNDS)


def test_an_entry_in_two_currencies_is_sound_when_each_of_them_is(app):
    with transaction():
        ledger.post([(ledger.clearing("usd"), usd(-5)), (ledger.account(K.FUNDS, "bounty_1", "usd"), usd(5)),
                     (ledger.clearing("eur"), Money(-7, "eur")), (ledger.account(K.FUNDS, "bounty_1", "eur"), Money(7, "eur"))],
                    kind="exchange", reference="both")
    assert ledger.check_ledger() == []
    for by, currency in ((1, "usd"), (-1, "eur")):
        forge("UPDATE postings SET amount_minor = amount_minor + :by WHERE account_id = (SELECT id FROM ledger_accounts "
              "WHERE kind = 'clearing' AND currency = :currency)", by=by, currency=currency)
    assert {fault.split()[0] for fault in ledger.check_ledger()} == {"I1", "I9"}  # Though the sum of all is nothing.


@pytest.mark.parametrize(("statement", "named"), [
    ("UPDATE postings SET amount_minor = amount_minor + 1 WHERE seq IS NULL", {"I1", "I9"}),
    ("DELETE FROM postings WHERE seq IS NULL", {"I1", "I2", "I9"}),
    ("DELETE FROM postings", {"I2"}),
    ("DELETE FROM ledger_entries", {"I4"}),
    ("UPDATE postings SET seq = 2 WHERE seq = 1", {"I5"}),
    ("UPDATE postings SET balance_after_minor = 1 WHERE seq = 1", {"I5"}),
    ("UPDATE ledger_accounts SET floor_minor = 20000 WHERE kind = 'funds'", {"I6"}),
    ("UPDATE ledger_accounts SET kind = 'in_transit' WHERE kind = 'funds'", {"I13"}),
    ("UPDATE ledger_accounts SET kind = 'payable' WHERE kind = 'funds'", {"I13"}),
    ("UPDATE ledger_accounts SET kind = 'refunding' WHERE kind = 'funds'", {"I13"}),
    ("UPDATE ledger_accounts SET kind = 'clawback_due' WHERE kind = 'funds'", {"I13"}),
])
def test_a_ledger_that_is_not_sound_is_called_so_by_name(app, statement, named):
    pay_in(100_00)
    forge(statement)
    assert {fault.split()[0] for fault in ledger.check_ledger()} == named


def test_large_books_are_streamed_and_say_the_same(app, monkeypatch):
    pay_in(100_00)
    pay_in(50_00, owner="bounty_2", reference="fund_2")
    forge("UPDATE postings SET amount_minor = amount_minor + 1 WHERE seq IS NULL")
    forge("UPDATE ledger_accounts SET kind = 'payable' WHERE owner_id = 'bounty_2'")
    said = sorted(ledger.check_ledger())
    assert {fault.split()[0] for fault in said} == {"I1", "I9", "I13"}
    monkeypatch.setattr(ledger_checks, "AT_ONCE", 1)
    assert sorted(ledger.check_ledger()) == said
