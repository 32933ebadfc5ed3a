"""An act on a dispute by HTTP: one verb in one transaction, then back to the page; a refusal stands beside its form."""
from collections.abc import Callable
from typing import Any

from flask import redirect, url_for

from marketplace.foundation.errors import require
from marketplace.foundation.web import Form
from marketplace.identity.models import User
from marketplace.referrals.disputes.queries import get_dispute
from marketplace.referrals.models import Dispute
from marketplace.referrals.pages.acting import is_done


def act_on_dispute(
    dispute_id: str, form: Form, verb: Callable[[Dispute, User], str], *, by: User,
    may_act: Callable[[User, Dispute], Any], show: Callable[[Dispute, User, Form], str],
) -> Any:
    """``verb`` gives the sentence that says what happened; ``may_act`` is asked before a refused form is shown."""
    get_dispute(dispute_id, seen_by=by)
    if is_done(form, lambda: verb(get_dispute(dispute_id, seen_by=by), by)):
        return redirect(url_for(".show", dispute_id=dispute_id))
    dispute = get_dispute(dispute_id, seen_by=by)
    require(may_act(by, dispute), "act in this dispute")
    return show(dispute, by, form), form.status
