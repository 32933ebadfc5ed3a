"""What waits for somebody's decision, made as rows where the way there would take a month: a line for each form."""
from datetime import timedelta

from marketplace.bounties.models import Bounty, For
from marketplace.foundation import clock
from marketplace.foundation.db import db, transaction
from marketplace.foundation.money import Money
from marketplace.identity.models import Business, User
from marketplace.payments import ledger
from marketplace.payments.models import (
    AccountKind,
    Chargeback,
    ChargebackState,
    FrozenKind,
    FrozenPart,
    FrozenState,
    Funding,
    FundingState,
    OpenItem,
    OpenItemKind,
    Payable,
    PayableState,
    ReversalState,
    StripeMovement,
    Transfer,
    TransferReversal,
    TransferState,
)
from marketplace.referrals import lifecycle
from marketplace.referrals.desk.ruling import rule_on_buyers
from marketplace.referrals.disputes.answering import contest_claim, hand_to_admin
from marketplace.referrals.disputes.opening import open_dispute
from marketplace.referrals.disputes.subjects import Claim
from marketplace.referrals.duplicates import become_duplicate
from marketplace.referrals.models import (
    DisputeKind,
    FraudCase,
    FraudScore,
    Lead,
    Point,
    RewardState,
    Stage,
    Verdict,
)
from marketplace.referrals.queries import rewards_of_lead
from marketplace.referrals.stages import change_stage
from tests import factories as make

Elsewhere = dict[str, dict[str, str]]  # For a route, the names that its address wants.


def what_waits(bounty: Bounty, business: Business, ana: User) -> Elsewhere:
    """For a bounty with funds for five leads more."""
    return {**_disputes(bounty, business, ana), **_held(bounty, ana), **_of_transfers(bounty, business, ana),
            **_paid_oddly(bounty, business), **_unpaid(bounty, ana), **_unexplained()}


def _unexplained() -> Elsewhere:
    """Money that came to our balance at Stripe, and nobody knows why: an entry can settle it."""
    now = clock.now()
    with transaction():
        db.session.add(StripeMovement(
            id="txn_topup", type="topup", reporting_category="topup", amount_minor=7_000, fee_minor=0, net_minor=7_000,
            currency="usd", occurred_at=now, available_on=now))
        item = OpenItem(kind=OpenItemKind.TOPUP_UNEXPLAINED, subject_id="txn_topup", note="Stripe has more.",
                        amount_minor=7_000, currency="usd", last_seen_at=now)
        db.session.add(item)
        db.session.flush()
        return {"POST /admin/reconciliation/items/<item_id>/booking": {"item_id": item.id}}


def second_to(lead: Lead) -> str:
    """A lead of somebody else's for the same buyer."""
    second = make.review_lead(make.make_lead(lead.bounty, by=make.make_user("Bo Li")))
    with transaction():
        become_duplicate(db.session.get_one(Lead, second.id), of=db.session.get_one(Lead, lead.id))
    return second.id


def ruled_beside(lead: Lead, mona: User) -> str:
    """A lead of which she said that it is another buyer's, and that was told to nobody yet."""
    other = make.review_lead(make.make_lead(lead.bounty, by=make.make_user("Bo Li")))
    with transaction():
        rule_on_buyers(db.session.get_one(Lead, lead.id), db.session.get_one(Lead, other.id), by=mona, is_same=False)
    return other.id


def _talks(bounty: Bounty, ana: User, email: str) -> Lead:
    return make.consent(make.accept(make.make_lead(bounty, by=ana)), email=email)


def _disputes(bounty: Bounty, business: Business, ana: User) -> Elsewhere:
    """One that an admin has to rule on; and a lead that its business closed, about which none is open."""
    leads = [_talks(bounty, ana, f"lost{number}@example.com") for number in range(2)]
    wes = make.owner_of(business)
    for lead in leads:
        with transaction():
            change_stage(db.session.get_one(Lead, lead.id), Stage.LOST, by=wes, reason="They bought elsewhere.")
    closed, claimed = leads
    with transaction():
        dispute = open_dispute(
            db.session.get_one(Lead, claimed.id), DisputeKind.GHOST_CLOSE, by=ana, text="He bought it there, and told me so.",
            claim=Claim(clock.now().date(), Money(3_000_000, "usd")))
    with transaction():
        contest_claim(dispute, by=wes, text="That is not how it was.")
        hand_to_admin(dispute, by="system")
    return {"POST /admin/disputes/<dispute_id>/ruling": {"dispute_id": dispute.id},
            "POST /leads/<lead_id>/disputes/new": {"lead_id": closed.id},
            "POST /api/v1/leads/<lead_id>/disputes": {"lead_id": closed.id}}


def _held(bounty: Bounty, ana: User) -> Elsewhere:
    """A case of fraud that is open."""
    lead = make.accept(make.make_lead(bounty, by=ana))
    with transaction():
        look = FraudScore(lead_id=lead.id, point=Point.POINTING, score=70, verdict=Verdict.HOLD, rules_version=1,
                          reasons=[["own_device", 70, ""]])
        db.session.add(look)
        db.session.flush()
        case = FraudCase(lead_id=lead.id, about_id=ana.id, score_id=look.id, level=Verdict.HOLD, due_at=clock.now(),
                         expires_at=clock.now() + timedelta(days=30))
        db.session.add(case)
        db.session.flush()
        return {**{f"POST /admin/fraud/<case_id>/{act}": {"case_id": case.id} for act in ("keep", "release", "confirmation")},
                "GET /admin/fraud/<case_id>": {"case_id": case.id},
                "POST /leads/<lead_id>/explanation": {"lead_id": lead.id}}


def _of_transfers(bounty: Bounty, business: Business, payee: User) -> Elsewhere:
    """A transfer about which nothing was asked yet, and a debt that stands in the ledger too."""
    with transaction():
        sent = Transfer(payee_id=payee.id, business_id=business.id, destination="acct_2", amount=Money(5_000, "usd"),
                        state=TransferState.SENT, idempotency_key="key-sent-2", stripe_transfer_id="tr_2")
        db.session.add(sent)
        db.session.flush()
        db.session.add(Payable(id="reward_sent_2", payee_id=payee.id, business_id=business.id, amount=sent.amount,
                               state=PayableState.SENT, transfer_id=sent.id))
        db.session.flush()
        funds = ledger.account(AccountKind.FUNDS, bounty.id, "usd")
        ledger.move(sent.amount, source=funds, target=ledger.account(AccountKind.PAYABLE, "reward_sent_2", "usd"),
                    kind="reward_released", reference="reward_sent_2:released")
        debt = TransferReversal(
            reference="clawback_2", transfer_id=sent.id, payable_id="reward_sent_2", amount=Money(1_000, "usd"),
            credit_account_id=funds.id, state=ReversalState.OUTSTANDING, idempotency_key="key-debt-2",
            failure_code="balance_insufficient", owed_since=clock.now())
        db.session.add(debt)
        db.session.flush()
        ledger.move(debt.amount, source=ledger.account(AccountKind.RECEIVABLE, debt.id, "usd"),
                    target=ledger.account(AccountKind.CLAWBACK_DUE, debt.id, "usd"),
                    kind="receivable", reference=f"{debt.id}:outstanding")
        return {"POST /admin/transfers/<transfer_id>": {"transfer_id": sent.id},
                "POST /admin/receivables/<reversal_id>": {"reversal_id": debt.id}}


def _paid_oddly(bounty: Bounty, business: Business) -> Elsewhere:
    """A payment of another sum than was asked for."""
    with transaction():
        funding = Funding(
            business_id=business.id, purpose_id=bounty.id, requested_by=make.owner_of(business).id, amount=Money(10_000, "usd"),
            state=FundingState.FAILED, idempotency_key="key-odd", payment_intent_id="pi_odd", charge_id="ch_odd",
            failure="Stripe took another sum.")
        db.session.add(funding)
        db.session.flush()
        ledger.move(Money(9_000, "usd"), source=ledger.clearing("usd"),
                    target=ledger.account(AccountKind.UNMATCHED, funding.id, "usd"),
                    kind="funding_unmatched", reference=f"{funding.id}:unmatched")
        return {f"POST /admin/unmatched/<funding_id>/{act}": {"funding_id": funding.id} for act in ("refund", "assignment")}


def _unpaid(bounty: Bounty, ana: User) -> Elsewhere:
    """A reward whose business owes for it, since its bank took the money back a month ago."""
    lead = _talks(bounty, ana, "unpaid@example.com")
    make.win(lead)
    funding = db.session.query(Funding).filter_by(purpose_id=bounty.id, state=FundingState.PAID).first()
    assert funding is not None
    with transaction():
        reward = next(one for one in rewards_of_lead(lead) if one.whom is For.REFERRER and one.state is RewardState.PENDING)
        lifecycle.move_reward(reward, RewardState.ON_HOLD, by="system", reason="The bank took the money back.")
        over = clock.now() - timedelta(days=31)
        lost = Chargeback(
            funding_id=funding.id, business_id=funding.business_id, purpose_id=funding.purpose_id, stripe_id="du_3",
            amount=Money(100, "usd"), state=ChargebackState.LOST, stripe_status="lost", reason="general", opened_at=over,
            closed_at=over, settled_at=over)
        db.session.add(lost)
        db.session.flush()
        db.session.add(FrozenPart(chargeback_id=lost.id, kind=FrozenKind.HELD, subject_id=reward.id, amount=reward.amount,
                                  state=FrozenState.PROMISED))
        return {"POST /admin/chargebacks/<chargeback_id>/rewards/<reward_id>/voiding": {
            "chargeback_id": lost.id, "reward_id": reward.id}}
