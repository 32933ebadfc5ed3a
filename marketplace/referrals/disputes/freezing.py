"""The sum at issue waits until the dispute is over: of a reward that much, of what is not earned yet free funds."""
from marketplace.bounties.models import For
from marketplace.bounties.publishing import note_funds_came_free, pause_if_out_of_funds
from marketplace.foundation import audit
from marketplace.foundation.db import db
from marketplace.foundation.money import Money, zero
from marketplace.payments import ledger
from marketplace.payments.disputes.debts import raise_debt
from marketplace.payments.disputes.freezing import frozen_of
from marketplace.payments.models import AccountKind
from marketplace.payments.money_in import funds
from marketplace.referrals.at_issue import freeze_reward, thaw_what_was_at_issue
from marketplace.referrals.disputes.kinds import FREED
from marketplace.referrals.disputes.subjects import NOT_SENT
from marketplace.referrals.models import Dispute, DisputeKind, Lead, Reward
from marketplace.referrals.queries import rewards_of_lead
from marketplace.referrals.reserving import ON_TOP, still_possible, what_stays


def freeze(dispute: Dispute, cost: Money) -> None:
    """``cost``: of what is not earned yet, with fees; as much as is free is kept for it, also once the lead is over."""
    lead = db.session.get_one(Lead, dispute.lead_id)
    for reward, amount in rewards_at_issue(dispute):
        freeze_reward(dispute, reward, amount)
    if cost.minor:
        kept = funds.reserved_for(lead.id, cost.currency)
        below = min(still_possible(lead), kept) if dispute.kind in ON_TOP else zero(cost.currency)
        set_aside(lead, cost + below)
        there = funds.reserved_for(lead.id, cost.currency) - below
        dispute.reserved_minor = max(min(cost.minor, there.minor), 0)
        pause_if_out_of_funds(lead.bounty)


def thaw(dispute: Dispute) -> None:
    """What was at issue of rewards goes on."""
    payees = {reward.beneficiary_id for reward, _ in rewards_at_issue(dispute) if reward.beneficiary_id}
    thaw_what_was_at_issue(dispute, payee_ids=sorted(payees))


def free_set_aside(dispute: Dispute) -> None:
    """Of what was set aside for it, all that nothing was made of and the lead does not need."""
    if not dispute.reserved_minor:
        return
    lead = db.session.get_one(Lead, dispute.lead_id)
    before = funds.reserved_for(lead.id, dispute.currency)
    left = before - dispute.reserved
    funds.free_beyond(lead.id, bounty_id=lead.bounty_id, keep=max(left, what_stays(lead)), why="the dispute is over")
    freed = before - funds.reserved_for(lead.id, dispute.currency)
    if freed.minor > 0:
        audit.record(FREED, dispute.id, by=audit.SYSTEM, amount_minor=freed.minor)
    note_funds_came_free(lead.bounty)
    dispute.reserved_minor = 0


def rewards_at_issue(dispute: Dispute) -> list[tuple[Reward, Money]]:
    """Each with as much of it as is disputed."""
    if dispute.kind is DisputeKind.BAD_LEAD:
        reward = db.session.get_one(Reward, dispute.about_id)
        return [(reward, min(dispute.at_issue, reward.net))]
    if dispute.kind is DisputeKind.DUPLICATE_OWNERSHIP:
        owner = db.session.get_one(Lead, dispute.about_id)
        return [(one, one.net) for one in rewards_of_lead(owner)
                if one.whom is For.REFERRER and one.beneficiary_id == owner.referrer_id and one.state in NOT_SENT]
    return []


def set_aside(lead: Lead, cost: Money) -> Money:
    """funds -> reserved, of what is short and free. Gives how much."""
    short = cost - funds.reserved_for(lead.id, cost.currency) - frozen_of(lead.id, cost.currency)
    amount = max(min(short, funds.free_funds(lead.bounty_id, cost.currency)), zero(cost.currency))
    funds.reserve(lead.id, bounty_id=lead.bounty_id, amount=amount)
    return amount


def find_money(dispute: Dispute, lead: Lead, cost: Money) -> None:
    """All of ``cost`` is reserved: out of free funds, and what is missing the business owes."""
    set_aside(lead, cost)
    owed = cost - funds.reserved_for(lead.id, cost.currency) - frozen_of(lead.id, cost.currency)
    if owed.minor > 0:
        raise_debt(dispute.id, owed, target=ledger.account(AccountKind.RESERVED, lead.id, cost.currency),
                   business_id=lead.business_id, purpose_id=lead.bounty_id)


def find_money_on_top(dispute: Dispute, lead: Lead, cost: Money) -> None:
    """The same, beside what is kept for what may still come of the sale."""
    there = funds.reserved_for(lead.id, cost.currency) + frozen_of(lead.id, cost.currency) - dispute.reserved
    find_money(dispute, lead, cost + max(min(still_possible(lead), there), zero(cost.currency)))
