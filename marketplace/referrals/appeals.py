"""Every refusal can be looked at again: once, in the referrer's own words, by another admin than the first."""
from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.errors import Conflict, require
from marketplace.identity.models import User
from marketplace.referrals import lifecycle
from marketplace.referrals.duplicates import give_way
from marketplace.referrals.fraud.scoring import look_again
from marketplace.referrals.models import EvidenceState, Lead, Moderation
from marketplace.referrals.permissions import is_referrer
from marketplace.referrals.pointing import start_clocks
from marketplace.referrals.queries import is_found_false
from marketplace.referrals.sharing import UNDECIDED


class AppealUsed(Conflict):
    code = "appeal_used"


class NotRefused(Conflict):
    code = "not_refused"


def may_be_appealed(lead: Lead) -> bool:
    """Once it was told, and once only; as long as there is something to look at again, and it was not found false."""
    refused = lead.moderation in {Moderation.REJECTED, Moderation.DUPLICATE}
    is_open = refused and lead.appeal is None and lead.tell_at is None and bool(lead.evidence.quote)
    return is_open and not is_found_false(lead.id)


def came_of_appeal(lead: Lead) -> str:
    """To the referrer who appealed: whether they were heard."""
    if lead.accepted_at is not None:
        return ("Nobody decided about it in time, so the lead is accepted." if lead.decided_by == audit.SYSTEM
                else "It was heard: the refusal is overturned.")
    if lead.moderation in {Moderation.REJECTED, Moderation.DUPLICATE}:
        return ("Nobody decided about it in time: why stands above." if lead.decided_by == audit.SYSTEM
                else "It was heard: the second decision stands.")
    if lead.moderation in UNDECIDED:
        return "Another admin decides, with your words beside the post."
    return "The lead ended before anybody decided about it."


def appeal_decision(lead: Lead, *, by: User, why: str) -> None:
    """rejected | duplicate -> in_review, with the decision taken back until the next one."""
    require(is_referrer(by, lead), "appeal for this lead")
    if lead.appeal is not None:
        raise AppealUsed("This was appealed once already.", next_step="The second decision stands.")
    if not lead.evidence.quote:
        raise NotRefused("What was read is erased by now, so nobody can look at it again.",
                         next_step="If the buyer still looks for it, point at them anew.")
    if is_found_false(lead.id):
        raise NotRefused("It was found that this lead is not genuine, and that stands.",
                         next_step="The lead’s page says why. What your other leads earned stays yours.")
    if not may_be_appealed(lead):
        raise NotRefused("Only a refusal can be appealed.", next_step="Reload the page to see where it stands now.")
    give_way(lead)
    lead.appeal = why
    lead.decided_at = lead.decided_by = None
    lifecycle.move(lead, Moderation.IN_REVIEW, by=by.id, reason="appeal")
    lead.submitted_at = clock.now()
    start_clocks(lead)
    look_again(lead)
    outbox.promise("send_letter", letter="appeal_came", lead_id=lead.id)
    if lead.evidence.state is EvidenceState.PENDING:  # Nobody reads the post of a duplicate, until now.
        outbox.promise("capture_evidence", lead_id=lead.id)
