"""Faults put into the product on purpose, each with the short test that must fail for it. Also the pytest plugin that does so.

`FINGERPOST_BUGS=a,b pytest -p tests.properties.named_bugs <their tests>` runs each named test with its bug in place, and
writes which of them were caught to the file FINGERPOST_CAUGHT.
"""
import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from marketplace.foundation import db as database
from marketplace.foundation import outbox
from marketplace.foundation.db import transaction
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.payments import inbox, ledger, sending, webhooks
from marketplace.payments.models import AccountKind
from marketplace.payments.money_in import settling
from marketplace.payments.money_out import payables, requests, stops, transfers
from marketplace.payments.stripe_readings import TemporaryFailure
from marketplace.referrals import asking, clawbacks, conversion, moderation, rewards, stages

Patch = pytest.MonkeyPatch
PAYMENTS, REWARDS = "tests/payments/", "tests/referrals/test_rewards.py::"


def fresh_key_for_each_attempt(patch: Patch) -> None:
    """Stripe cannot tell a repeat from a second transfer."""
    def send_once(row: Any, *, send: Callable[[str], Any], find: Callable[[], Any]) -> Any:
        return send(new_id("key"))
    patch.setattr(sending, "send_once", send_once)


def one_key_for_all(patch: Patch) -> None:
    """A key without the id of what it is for: the second reversal would be taken for a repeat of the first."""
    for module in (sending, payables):
        patch.setattr(module, "make_key", lambda row_id, attempt_no=1: "one key")


def burnt_key_is_not_looked_up(patch: Patch) -> None:
    patch.setattr(sending, "look_up", lambda row, find: sending.NotThere(row.attempt_no))


def old_key_is_trusted(patch: Patch) -> None:
    patch.setattr(sending, "KEY_LIVES", timedelta(days=365))


def key_in_use_counts_as_refused(patch: Patch) -> None:
    """A conflict is taken for the last word."""
    usual = sending.send_once

    def send_once(row: Any, **how: Any) -> Any:
        try:
            return usual(row, **how)
        except TemporaryFailure as failure:
            return sending.Refused("conflict", str(failure))
    patch.setattr(sending, "send_once", send_once)


def every_delivery_is_news(patch: Patch) -> None:
    """No unique event id: each repeat promises its job again."""
    usual = inbox.keep_event

    def keep_event(said: Any) -> bool:
        if not usual(said):
            outbox.promise("handle_stripe_event", event_id=str(said["id"]))
        return True
    patch.setattr(inbox, "keep_event", keep_event)
    patch.setattr(webhooks, "keep_event", keep_event)


def unsigned_events_are_taken(patch: Patch) -> None:
    patch.setattr(webhooks, "_verified", lambda body, header: body.decode())


def old_events_are_taken(patch: Patch) -> None:
    patch.setattr(webhooks, "TOLERANCE", timedelta(days=3650))


def either_mode_will_do(patch: Patch) -> None:
    """Nobody asks whether an event is of live or of test mode."""
    class Both:
        def __eq__(self, other: object) -> bool:
            return True

        def __ne__(self, other: object) -> bool:
            return False

        __hash__ = None  # type: ignore[assignment]

    patch.setattr(inbox, "is_live", Both)


def writers_do_not_queue(patch: Patch) -> None:
    """A missing lock: two read the same balance, and both spend it."""
    engine = database.db.engine
    event.remove(engine, "begin", database._begin_sqlite)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))


def released_before_the_hold_is_over(patch: Patch) -> None:
    class Never(timedelta):
        """Longer than any wait that is left."""

        def __new__(cls, *given: int, **units: int) -> Any:
            return timedelta(days=10_000)

    patch.setattr(rewards, "timedelta", Never)


def more_is_taken_back_than_was_sent(patch: Patch) -> None:
    patch.setattr(payables, "left_of", lambda payable: Money(10**9, payable.currency))


def account_is_not_looked_at_before_sending(patch: Patch) -> None:
    patch.setattr(transfers, "_why_not_now", lambda *anything: None)


def stops_are_not_heeded(patch: Patch) -> None:
    for module in (requests, stops, transfers):
        if hasattr(module, "why_stopped"):
            patch.setattr(module, "why_stopped", lambda payable=None: None)
        if hasattr(module, "stopped_among"):
            patch.setattr(module, "stopped_among", lambda *anything: {})


def ticked_before_it_is_settled(patch: Patch) -> None:
    """A worker that dies between the two leaves a job that looks done."""
    def do(job: Any, arguments: Any, message_id: str, attempt: int) -> None:
        with transaction():
            outbox._tick(message_id, attempt)
        if isinstance(job, outbox.Errand):
            outcome = job.call(**arguments)
            with transaction():
                job.settle(outcome, **arguments)
        else:
            with transaction():
                job(**arguments)
    patch.setattr(outbox, "_do", do)


def odd_cents_go_to_the_business(patch: Patch) -> None:
    """A part is rounded up instead of down."""
    patch.setattr(Money, "part", lambda self, above, below: Money(-(-self.minor * above // below), self.currency))


def references_may_come_again(patch: Patch) -> None:
    """The same movement, told twice, is posted twice under a reference of its own."""
    usual = ledger.post_many
    patch.setattr(ledger, "post_many", lambda movements: usual([
        ledger.Movement(one.kind, f"{one.reference}:{new_id('again')}", one.lines) for one in movements]))


def each_refund_on_its_own(patch: Patch) -> None:
    """The odd cents of every refund stay with the referrer, instead of those of all refunds together."""
    def due(reward: Any, conversion: Any, refunded_minor: int) -> tuple[Money, Money]:
        before = sum(clawback.amount_minor * conversion.amount_minor // reward.amount_minor for clawback in reward.clawbacks)
        part = max(refunded_minor - before, 0)
        fee = Money(reward.fee_minor, reward.currency)
        left = min(reward.amount.part(part, conversion.amount_minor), reward.net)
        return left, fee.part(refunded_minor, conversion.amount_minor) - Money(
            sum(c.fee_minor for c in reward.clawbacks), reward.currency)
    patch.setattr(clawbacks, "_due", due)


def a_frozen_reward_is_released(patch: Patch) -> None:
    def release_at_once(reward_id: str) -> None:
        reward = rewards.db.session.get_one(rewards.Reward, reward_id)
        reward.release_at = rewards.clock.now()
        usual(reward_id)
    usual = rewards.release_reward
    _replace_job(patch, "release_reward", release_at_once)
    patch.setattr(rewards, "timedelta", _NoTime)


class _NoTime:
    """A hold that is always over."""

    def __new__(cls, days: int = 0) -> Any:
        from datetime import timedelta  # noqa: PLC0415

        return timedelta(0)


def terms_of_today_instead_of_the_leads(patch: Patch) -> None:
    """What was promised changes with the bounty."""
    usual = conversion.used_up

    def used_up_by_today(lead: Any) -> Any:
        lead.terms = lead.bounty.terms
        return usual(lead)
    patch.setattr(conversion, "used_up", used_up_by_today)


def a_lost_lead_keeps_its_reservation(patch: Patch) -> None:
    patch.setattr(asking, "free_reserved", lambda lead, why: None)
    patch.setattr(stages, "free_reserved", lambda lead, why: None)


def stripes_fee_is_never_booked(patch: Patch) -> None:
    patch.setattr(settling, "_post_fee", lambda row, fee: setattr(row, "fee_minor", fee.minor))


def a_decision_without_a_trace(patch: Patch) -> None:
    """The state changes and the audit trail does not know."""
    def move(lead: Any, target: Any, *, by: str, reason: str = "") -> None:
        if target == "accepted":
            lead.moderation = target
        else:
            usual(lead, target, by=by, reason=reason)
    usual = moderation.lifecycle.move
    patch.setattr(moderation.lifecycle, "move", move)


def a_reversal_takes_from_what_is_owed_too(patch: Patch) -> None:
    """What was taken back of a sent transfer is given to the business before Stripe has taken it back."""
    def ask_reversal(payable: Any, amount: Money, *where: Any, credit: Any, clawback_id: str, **named: Any) -> Any:
        ledger.move(amount, source=ledger.account(AccountKind.CLEARING, "platform", amount.currency), target=credit,
                    kind="too_early", reference=f"{clawback_id}:early")
        return usual(payable, amount, *where, credit=credit, clawback_id=clawback_id, **named)
    usual = payables._ask_reversal
    patch.setattr(payables, "_ask_reversal", ask_reversal)


def _replace_job(patch: Patch, name: str, job: Callable[..., None]) -> None:
    from marketplace.jobs import JOBS  # noqa: PLC0415

    patch.setitem(JOBS, name, job)


JUMP = PAYMENTS + "test_clock_jumps.py::test_a_call_repeated_much_later_is_done_once"
BUGS: dict[Callable[[Patch], None], str] = {
    fresh_key_for_each_attempt: f"{JUMP}[a transfer-23 hours]",
    one_key_for_all: PAYMENTS + "test_reversals.py::test_parts_add_up_to_the_whole_and_no_further",
    every_delivery_is_news: PAYMENTS + "test_webhooks.py::test_a_repeated_event_is_taken_and_stored_once",
    writers_do_not_queue: "tests/races/test_money.py::test_sixteen_spend_one_bountys_funds_and_never_more_than_there_is",
    released_before_the_hold_is_over:
        f"{REWARDS}TestHolding::test_a_release_too_early_or_twice_does_nothing",
    more_is_taken_back_than_was_sent: PAYMENTS + "test_reversals.py::test_more_than_is_owed_is_not_taken",
    ticked_before_it_is_settled:
        "tests/foundation/test_outbox.py::test_what_a_failed_job_wrote_is_gone_and_it_is_tried_again",
    either_mode_will_do: PAYMENTS + "test_webhook_storm.py::test_an_event_of_the_other_mode_is_refused",
    key_in_use_counts_as_refused: f"{JUMP}[a refund-23 hours]",
    odd_cents_go_to_the_business:
        f"{REWARDS}TestRefund::test_in_many_steps_never_takes_more_than_the_share_so_far",
}
MORE_BUGS: dict[Callable[[Patch], None], str] = {  # For `make proof`.
    burnt_key_is_not_looked_up: f"{JUMP}[a transfer-25 hours]",
    old_key_is_trusted: f"{JUMP}[a transfer-31 days]",
    unsigned_events_are_taken: PAYMENTS + "test_webhook_storm.py::test_no_forged_old_future_or_foreign_event_is_taken",
    old_events_are_taken: PAYMENTS + "test_webhooks.py::test_what_is_not_a_fresh_event_of_ours_is_refused_with_its_reason",
    account_is_not_looked_at_before_sending: PAYMENTS + "test_transfers.py::test_the_account_is_looked_at_right_before_sending",
    stops_are_not_heeded: PAYMENTS + "test_stops.py::test_each_scope_holds_the_money_until_it_is_lifted",
    references_may_come_again: PAYMENTS + "test_ledger.py::test_the_same_reference_posts_once",
    each_refund_on_its_own: f"{REWARDS}TestRefund::test_of_a_sale_smaller_than_its_reward_counts_no_part_twice",
    a_frozen_reward_is_released: f"{REWARDS}TestHolding::test_a_release_too_early_or_twice_does_nothing",
    terms_of_today_instead_of_the_leads:
        f"{REWARDS}TestEarning::test_the_terms_of_that_day_count_whatever_the_bounty_says_now",
    a_lost_lead_keeps_its_reservation:
        "tests/referrals/test_contact_and_stages.py::TestStages::test_an_ending_needs_a_reason_and_frees_the_funds",
    stripes_fee_is_never_booked: PAYMENTS + "test_funding.py::test_what_is_paid_becomes_the_bountys_and_the_fee_is_ours",
    a_decision_without_a_trace:
        "tests/referrals/test_timeline.py::test_the_business_reads_nothing_from_before_the_acceptance",
    a_reversal_takes_from_what_is_owed_too: PAYMENTS + "test_reversals.py::test_what_was_sent_comes_back_by_a_reversal",
}


ALL_BUGS = {bug.__name__: (bug, test) for bug, test in (BUGS | MORE_BUGS).items()}


def is_of(node: str, test: str) -> bool:
    return node == test or node.startswith(f"{test}[")


def planted() -> dict[str, tuple[Callable[[Patch], None], str]]:
    return {name: ALL_BUGS[name] for name in os.environ["FINGERPOST_BUGS"].split(",")}


def plant(bug: Callable[[Patch], None], patch: Patch) -> None:
    """What it changes may have another name by now; then it is no bug, and nothing it breaks is a proof."""
    try:
        bug(patch)
    except AttributeError as gone:
        pytest.exit(f"{bug.__name__} cannot be planted: {gone}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for bug, test in planted().values():
            if is_of(item.nodeid, test):
                plant(bug, patch)
        return (yield)


CAUGHT: set[str] = set()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test that fails says so itself; one that breaks before or after it is no proof."""
    if report.when == "call" and report.failed:
        CAUGHT.update(name for name, (_, test) in planted().items() if is_of(report.nodeid, test))


def pytest_sessionfinish() -> None:
    Path(os.environ["FINGERPOST_CAUGHT"]).write_text(json.dumps(sorted(CAUGHT)))
