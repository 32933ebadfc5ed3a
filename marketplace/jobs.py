"""Every background job, by name; also how news of a lower package reaches a higher one."""
from collections.abc import Callable
from datetime import timedelta

from marketplace.bounties import publishing
from marketplace.bounties.models import Bounty
from marketplace.foundation import mail, outbox
from marketplace.foundation.db import db
from marketplace.foundation.mail import Mail
from marketplace.foundation.outbox import Errand, Jobs
from marketplace.identity.letters import LETTERS as IDENTITY_LETTERS
from marketplace.payments.jobs import PAYMENTS_JOBS
from marketplace.payments.models import Funding
from marketplace.referrals import asking, clawbacks, evidence, moderation, rewards, screening
from marketplace.referrals.letters import LETTERS as REFERRALS_LETTERS

LETTERS: dict[str, Callable[..., list[Mail]]] = {**IDENTITY_LETTERS, **REFERRALS_LETTERS}


def send_letter(letter: str, **arguments: str) -> None:
    """Compose from what is true now, then send; the job tried again has the same message ids, another job others."""
    for number, composed in enumerate(LETTERS[letter](**arguments)):
        mail.send(composed, dedupe_id=f"{outbox.job_in_hand()}:{number}")


def _nothing_to_keep(outcome: object, **arguments: str) -> None:
    """A letter leaves no trace but the tick of its job."""


def note_funding(funding_id: str) -> None:
    """Payments says that a funding was paid: its bounty may go on; one closed meanwhile gives it back."""
    bounty = db.session.get(Bounty, db.session.get_one(Funding, funding_id).purpose_id)
    if bounty is not None:
        publishing.note_funds_came_free(bounty)


JOBS: Jobs = {
    **PAYMENTS_JOBS,
    "send_letter": Errand(send_letter, _nothing_to_keep),
    "capture_evidence": Errand(evidence.read_evidence, evidence.keep_evidence),
    "begin_review": screening.begin_review,
    "remind_moderators": moderation.remind_moderators,
    "accept_by_default": moderation.accept_by_default,
    "expire_unanswered": moderation.expire_unanswered,
    "remind_buyer": asking.remind_buyer,
    "end_asking": asking.end_asking,
    "end_protection": asking.end_protection,
    "release_reward": rewards.release_reward,
    "note_transfer": rewards.note_transfer,
    "note_reversal": clawbacks.note_reversal,
    "note_funding": note_funding,
    "return_free_funds": publishing.return_free_funds,
    "resume_when_funded": publishing.resume_when_funded,
}

# How often the worker promises what nobody asks for. Each is safe to run twice, or at any moment.
SCHEDULE: dict[str, timedelta] = {}
