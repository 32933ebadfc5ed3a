"""Balances cost as little in a long ledger as in a short one, and the audit holds no more of it in memory."""
import tracemalloc

import pytest
from sqlalchemy import event, select, text

from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.payments import ledger
from marketplace.payments.ledger_balances import take_snapshots
from marketplace.payments.models import PLATFORM, AccountKind, BalanceSnapshot
from tests.browsing import end_reading
from tests.payments.money_steps import holds

K = AccountKind


def pay_in(count: int, *, first: int = 0, currency: str = "usd") -> None:
    with transaction():
        clearing, funds = ledger.clearing(currency), ledger.account(K.FUNDS, f"bounty_{currency}", currency)
        ledger.post_many([
            ledger.Movement("funding", f"fund_{currency}_{number}:paid", [(clearing, Money(-10, currency)), (funds, Money(10, currency))])
            for number in range(first, first + count)])


def snapshot() -> None:
    with transaction():
        take_snapshots()
    end_reading()


def test_a_snapshot_and_what_came_after_it_are_the_balance(app, later):
    pay_in(5)
    pay_in(2, currency="jpy")
    later(hours=2)
    snapshot()
    assert {one.subject_id.split(":")[0] for one in db.session.scalars(select(BalanceSnapshot))} >= {"clearing", "funds"}
    before = ledger.trial_balance()
    pay_in(3, first=5)
    assert holds(K.CLEARING, PLATFORM) == -80 and holds(K.CLEARING, PLATFORM, "jpy") == -20
    assert before == [(K.CLEARING, "jpy", -20), (K.FUNDS, "jpy", 20), (K.CLEARING, "usd", -50), (K.FUNDS, "usd", 50)]
    assert ledger.trial_balance() == [
        (K.CLEARING, "jpy", -20), (K.FUNDS, "jpy", 20), (K.CLEARING, "usd", -80), (K.FUNDS, "usd", 80)]
    assert ledger.check_ledger() == []


def test_what_is_younger_than_an_hour_is_in_no_snapshot_yet(app, later):
    """Somebody else's entry may be dated before it, and be committed after."""
    pay_in(5)
    snapshot()
    assert db.session.scalars(select(BalanceSnapshot)).all() == []
    later(hours=2)
    pay_in(1, first=5)
    snapshot()
    clearing = db.session.get_one(BalanceSnapshot, "clearing:usd")
    assert clearing.balance_minor == -50 and holds(K.CLEARING, PLATFORM) == -60


def test_a_wrong_snapshot_is_named_by_the_audit_and_right_the_next_day(app, later):
    pay_in(5)
    later(hours=2)
    snapshot()
    with transaction():
        db.session.execute(text("UPDATE balance_snapshots SET balance_minor = balance_minor - 1 WHERE subject_id LIKE 'acct%'"))
    end_reading()
    assert [fault.split(":")[0] for fault in ledger.check_ledger()] == ["I9 snapshot is not what its account held"]
    snapshot()
    assert ledger.check_ledger() == [] and holds(K.CLEARING, PLATFORM) == -50


@pytest.mark.once
def test_a_balance_reads_the_snapshot_and_the_tail_alone(app, later):
    """However many entries there are: counted in steps of SQLite's own machine, not in seconds."""
    def steps_of(balance) -> int:
        end_reading()
        balance()  # The first statement after the emptying reads the whole schema again.
        raw = db.session.connection().connection.driver_connection
        counted = [0]
        raw.set_progress_handler(lambda: counted.__setitem__(0, counted[0] + 1), 1)
        balance()
        raw.set_progress_handler(None, 0)
        return counted[0]

    pay_in(20)
    later(hours=2)
    snapshot()
    clearing = ledger.clearing("usd")
    few = steps_of(lambda: ledger.balance(clearing))
    trial_of_few = steps_of(ledger.trial_balance)
    pay_in(1_000, first=20)
    grown = steps_of(lambda: ledger.balance(clearing))
    later(hours=2)
    snapshot()
    assert grown > 5 * few  # The tail had grown: the count can tell.
    assert steps_of(lambda: ledger.balance(clearing)) <= few + 20
    assert steps_of(ledger.trial_balance) <= trial_of_few + 50


def test_the_audit_streams_in_the_same_memory_however_long_the_ledger_is(app):
    def most_memory() -> int:
        end_reading()
        tracemalloc.start()
        assert ledger.check_ledger() == []
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    pay_in(100)
    most_memory()  # What is prepared once.
    few = most_memory()
    pay_in(3_000, first=100)
    assert most_memory() < few + 300_000


def test_balances_of_many_owners_are_their_last_links(app):
    pay_in(3)
    with transaction():
        ledger.account(K.FUNDS, "bounty_empty", "usd")
    asked: list[str] = []

    def listen(connection, cursor, statement, *rest) -> None:
        asked.append(statement)

    event.listen(db.engine, "before_cursor_execute", listen)
    found = ledger.balances(K.FUNDS, ["bounty_usd", "bounty_empty", "bounty_none"])
    event.remove(db.engine, "before_cursor_execute", listen)
    assert found == {"bounty_usd": Money(30, "usd")} and len([one for one in asked if one.startswith("SELECT")]) == 1
