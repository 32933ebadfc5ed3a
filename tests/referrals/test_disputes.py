"""Disputes through their verbs and jobs: who may claim what, the clocks, the freeze, what each end posts."""
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from marketplace.foundation import clock as product_clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import Forbidden, Invalid
from marketplace.foundation.money import Money
from marketplace.foundation.states import IllegalMove
from marketplace.payments.ledger_checks import check_ledger
from marketplace.payments.models import AccountKind
from marketplace.referrals.disputes.answering import accept_claim, add_statement, contest_claim, escalate, withdraw_claim
from marketplace.referrals.disputes.opening import AlreadyDisputed, open_dispute
from marketplace.referrals.disputes.ruling import rule
from marketplace.referrals.disputes.subjects import Claim, NotDisputable, TooLate
from marketplace.referrals.models import Dispute, DisputeKind, DisputeState, Ending, Reward, RewardState, Stage
from marketplace.referrals.queries import rewards_of_lead
from marketplace.referrals.stages import change_stage
from tests.browsing import end_reading
from tests.factories import accept, consent
from tests.referrals.steps import again, do, holds, point

TEXT = "David told me that he drives the new car."
SALE = Money(3_000_000, "usd")
K, D = DisputeKind, DisputeState


def fresh(dispute: Dispute) -> Dispute:
    end_reading()
    return db.session.get_one(Dispute, dispute.id, populate_existing=True)


@pytest.fixture
def lost(bounty, ana, wes, mona, keep_lead):
    """Introduced, and the business says that nothing came of it."""
    def build():
        lead = consent(accept(point(bounty, ana), by=mona))
        do(change_stage, lead, Stage.LOST, by=wes, reason="No sale.")
        return lead
    return keep_lead("lost", build)


def claim_of(lead, ana, *, kind=K.GHOST_CLOSE, amount=SALE, day=None, **more):
    day = day or product_clock.now().date()
    return do(open_dispute, lead, kind, by=ana, text=TEXT, claim=Claim(day, amount, **more))


def test_a_ghost_close_sets_aside_what_it_would_earn_and_a_ruling_earns_it(lost, bounty, ana, wes, mona, work, clock):
    before = holds(AccountKind.FUNDS, bounty.id)
    dispute = claim_of(lost, ana)
    assert dispute.state is D.AWAITING_RESPONSE and dispute.at_issue == Money(100_000, "usd")
    assert holds(AccountKind.RESERVED, lost.id) == 105_000 and holds(AccountKind.FUNDS, bounty.id) == before - 105_000
    do(contest_claim, fresh(dispute), by=wes, text="He never came back to us.")
    do(escalate, fresh(dispute), by=ana)
    do(rule, fresh(dispute), by=mona, outcome=D.RESOLVED_FOR_CLAIMANT, reason="The buyer says that he bought.")
    lead = again(lost)
    (reward,) = rewards_of_lead(lead)
    assert lead.stage is Stage.WON and reward.amount == Money(100_000, "usd") and reward.beneficiary_id == ana.id
    assert (holds(AccountKind.RESERVED, lost.id), holds(AccountKind.HELD, reward.id)) == (0, 105_000)
    work()
    clock.move(days=31)
    work()
    assert db.session.get_one(Reward, reward.id, populate_existing=True).state is RewardState.PAYABLE
    assert check_ledger() == []
