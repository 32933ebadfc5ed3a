"""A dispute that several end in the same moment ends once, and what follows from it is posted once."""
import pytest
from flask import Flask

from marketplace.foundation import clock as product_clock
from marketplace.foundation.db import db
from marketplace.foundation.money import Money
from marketplace.identity.models import User
from marketplace.payments.ledger_checks import check_ledger
from marketplace.referrals.disputes.answering import accept_claim, contest_claim, withdraw_claim
from marketplace.referrals.disputes.clocks import end_unanswered_dispute
from marketplace.referrals.disputes.opening import open_dispute
from marketplace.referrals.disputes.subjects import Claim
from marketplace.referrals.models import Dispute, DisputeKind, DisputeState, Lead, Stage
from marketplace.referrals.queries import rewards_of_lead
from marketplace.referrals.stages import change_stage
from tests.browsing import end_reading
from tests.factories import accept, consent, make_bounty, make_business, make_user
from tests.races.together import ROUNDS, attempt_once, together
from tests.referrals.steps import do, point

pytestmark = pytest.mark.database("postgresql")


def test_an_answer_the_clock_and_a_second_thought_end_it_once(app: Flask, clock, record_property) -> None:
    record_property("rounds", 3 * ROUNDS)
    wes, ana, mona = make_user("Wes Park"), make_user("Ana Flores"), make_user("Mona Lind", is_admin=True)
    bounty = make_bounty(make_business(wes), is_live=True, funded_for=4 * ROUNDS)
    wes_id, ana_id = wes.id, ana.id  # No thread asks another one's session.
    ends = set()
    for number in range(3 * ROUNDS):
        lead = consent(accept(point(bounty, ana), by=mona), email=f"buyer{number}@example.com")
        do(change_stage, lead, Stage.LOST, by=wes, reason="No sale.")
        dispute = do(open_dispute, lead, DisputeKind.GHOST_CLOSE, by=ana, text="He told me that he bought it.",
                     claim=Claim(product_clock.now().date(), Money(3_000_000, "usd")))
        clock.move(days=8)

        def row(dispute_id: str = dispute.id) -> Dispute:
            return db.session.get_one(Dispute, dispute_id)

        def person(user_id: str) -> User:
            return db.session.get_one(User, user_id)

        said = together(app, [
            lambda row=row: attempt_once(lambda: accept_claim(row(), by=person(wes_id))),
            lambda row=row: attempt_once(lambda: contest_claim(row(), by=person(wes_id), text="That is not how it was.")),
            lambda dispute_id=dispute.id: attempt_once(lambda: end_unanswered_dispute(dispute_id)),
            lambda row=row: attempt_once(lambda: withdraw_claim(row(), by=person(ana_id)))])
        end_reading()
        ended = db.session.get_one(Dispute, dispute.id, populate_existing=True)
        rewards = rewards_of_lead(db.session.get_one(Lead, lead.id))
        assert (len(rewards) == 1) is (ended.state is DisputeState.RESOLVED_FOR_CLAIMANT), said
        assert ended.reserved_minor == (105_000 if ended.ended_at is None else 0)
        ends.add(ended.state)
    assert ends and check_ledger() == []
