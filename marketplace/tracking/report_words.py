"""What a reported conversion is called, and what happens with it next, in plain words."""
from datetime import time

from marketplace.referrals.disputes.words import disputed_no_in_words, ended_in_words
from marketplace.referrals.models import ConversionSource, WitnessSaid
from marketplace.referrals.reward_words import main_reward, reward_next
from marketplace.tracking.binding import CustomerUnsaid
from marketplace.tracking.counting import NO_SALE_YET
from marketplace.tracking.intake import CLAIMED, LINK_ENDED, NO_FUNDS
from marketplace.tracking.models import Report, ReportKind, ReportState
from marketplace.tracking.refunds import SALE_UNKNOWN
from marketplace.tracking.report_outcomes import Outcome
from marketplace.tracking.word_standing import RECORDED, SAID_NO, TAKEN_BACK, WAITS_FOR_BUSINESS, is_asked

KINDS = {ReportKind.LEAD: "Lead", ReportKind.SIGN_UP: "Sign-up", ReportKind.SALE: "Sale",
         ReportKind.RENEWAL: "Renewal", ReportKind.REFUND: "Refund"}
SOURCES = {
    ConversionSource.API: "by the API", ConversionSource.STRIPE: "by your Stripe account",
    ConversionSource.CSV: "in a file",
    ConversionSource.MANUAL: "by hand", ConversionSource.LINK: "by your page", ConversionSource.CODE: "by a code",
    ConversionSource.BUYER_CONFIRMED: "by the buyer",
}
BY_REASON = {
    NO_FUNDS: "It is counted as soon as the bounty has funds again.",
    LINK_ENDED: "The code had been ended when it was said, so it credits nobody. We keep it, and ask again when a "
                "link, a lead or a sign-up of this customer arrives. A referrer who brought them can claim it.",
    CustomerUnsaid.code: "Report it once more, under an id of its own, with your id for the customer or their address: "
                         "then it counts if they had not bought before. A referrer who brought them can claim it.",
    NO_SALE_YET: "It waits for the sale that it renews.",
    SALE_UNKNOWN: "It waits for the sale that it is of.",
    CLAIMED: "A referrer claims this order, as another way told of it, or another order of this customer. Once that is "
             "decided, so is this.",
    WAITS_FOR_BUSINESS: "The business says yes or no. Without an answer it counts as the buyer says.",
    SAID_NO: "The business says that there was no purchase. Buyer and referrer are told; the referrer may dispute it.",
    TAKEN_BACK: "Nothing: the buyer says now that they did not buy.",
    RECORDED: "Nothing: the sale was recorded meanwhile, and counts once.",
}
RECORDED_SINCE = "The business had said no, and the sale was recorded since."
NOT_ASKED = ("Nobody is asked while it is not decided for good whether its lead is genuine. If it is, the business "
             "then says yes or no within five business days.")
STANDING = {
    ReportState.UNMATCHED: "We keep it and ask again whenever a link, a lead or a sign-up of this customer arrives. A "
                           "referrer who brought them can claim it.",
    ReportState.MATCHED: "Nothing more: it is noted for this customer.",
    ReportState.DUPLICATE: "Nothing: the order was counted before.",
    ReportState.REJECTED: "Nothing: it does not count. Why not stands below.",
    ReportState.DISPUTED: "A referrer claims it; the dispute decides.",
    ReportState.APPROVED: "Nothing more.",
    ReportState.RECEIVED: "We look whose it is.",
}


def says_day_alone(report: Report) -> bool:
    """Whether nobody named an hour."""
    return (report.source in {ConversionSource.BUYER_CONFIRMED, ConversionSource.MANUAL}
            or report.happened_at.timetz().replace(tzinfo=None) == time(0))


def next_in_words(outcome: Outcome, to: str | None = None) -> str:
    """``to``: who reads, where it is disputed: the id of the referrer or of the business."""
    if outcome.since and outcome.reason in {SAID_NO, TAKEN_BACK}:
        return _since_no(outcome, to)
    if outcome.rewards:
        return reward_next(main_reward(outcome.rewards))
    if outcome.report.state is ReportState.DISPUTED:
        return STANDING[ReportState.DISPUTED]
    if outcome.reason == WAITS_FOR_BUSINESS and not is_asked(outcome.report):
        return NOT_ASKED
    return BY_REASON.get(outcome.reason or "", "") or STANDING[outcome.report.state]


def _since_no(outcome: Outcome, to: str | None) -> str:
    """The sale was recorded; or it is disputed, or ruled on; or the no stands, and may be disputed."""
    since = outcome.since
    assert since is not None
    if since.sale is not None:
        earned = f" {reward_next(main_reward(outcome.rewards))}" if outcome.rewards else ""
        return f"{RECORDED_SINCE if outcome.reason == SAID_NO else 'The sale was recorded since.'}{earned}"
    if since.dispute is not None and since.is_disputed:
        return disputed_no_in_words(since.dispute, since.word.said if since.word else WitnessSaid.BOUGHT, to)
    if since.dispute is not None and since.is_ruled_against:
        return f"It is not counted. {ended_in_words(since.dispute, to)}"
    return BY_REASON[outcome.reason or SAID_NO]
