"""What each kind of dispute is about: who may claim it, who answers, and its words."""
from dataclasses import dataclass

from marketplace.referrals.models import DisputeKind, DisputeSide, Respondent

K, S = DisputeKind, DisputeSide


@dataclass(frozen=True)
class Kind:
    """``has_sale``: the claim names a sale, its day and value. ``may_split``: an admin may give a part of it."""

    title: str
    says: str
    claimant: DisputeSide
    respondent: Respondent
    has_sale: bool = False
    may_split: bool = True
    asks_buyer: bool = False  # The buyer is asked what happened, once it is contested.


KINDS: dict[DisputeKind, Kind] = {
    K.GHOST_CLOSE: Kind(
        "They sold it and did not tell me", "The business says that nothing came of this lead. You say that they sold.",
        S.REFERRER, Respondent.BUSINESS, has_sale=True, asks_buyer=True),
    K.UNTRACKED: Kind(
        "They bought, and it is not recorded", "The buyer bought; the business has not recorded the sale.",
        S.REFERRER, Respondent.BUSINESS, has_sale=True, asks_buyer=True),
    K.WRONG_AMOUNT: Kind(
        "The sale was larger than recorded", "What was recorded is less than what the buyer paid.",
        S.REFERRER, Respondent.BUSINESS, has_sale=True),
    K.REJECTED_UNFAIRLY: Kind(
        "They say it is not a fit, and it was", "The business marked the lead as not a fit, and these terms pay for a "
        "qualified lead.", S.REFERRER, Respondent.BUSINESS),
    K.DUPLICATE_OWNERSHIP: Kind(
        "This buyer is mine", "Somebody else was counted as the one who pointed.", S.REFERRER, Respondent.REFERRER),
    K.BAD_LEAD: Kind(
        "This lead was not what it said", "The lead has earned a reward that it should not have earned.",
        S.BUSINESS, Respondent.REFERRER),
    K.NON_PAYMENT: Kind(
        "I did not get what was promised", "A credit or a thank-you is owed and was not given.",
        S.REFERRER, Respondent.BUSINESS, may_split=False),
    K.FAVOUR_NOT_KEPT: Kind(
        "A favour was not kept", "A favour is owed and was not done.",
        S.REFERRER, Respondent.BUSINESS, may_split=False),
    K.DATA_MISUSE: Kind(
        "My data was misused", "The business used the contact data for something else, or after its time.",
        S.BUYER, Respondent.BUSINESS, may_split=False),
}
