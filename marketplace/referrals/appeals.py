"""Every refusal can be looked at again: once, in the referrer's own words, by an admin."""
from marketplace.foundation import clock, outbox
from marketplace.foundation.errors import Conflict, require
from marketplace.identity.models import User
from marketplace.referrals import lifecycle
from marketplace.referrals.duplicates import find_live_twin
from marketplace.referrals.models import EvidenceState, Lead, Moderation
from marketplace.referrals.permissions import is_referrer
from marketplace.referrals.pointing import start_clocks


class AppealUsed(Conflict):
    code = "appeal_used"


class NotRefused(Conflict):
    code = "not_refused"


def may_be_appealed(lead: Lead) -> bool:
    return lead.moderation in {Moderation.REJECTED, Moderation.DUPLICATE} and lead.appeal is None


def appeal_decision(lead: Lead, *, by: User, why: str) -> None:
    """rejected | duplicate -> in_review, with the decision taken back until the next one."""
    require(is_referrer(by, lead), "appeal for this lead")
    if lead.appeal is not None:
        raise AppealUsed("This was appealed once already.", next_step="The second decision stands.")
    if not may_be_appealed(lead):
        raise NotRefused("Only a refusal can be appealed.", next_step="Reload the page to see where it stands now.")
    twin = find_live_twin(lead)
    if twin is not None or lead.moderation is Moderation.DUPLICATE:
        # Both now stand side by side, so this one gives up its place in the first-come indexes.
        lead.duplicate_of_id = twin.id if twin is not None else lead.duplicate_of_id
        lead.post_hash = lead.buyer_hash = lead.handle_hash = None
    lead.appeal = why
    lead.decided_at = lead.decided_by = None
    lifecycle.move(lead, Moderation.IN_REVIEW, by=by.id, reason="appeal")
    lead.submitted_at = clock.now()
    start_clocks(lead)
    if lead.evidence.state is EvidenceState.PENDING:  # Nobody reads the post of a duplicate, until now.
        outbox.promise("capture_evidence", lead_id=lead.id)
