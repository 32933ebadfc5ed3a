"""What a reported conversion is called, and what happens with it next, in plain words."""
from marketplace.referrals.models import ConversionSource
from marketplace.referrals.reward_words import main_reward, reward_next
from marketplace.tracking.binding import CustomerUnsaid
from marketplace.tracking.buyers_word import (
    RECORDED,
    SAID_NO,
    WAITS_FOR_BUSINESS,
    is_asked,
    is_sale_recorded,
)
from marketplace.tracking.counting import NO_SALE_YET
from marketplace.tracking.intake import CLAIMED, LINK_ENDED, NO_FUNDS
from marketplace.tracking.models import ReportKind, ReportState
from marketplace.tracking.refunds import SALE_UNKNOWN
from marketplace.tracking.report_outcomes import Outcome

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
    CLAIMED: "A referrer claims this order, as another way told of it. Once that is decided, so is this.",
    WAITS_FOR_BUSINESS: "The business says yes or no. Without an answer it counts as the buyer says.",
    SAID_NO: "The business says that there was no purchase. Buyer and referrer are told; the referrer may dispute it.",
    RECORDED: "Nothing: the sale was recorded meanwhile, and counts once.",
}
RECORDED_SINCE = "Nothing more: the business had said no, and the sale was recorded since."
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


def next_in_words(outcome: Outcome) -> str:
    if outcome.rewards:
        return reward_next(main_reward(outcome.rewards))
    if outcome.report.state is ReportState.DISPUTED:
        return STANDING[ReportState.DISPUTED]
    if outcome.reason == WAITS_FOR_BUSINESS and not is_asked(outcome.report):
        return NOT_ASKED
    if outcome.reason == SAID_NO and is_sale_recorded(outcome.report):
        return RECORDED_SINCE
    return BY_REASON.get(outcome.reason or "", "") or STANDING[outcome.report.state]
