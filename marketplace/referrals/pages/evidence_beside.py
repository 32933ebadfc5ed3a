"""What stands beside the evidence on every page that shows it: later looks, given files, the platform."""
from typing import Any

from marketplace.foundation.platforms import recognise
from marketplace.identity.models import User
from marketplace.referrals.check_words import checks_of, say_check
from marketplace.referrals.evidence_files import files_of, may_see_files, pages_of
from marketplace.referrals.models import Lead


def evidence_beside(lead: Lead, *, is_seen: bool, by: User | None) -> dict[str, Any]:
    """``is_seen``: whether the reader may see the evidence; else there is nothing, whatever is kept. ``by`` is None for
    the buyer."""
    if not is_seen:
        return {"checks": [], "files": [], "pages": {}, "platform": None}
    url, may_see = lead.evidence.url, may_see_files(by, lead)
    return {"checks": [(check, say_check(check)) for check in checks_of(lead)],
            "files": files_of(lead) if may_see else [], "pages": pages_of(lead) if may_see else {},
            "platform": recognise(url) if url else None}
