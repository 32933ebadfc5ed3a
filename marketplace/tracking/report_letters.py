"""What people are told by mail of conversions: credited anew; a buyer’s “I bought it”, and what became of it."""
from collections.abc import Callable

from marketplace.foundation.db import db
from marketplace.foundation.letters import compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.foundation.money import Money, show_money
from marketplace.foundation.show import day_in_words
from marketplace.identity.models import User
from marketplace.referrals.audience import Audience
from marketplace.referrals.disputes.denied import disputes_no_until
from marketplace.referrals.letters import to_business, to_referrer
from marketplace.referrals.models import Consent, Lead, WitnessSaid
from marketplace.referrals.naming import name_of
from marketplace.referrals.queries import find_conversion
from marketplace.referrals.reward_letters import to_introduced_buyer
from marketplace.referrals.reward_words import cost_in_words
from marketplace.referrals.said_bought import word_of
from marketplace.tracking.counting import FIRST_SALE_ONLY
from marketplace.tracking.models import Reattribution, Report, ReportState
from marketplace.tracking.standing import rewards_of
from marketplace.tracking.word_standing import due_of, is_asked, say_noes


def credited_anew(moved_id: str) -> list[Mail]:
    """Both referrers and the business, with the reason."""
    made = db.session.get_one(Reattribution, moved_id)
    lead = db.session.get_one(Lead, made.lead_id)
    moved, stayed = Money(made.moved_minor, made.currency), Money(made.stayed_minor, made.currency)
    why = f"The reason: {made.reason}"
    who = f"a customer of {lead.business.name}"
    stays = f" {show_money(stayed)} that was sent before stays with you." if stayed.minor else ""
    return [
        *_to(made.from_id, lead, "Somebody else had brought this customer",
             f"An admin looked at how {who} came there and credits somebody else. {show_money(moved)} that was not "
             f"sent yet goes to them, and what may follow.{stays}", why, "If you see it differently, answer this mail.",
             action=("Open the lead", public_url(f"/leads/{lead.id}"))),
        *_to(made.to_id, lead, "A customer is yours",
             f"An admin looked at how {who} came there and credits you. {show_money(moved)} is yours, after its return "
             "period, and what may follow.", why, action=("See your rewards", public_url("/rewards"))),
        *to_business(lead, "Another referrer is credited",
                     "An admin credits another referrer with a customer of yours. You pay no more and no less.", why,
                     path=f"/conversions/{made.report_id}", label="Open the conversion"),
    ]


def buyer_says_bought(report_id: str) -> list[Mail]:
    """The business answers, yes or no; the referrer hears of it."""
    report, lead = _word(report_id)
    if not is_asked(report):
        return []
    says = "said" if _is_taken_back(lead) else "says"
    return [
        *to_business(
            lead, f"A buyer {says} that they bought from you",
            f"The buyer {_says(lead)}.",
            "Is it so? Then one button records the sale. If it is not, say so and why. "
            f"You have until {day_in_words(due_of(report))}: without an answer it counts as they say.",
            path=f"/conversions/{report.id}", label="Yes or no"),
        *to_referrer(
            lead, f"The buyer {says} that they bought",
            f"The buyer {_says(lead, f' from {lead.business.name}')}.",
            f"{lead.business.name} has until {day_in_words(due_of(report))} to say yes or no. Without an answer it "
            "counts as the buyer says."),
    ]


def word_reminded(report_id: str) -> list[Mail]:
    """The one reminder, two business days before silence counts."""
    report, lead = _word(report_id)
    if not is_asked(report):
        return []
    return to_business(
        lead, "A buyer waits for your yes or no",
        f"A buyer {_says(lead)}. They wait for your yes or no.",
        f"Without an answer by {day_in_words(due_of(report))} it counts as they say.",
        path=f"/conversions/{report.id}", label="Yes or no")


def word_unanswered(report_id: str) -> list[Mail]:
    """The business, once its silence counted."""
    report, lead = _word(report_id)
    said = {
        ReportState.APPROVED: f"The sale is recorded. {cost_in_words(rewards_of(find_conversion(lead)))} If it is not "
                              "so, an owner or a manager can dispute what it earned, on the lead’s page.",
        ReportState.MATCHED: "The bounty has no funds for it: it is recorded as soon as you have funded it.",
    }.get(report.state)
    return [] if said is None else to_business(
        lead, "A sale counts, as the buyer says",
        f"A buyer said that they bought{_what(lead)}. You were asked, and did not answer in time.", said)


def word_counted(report_id: str) -> list[Mail]:
    """The buyer; and the referrer where no letter about a reward tells them."""
    _, lead = _word(report_id)
    sale = find_conversion(lead)
    if sale is None:
        return []
    told = [] if any(one.beneficiary_id == lead.referrer_id for one in rewards_of(sale)) else to_referrer(
        lead, "The sale counts, as the buyer says",
        f"The buyer said that they bought from {lead.business.name}{_what(lead)}. The sale is recorded.",
        "What it earns stands on the lead’s page.")
    return told + _to_buyer(
        lead, "Your purchase counts", f"You said that you bought{_what(lead)}.",
        f"The sale is recorded, and what was promised to {lead.referrer.name} for introducing you goes its way.",
        "Nothing more is needed of you.")


def word_denied(report_id: str) -> list[Mail]:
    """Buyer and referrer: what the business says, and what can be done about it by when."""
    _, lead = _word(report_id)
    name, until = lead.business.name, disputes_no_until(lead)
    subject, why = "No purchase, says the business", say_noes([lead.id])[lead.id]
    may, then = "If you see it differently, answer this mail.", ""
    if until is not None:
        day = day_in_words(until)
        may = (f"If you know that they bought, you can dispute it until {day}, on the lead’s page. {name} then has to "
               "answer, and the buyer can be asked as a witness.")
        then = (f" {lead.referrer.name} reads it too, and may have it looked at until {day}; then we may ask you once "
                "what happened.")
    return [
        *to_referrer(lead, subject, f"The buyer said that they bought{_what(lead)}.", why, may),
        *_to_buyer(lead, subject, f"You said that you bought{_what(lead)}.", why,
                   f"Nothing is needed of you.{then}",
                   f"If it is a misunderstanding, tell {name} or {lead.referrer.name}."),
    ]


def word_not_counted(report_id: str) -> list[Mail]:
    """Buyer and referrer: the bounty has closed, and has nothing left for this lead; or they bought by another one."""
    report, lead = _word(report_id)
    name = lead.business.name
    why = (f"The bounty of {name} is closed, and nothing is left in it for this introduction. So no reward is paid for "
           "it.")
    then = "Nothing more happens by itself. If you see it differently, answer this mail."
    if report.reason == FIRST_SALE_ONLY:
        why = (f"The first sale at {name} is counted for another introduction, and a customer has one. So no reward is "
               "paid for this one.")
        then = ("If it was you who told them, say on the lead’s page whose buyer it is: within thirty days of that "
                "sale, or of the yes if that came later.")
    return [
        *to_referrer(lead, "A purchase earns nothing", f"The buyer said that they bought{_what(lead)}.", why, then),
        *_to_buyer(lead, "What you said of your purchase", f"You said that you bought{_what(lead)}.",
                   f"{why} Your purchase itself is not touched by that.", "Nothing is needed of you."),
    ]


def _word(report_id: str) -> tuple[Report, Lead]:
    report = db.session.get_one(Report, report_id)
    return report, db.session.get_one(Lead, report.lead_id)


def _what(lead: Lead) -> str:
    """As they say it by now: they may have corrected it as witness."""
    word = word_of(lead)
    assert word is not None
    return f" on {day_in_words(word.last_bought_on)}, for {show_money(word.last_amount)}"


def _says(lead: Lead, shop: str = "") -> str:
    if _is_taken_back(lead):
        return f"said that they bought{shop}{_what(lead)}, and says now that they did not"
    return f"says that they bought{shop}{_what(lead)}"


def _is_taken_back(lead: Lead) -> bool:
    word = word_of(lead)
    return word is not None and word.says is WitnessSaid.NOT_BOUGHT


def _to_buyer(lead: Lead, subject: str, *paragraphs: str) -> list[Mail]:
    """While their yes stands; who took it back reads it on their page."""
    return to_introduced_buyer(lead, subject, *paragraphs) if lead.consent is Consent.GRANTED else []


def _to(user_id: str, lead: Lead, subject: str, *paragraphs: str, action: tuple[str, str]) -> list[Mail]:
    person = db.session.get(User, user_id)
    if person is None or person.closed_at is not None:
        return []
    return [compose(person.email, subject, *paragraphs, name=person.name, action=action,
                    about=name_of(lead, Audience.REFERRER))]


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    letter.__name__: letter for letter in (
        credited_anew, buyer_says_bought, word_reminded, word_unanswered, word_counted, word_denied,
        word_not_counted)
}
