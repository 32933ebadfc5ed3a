"""An admin rules on a dispute, with a reason that both sides read; or takes up what a serial claimant claims."""
from datetime import date

from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.money import BASIS, Money, show_money
from marketplace.foundation.states import check_move
from marketplace.foundation.web import check_version
from marketplace.identity.models import User
from marketplace.referrals.desk.deciders import SecondAdminNeeded
from marketplace.referrals.disputes import lifecycle
from marketplace.referrals.disputes.ending import end_for_claimant, end_for_respondent
from marketplace.referrals.disputes.kinds import KINDS
from marketplace.referrals.disputes.opening import take_up
from marketplace.referrals.disputes.permissions import has_no_stake, judges_own
from marketplace.referrals.disputes.queries import lock_dispute
from marketplace.referrals.disputes.remedies import Finding
from marketplace.referrals.models import (
    Dispute,
    DisputeKind,
    DisputeState,
    Ending,
    Lead,
    WitnessSaid,
    WitnessWord,
)
from marketplace.referrals.queries import find_conversion
from marketplace.referrals.sale_value import recorded_value
from marketplace.referrals.stages import check_sale_itself

D = DisputeState
OUTCOMES = (D.RESOLVED_FOR_CLAIMANT, D.RESOLVED_FOR_RESPONDENT, D.SPLIT)
SHORTEST_REASON = 10


class NotForAdmin(Conflict):
    code = "not_for_admin"


def rule(
    dispute: Dispute, *, by: User, outcome: DisputeState, reason: str, share_bps: int | None = None,
    sale: Money | None = None, sold_on: date | None = None, version: int | None = None,
) -> None:
    """escalated -> resolved_for_claimant | resolved_for_respondent | split, and what follows from it is posted.

    ``share_bps``: of a split, what the claimant gets of what is at issue; ``sale``, ``sold_on``: the sale as found,
    else as claimed; where the buyer says otherwise by now, sum and day have to be said, but for a day that they name.
    An open one can only be turned down: it is taken up first.
    """
    _check_ruler(dispute, by, "rule on this dispute")
    lead = lock_dispute(dispute)
    check_version(dispute, version)
    if outcome not in OUTCOMES:
        raise Invalid("Choose how it ends.", fields={"outcome": ["For one side, the other, or split."]})
    check_move(lifecycle.DISPUTE_MOVES, dispute.state, outcome)
    if dispute.state not in (D.ESCALATED, D.OPEN):
        raise NotForAdmin("It is the sides’ turn.", next_step="It comes to you once it is taken to an admin.")
    if len(reason) < SHORTEST_REASON:
        raise Invalid("Say why: both sides read it.", fields={"reason": ["Say why, in a sentence or two."]})
    dispute.ruled_by, dispute.ruling = by.id, reason
    if outcome is D.RESOLVED_FOR_RESPONDENT:
        end_for_respondent(dispute, ended_by=Ending.RULING, by=by.id)
        return
    share = _share(dispute, outcome, share_bps)
    if other := other_word(dispute):
        sold_on = sold_on or other.bought_on
        _check_said(dispute, sale, sold_on)
    found = sale or dispute.sale
    if found is not None and (sale or sold_on) and KINDS[dispute.kind].has_sale:
        check_sale_itself(lead, found, sold_on or dispute.happened_on)
        _check_is_more(dispute, lead, found)
    end_for_claimant(dispute, ended_by=Ending.RULING, by=by.id, finding=Finding(share, sale, sold_on))


def other_word(dispute: Dispute) -> WitnessWord | None:
    """What the buyer says by the link in our mail, where they have corrected it, or deny the purchase: then what the
    claimant says of the sale stands for nothing."""
    word = dispute.proven_word
    is_other = word is not None and (word.is_corrected or word.said is WitnessSaid.NOT_BOUGHT)
    return word if is_other and KINDS[dispute.kind].has_sale else None


def _check_said(dispute: Dispute, sale: Money | None, sold_on: date | None) -> None:
    missing = {} if sale else {"amount": ["The sale, as you find it."]}
    if sold_on is None and dispute.kind is not DisputeKind.WRONG_AMOUNT:
        missing["sold_on"] = ["The day of the sale, as you find it."]
    if missing:
        raise Invalid("The buyer says something else by now: read it, and say what the sale was, and when.",
                      fields=missing)


def _check_ruler(dispute: Dispute, by: User, action: str) -> None:
    require(has_no_stake(by, dispute), action)
    if judges_own(by, dispute):
        raise SecondAdminNeeded("It is about a decision of yours, so another admin rules.",
                                next_step="Leave it to them: both sides can add what they know meanwhile.")


def _check_is_more(dispute: Dispute, lead: Lead, sale: Money) -> None:
    recorded = find_conversion(lead)
    if dispute.kind is not DisputeKind.WRONG_AMOUNT or recorded is None:
        return
    before = recorded_value(recorded)
    if sale <= before:
        raise Invalid(f"{show_money(before)} is recorded already: to leave it at that, rule for the business.",
                      fields={"amount": [f"More than {show_money(before)}."]})


def _share(dispute: Dispute, outcome: DisputeState, share_bps: int | None) -> int:
    if outcome is not D.SPLIT:
        return BASIS
    if not KINDS[dispute.kind].may_split:
        raise Invalid("This cannot be divided.", fields={"outcome": ["For one side or the other."]})
    if share_bps is None or not 0 < share_bps < BASIS:
        raise Invalid("Say how much of it the claimant gets.",
                      fields={"share_percent": ["More than 0 and less than 100 %."]})
    return share_bps


def take_up_dispute(dispute: Dispute, *, by: User) -> None:
    """open -> awaiting_response: what was ruled on before, or somebody who has lost many, is heard all the same."""
    _check_ruler(dispute, by, "take up this dispute")
    lock_dispute(dispute)
    check_move(lifecycle.DISPUTE_MOVES, dispute.state, D.AWAITING_RESPONSE)
    take_up(dispute, by=by.id)
