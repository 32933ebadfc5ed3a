"""Rounds of money in and out, with jobs that wait: what the races with death and with trouble at Stripe are about."""
from typing import Any

from sqlalchemy import select

from marketplace.foundation import audit, outbox
from marketplace.foundation.db import db, transaction
from marketplace.foundation.outbox import OutboxMessage
from marketplace.identity.models import User
from marketplace.payments.jobs import PAYMENTS_JOBS
from marketplace.payments.money_in.refunds import refund_free_funds
from marketplace.payments.money_out import transfers
from tests.browsing import end_reading
from tests.payments.money_steps import fresh, owe, pay_in, take_back, usd

PAYEES = 8
TROUBLES = ["lost_before", "lost_after", "half_written", "error_unstored", "error_stored", "error_stored_after",
            "rate_limited", "key_in_use"]
IGNORED = {name: lambda **said: None for name in ("note_funding", "note_transfer", "note_reversal", "return_free_funds")}
JOBS = {**PAYMENTS_JOBS, **IGNORED}


def open_jobs() -> list[str]:
    """Each with what an operator would see of it."""
    end_reading()
    waiting = select(OutboxMessage).where(
        OutboxMessage.done_at.is_(None), OutboxMessage.job.in_([
            "request_transfers", "send_transfer", "deliver_transfer", "send_reversal", "deliver_reversal", "send_refund",
            "deliver_refund", "send_top_up", "deliver_top_up"]))
    return [f"{one.job} tried {one.attempts}, due {one.due_at}, dead {one.dead_at}: {one.last_error}"
            for one in db.session.scalars(waiting)]


def press_try_again() -> None:
    """What an operator does with a job that met trouble fourteen times in a row."""
    with transaction():
        for message in db.session.scalars(outbox.dead_letters()):
            outbox.revive(message, by="operator")


class Round:
    """New rewards for everybody, some of last time's taken back, and something to refund."""

    def __init__(self, stripe: Any, wes: Any, payees: list[Any]) -> None:
        self.stripe, self.number = stripe, 0
        self.wes, self.payees = wes.id, [payee.id for payee in payees]

    def begin(self) -> None:
        self.number += 1
        wes = fresh(User, self.wes)
        business_id = wes.memberships[0].business_id
        for number, payee_id in enumerate(self.payees):
            owe(fresh(User, payee_id), business_id, usd(100), f"reward_{self.number}_{number}")
        with transaction():
            for payee_id in self.payees:
                transfers.request_transfers(payee_id)
        for number in range(0, len(self.payees), 2):
            take_back(f"reward_{self.number}_{number}", usd(10), f"clawback_{self.number}_{number}")
        pay_in(self.stripe, fresh(User, self.wes), usd(50), f"bounty_refunded_{self.number}")
        with transaction():
            refund_free_funds(f"bounty_refunded_{self.number}", "usd", by=audit.SYSTEM)
