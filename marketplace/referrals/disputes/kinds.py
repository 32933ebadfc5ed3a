"""What each kind of dispute is about: who may claim it, who answers, and its words."""
from dataclasses import dataclass

from marketplace.referrals.models import Dispute, DisputeKind, DisputeSide, Respondent, WitnessSaid

K, S = DisputeKind, DisputeSide
FREED = "funds.freed"  # Written of a dispute: what was set aside for it and nothing was made of.


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
        "Sold without saying so", "The business closed this lead as if nothing had come of it; the referrer says that "
        "the buyer bought.",
        S.REFERRER, Respondent.BUSINESS, has_sale=True, asks_buyer=True),
    K.UNTRACKED: Kind(
        "A sale that is not recorded", "The buyer bought, says the referrer; the business has recorded nothing.",
        S.REFERRER, Respondent.BUSINESS, has_sale=True, asks_buyer=True),
    K.WRONG_AMOUNT: Kind(
        "A sale recorded too low", "The buyer paid more than what was recorded, says the referrer.",
        S.REFERRER, Respondent.BUSINESS, has_sale=True),
    K.REJECTED_UNFAIRLY: Kind(
        "A fit that was refused", "The business marked the lead as not a fit; the referrer says that it was one, and "
        "these terms pay for it.",
        S.REFERRER, Respondent.BUSINESS),
    K.DUPLICATE_OWNERSHIP: Kind(
        "Whose buyer it is", "Somebody else was counted as the one who pointed at this buyer.",
        S.REFERRER, Respondent.REFERRER),
    K.BAD_LEAD: Kind(
        "A lead that was not what it said",
        "It has earned a reward that it should not have earned, says the business.",
        S.BUSINESS, Respondent.REFERRER),
    K.NON_PAYMENT: Kind(
        "Promised and not given", "A credit or a thank-you is owed, and the referrer has not got it.",
        S.REFERRER, Respondent.BUSINESS, may_split=False),
    K.FAVOUR_NOT_KEPT: Kind(
        "A favour that was not kept", "A favour is owed, and it was not done, says the referrer.",
        S.REFERRER, Respondent.BUSINESS, may_split=False),
    K.DATA_MISUSE: Kind(
        "Misused contact data", "The business used the contact data for something else, or after its time.",
        S.BUYER, Respondent.BUSINESS, may_split=False),
}


def buyer_says_otherwise(dispute: Dispute) -> bool:
    """By the link in our mail: that they did not buy, or for another sum than is claimed. Then silence decides nothing.
    """
    word = dispute.proven_word
    return word is not None and KINDS[dispute.kind].has_sale and (
        word.said is WitnessSaid.NOT_BOUGHT or word.amount not in {None, dispute.sale})
