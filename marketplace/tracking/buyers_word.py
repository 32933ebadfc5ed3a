"""The buyer says “I bought it”: the business says yes or no; silence is for the buyer's word."""
from datetime import UTC, date, datetime, time, timedelta

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.money import Money
from marketplace.foundation.show import day_in_words
from marketplace.identity.models import User
from marketplace.referrals.asking import WORD_IS_OPEN, WORD_WAITS
from marketplace.referrals.consent import BUYER
from marketplace.referrals.deadlines import add_business_days
from marketplace.referrals.kept_words import keep_words
from marketplace.referrals.lifecycle import protect_until
from marketplace.referrals.locks import lock_funds_of, lock_orders_of
from marketplace.referrals.models import ConversionSource, Lead, WitnessSaid
from marketplace.referrals.moderation import FundsGone
from marketplace.referrals.ownership import bought_elsewhere
from marketplace.referrals.queries import find_conversion, has_finding, is_found_false, taken_back_at
from marketplace.referrals.said_bought import CONFIRMED, DENIED, SAID, UNANSWERED, word_of
from marketplace.referrals.stages import check_sale_itself, is_sale_missing
from marketplace.referrals.tracked import BountyClosed
from marketplace.tracking.counting import FIRST_SALE_ONLY, count, reject, reject_word, say
from marketplace.tracking.intake import NO_FUNDS
from marketplace.tracking.lifecycle import move_report
from marketplace.tracking.models import Report, ReportKind, ReportState
from marketplace.tracking.permissions import may_report
from marketplace.tracking.report_outcomes import find_report
from marketplace.tracking.reported import Reported, columns_of
from marketplace.tracking.word_standing import (
    ANSWERED_WITHIN,
    NOT_SO,
    RECORDED,
    SAID_NO,
    TAKEN_BACK,
    WAITS_FOR_BUSINESS,
    due_of,
    is_sale_recorded,
    waits,
)

REMINDED_AFTER = 3  # Business days.
ASKED_AGAIN = timedelta(days=1)  # Whether a finding about its lead still stands.
S = ReportState


class NothingToSay(Conflict):
    code = "nothing_to_say"


class NotAsked(Conflict):
    code = "not_asked"


def may_say_bought(lead: Lead) -> bool:
    """While the buyer is introduced, no sale is recorded, and they have not said it yet. Not of a lead found false, nor
    where they bought by another one."""
    return (is_sale_missing(lead) and find_word(lead) is None and not is_found_false(lead.id)
            and not bought_elsewhere([lead]))


def find_word(lead: Lead) -> Report | None:
    return find_report(lead.business_id, ConversionSource.BUYER_CONFIRMED, lead.id)


def say_bought(lead: Lead, *, amount: Money, bought_on: date, is_proven: bool) -> Report:
    """Kept, once; the business is asked. Only a link that was mailed to the buyer can say it: one that was passed on
    may be anybody's. NothingToSay (409); Invalid for the amount or the day."""
    if not is_proven:
        raise NothingToSay("This link may have been passed on, so it cannot say what you bought.",
                           next_step="Open the page from the mail that we sent to you.")
    if is_found_false(lead.id):
        raise NothingToSay("This introduction has ended, so nothing more is recorded of it.",
                           next_step="If you bought something, the business itself can help you with it.")
    if not may_say_bought(lead):
        raise NothingToSay("The sale is recorded, or you have said it already, or this lead is over.",
                           next_step="The page shows where it stands.")
    check_sale_itself(lead, amount, bought_on)
    back = taken_back_at(lead)
    if back is not None and bought_on > back.date():
        until = f"On or before {day_in_words(back)}, when you took your yes back: a sale after that is not its doing."
        raise Invalid("You had taken your yes back by then.", fields={"bought_on": [until]})
    at = min(datetime.combine(bought_on, time(23, 59), UTC), clock.now())
    said = Reported(external_id=lead.id, kind=ReportKind.SALE, amount=amount, at=at, lead_id=lead.id)
    report = Report(**columns_of(lead.business_id, said, source=ConversionSource.BUYER_CONFIRMED, by=BUYER))
    report.lead_id = lead.id
    report.reasons = ["The buyer said that they bought, and it is their own word that says who told them."]
    db.session.add(report)
    db.session.flush()
    move_report(report, S.MATCHED, by=BUYER, reason=WAITS_FOR_BUSINESS)
    audit.record(SAID, lead.id, by=BUYER)
    now = clock.now()
    wait = add_business_days(now, ANSWERED_WITHIN) - now
    outbox.promise("send_letter", letter="buyer_says_bought", report_id=report.id)
    outbox.promise("send_letter", after=add_business_days(now, REMINDED_AFTER) - now, letter="word_reminded",
                   report_id=report.id)
    outbox.promise("count_buyers_word", after=wait, report_id=report.id)
    if lead.protected_until is not None and (lasts := now + wait + WORD_WAITS) > lead.protected_until:
        protect_until(lead, lasts, by=BUYER, reason=WORD_IS_OPEN)  # Its money is not freed while an answer is awaited.
    return report


def confirm_word(report: Report, *, by: User) -> None:
    """The business: yes, they bought."""
    require(may_report(by, report.business_id), "answer for this business")
    _check_waits(report)
    _count(report, CONFIRMED, "The business says that it is so.", by=by.id)


def deny_word(report: Report, *, by: User, why: str) -> None:
    """The business: no. Buyer and referrer are told; the referrer can dispute that a sale is missing, for thirty days
    from now, with the buyer as witness."""
    require(may_report(by, report.business_id), "answer for this business")
    _check_waits(report)
    say(report, NOT_SO)  # Why is kept with the lead, encrypted, and erased with it.
    move_report(report, S.REJECTED, by=by.id, reason=SAID_NO)
    lead = _lead(report)
    audit.record(DENIED, lead.id, by=by.id, words=keep_words(lead, why))
    outbox.promise("send_letter", letter="word_denied", report_id=report.id)


def count_buyers_word(report_id: str) -> None:
    """Job, after five business days: silence resolves for the buyer's word, and the business is told so. Not while a
    finding about its lead stands, for then nobody asks; once that has ended, the business is asked again. Nothing is
    counted that the buyer took back as witness."""
    report = db.session.get_one(Report, report_id)
    if not waits(report):
        return
    left = due_of(report) - clock.now()
    if has_finding(_lead(report).id):
        outbox.promise("count_buyers_word", after=ASKED_AGAIN, report_id=report.id)
    elif left > timedelta(0):
        outbox.promise("send_letter", letter="buyer_says_bought", report_id=report.id)
        outbox.promise("count_buyers_word", after=left, report_id=report.id)
    elif _is_taken_back(_lead(report)):
        say(report, "The buyer says now that they did not buy, and the business did not say otherwise.")
        move_report(report, S.REJECTED, by=audit.SYSTEM, reason=TAKEN_BACK)
    else:
        silence = "The business did not answer within five business days, so it counts as the buyer says."
        if _count(report, UNANSWERED, silence, by=audit.SYSTEM):
            outbox.promise("send_letter", letter="word_unanswered", report_id=report.id)


def settle_buyers_word(lead_id: str) -> None:
    """Job, when the sale is recorded by another way, or the lead is proven not genuine: nothing is left to answer."""
    lead = db.session.get_one(Lead, lead_id)
    report = find_word(lead)
    if report is not None and report.state is S.MATCHED:
        lock_funds_of(lead)
        _settle(report, lead, by=audit.SYSTEM)


def _count(report: Report, action: str, said: str, *, by: str) -> bool:
    """Whether there was anything left to count."""
    lead = _lead(report)
    _lock(lead)
    if _settle(report, lead, by=by):
        return False
    say(report, said)
    audit.record(action, lead.id, by=by)
    try:
        count(report, lead, by=by)
    except FundsGone as short:  # The business had given the lead up, and its money went elsewhere.
        say(report, f"{short.message} It is counted once there are some.")
        move_report(report, S.MATCHED, by=by, reason=NO_FUNDS)
    except BountyClosed as refusal:
        reject(report, refusal, by=by)
    return True


def _lock(lead: Lead) -> None:
    """The same buyer's sale may be counted for another lead in this moment, under another bounty."""
    lock_orders_of(lead.business_id)
    lock_funds_of(lead)


def _is_taken_back(lead: Lead) -> bool:
    _lock(lead)  # As who corrects what they said as witness does.
    word = word_of(lead)
    return word is not None and word.says is WitnessSaid.NOT_BOUGHT and find_conversion(lead) is None


def _settle(report: Report, lead: Lead, *, by: str) -> bool:
    """Whether it needs nobody's answer: the sale is there, or nothing of this lead counts any more."""
    if find_conversion(lead) is not None:
        say(report, "The sale was recorded meanwhile.")
        move_report(report, S.REJECTED, by=by, reason=RECORDED)
        outbox.promise("send_letter", letter="word_counted", report_id=report.id)
        return True
    if is_found_false(lead.id):
        count(report, lead, by=by)
        return True
    if bought_elsewhere([lead]):
        reject_word(report, FIRST_SALE_ONLY, "Their first sale is counted for another lead, and a customer has one.",
                    by=by)
        return True
    return False


def _lead(report: Report) -> Lead:
    return db.session.get_one(Lead, report.lead_id)


def _check_waits(report: Report) -> None:
    if not waits(report) or is_sale_recorded(report):
        raise NotAsked("This is answered already.", next_step="Reload the page to see where it stands.")
    if has_finding(_lead(report).id):
        raise NotAsked("A person found that this lead is not genuine, so you are not asked now.",
                       next_step="Wait until that is decided for good. If it is genuine after all, we ask you then.")
