"""How old the post was when it was pointed out; one that is older than the terms take needs a reason."""
from datetime import date, datetime

from marketplace.foundation import clock
from marketplace.foundation.errors import Invalid
from marketplace.foundation.mail_reading import day_of_mail
from marketplace.referrals.evidence_files import files_of
from marketplace.referrals.models import FileKind, Lead


class TooOld(Invalid):
    """Not a refusal of the lead: a reason is missed."""

    code = "post_is_old"


class NotYet(Invalid):
    code = "day_to_come"


def days_old(lead: Lead) -> int | None:
    """On the day it was pointed out. By the page's own word, else by the referrer's; None where neither says."""
    written_on = lead.evidence.published_on or lead.evidence.said_on
    made_at: datetime | None = lead.created_at  # None of one that is not in the database yet.
    pointed_at = lead.submitted_at if made_at is None else made_at
    return None if written_on is None else (pointed_at.date() - written_on).days


def days_old_by_mails(lead: Lead) -> list[int]:
    """Of each mail that was given and says when it was written, on the day the lead was pointed out."""
    days = [day_of_mail(file.text or "") for file in files_of(lead) if file.kind is FileKind.EMAIL]
    return [(lead.created_at.date() - day).days for day in days if day is not None]


def lacks_reason(lead: Lead) -> bool:
    days = days_old(lead)
    return days is not None and days > lead.terms.evidence_days and not lead.evidence.age_reason


def ask_why_it_holds(lead: Lead) -> str:
    """The question to the referrer."""
    return (f"The post was {days_old(lead)} days old when you pointed it out, and these terms take posts of "
            f"{lead.terms.evidence_days} days without a question. Tell us why the need still holds: did they say so "
            "again, or answer you? Your answer goes to the moderator.")


def check_said_day(said_on: date | None, age_reason: str | None, *, allowed: int) -> None:
    """Before a lead is made, of the day that the referrer names; ``allowed`` is in days. TooOld, NotYet (422)."""
    today = clock.now().date()
    if said_on is None:
        return
    if said_on > today:
        raise NotYet("That day is still to come.", fields={"said_on": ["Choose the day on which they said it."]})
    if (today - said_on).days > allowed and not age_reason:
        raise TooOld(f"What was said more than {allowed} days ago needs a reason.", fields={
            "age_reason": [f"These terms take {allowed} days without a reason. Say why the need still holds."]})
