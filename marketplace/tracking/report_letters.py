"""What people are told by mail of conversions: credited anew, a buyer who says that they bought."""
from collections.abc import Callable

from marketplace.foundation.db import db
from marketplace.foundation.letters import compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.foundation.money import Money, show_money
from marketplace.foundation.show import day_in_words
from marketplace.identity.models import User
from marketplace.referrals.letters import to_members
from marketplace.referrals.models import Lead
from marketplace.tracking.models import Reattribution, Report, ReportState


def credited_anew(moved_id: str) -> list[Mail]:
    """Both referrers and the business, with the reason."""
    made = db.session.get_one(Reattribution, moved_id)
    lead = db.session.get_one(Lead, made.lead_id)
    moved, stayed = Money(made.moved_minor, made.currency), Money(made.stayed_minor, made.currency)
    why = f"The reason: {made.reason}"
    who = f"a customer of {lead.business.name}"
    stays = f" {show_money(stayed)} that was sent before stays with you." if stayed.minor else ""
    return [
        *_to(made.from_id, f"{lead.business.name}: somebody else had brought this customer",
             f"An admin looked at how {who} came there and credits somebody else. {show_money(moved)} that was not "
             f"sent yet goes to them, and what may follow.{stays}", why, "If you see it differently, answer this mail.",
             action=("Open the lead", public_url(f"/leads/{lead.id}"))),
        *_to(made.to_id, f"{lead.business.name}: a customer is yours",
             f"An admin looked at how {who} came there and credits you. {show_money(moved)} is yours, after its return "
             "period, and what may follow.", why, action=("See your rewards", public_url("/rewards"))),
        *to_members(lead.business, "A customer was credited to another referrer",
                    "An admin credits another referrer with a customer of yours. You pay no more and no less.", why,
                    path=f"/conversions/{made.report_id}", label="Open the conversion"),
    ]


def buyer_says_bought(report_id: str) -> list[Mail]:
    """The business: it records the sale, or says that there was none."""
    report = db.session.get_one(Report, report_id)
    if report.state is not ReportState.MATCHED or report.amount is None or report.lead_id is None:
        return []
    lead = db.session.get_one(Lead, report.lead_id)
    return to_members(
        lead.business, "A buyer says that they bought from you",
        f"The buyer of a lead of {day_in_words(lead.created_at)} says that they bought on "
        f"{day_in_words(report.happened_at)}, for {show_money(report.amount)}.",
        "Is it so? Then one button records the sale. If it is not, say so and why. Without an answer within five "
        "business days it counts as they say.", path=f"/conversions/{report.id}", label="Yes or no")


def _to(user_id: str, subject: str, *paragraphs: str, action: tuple[str, str]) -> list[Mail]:
    person = db.session.get(User, user_id)
    if person is None or person.closed_at is not None:
        return []
    return [compose(person.email, subject, *paragraphs, name=person.name, action=action)]


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    "credited_anew": credited_anew, "buyer_says_bought": buyer_says_bought,
}
