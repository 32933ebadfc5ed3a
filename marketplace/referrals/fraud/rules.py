"""The rules of fraud as data: when each is looked for, its weight, and its words. Change VERSION with any of them."""
from dataclasses import dataclass
from datetime import timedelta

from marketplace.referrals.models import Point, Verdict

VERSION = 3
LONGER_FROM, HOLD_FROM, STOP_FROM = 30, 60, 100
LONGER_BY = timedelta(days=14)  # Added to the return period.
HOLD_ENDS_AFTER = timedelta(days=30)  # Unless an admin keeps it, for as long again.
ASKING_TAKES = timedelta(days=14)  # Before the month of a buyer who was not told is over: no hold lasts into that.
APPEAL_WITHIN = timedelta(days=14)  # Of a confirmation; nothing is taken from anybody before.

P, C, S, T = Point.POINTING, Point.CONSENT, Point.CONVERSION, Point.TRANSFER
SAME_PERSON = "same person"
NEW_HERE = "new here"  # Everybody is, once: too little to make a hold of what is only lengthened.


@dataclass(frozen=True)
class Rule:
    """``says`` is for admins, with ``{}`` for what was counted; ``plainly`` for the person concerned, accusing nobody.

    ``group``: of rules that see the same thing only the heaviest counts.
    """

    key: str
    points: frozenset[Point]
    weight: int
    says: str
    plainly: str
    group: str = ""


def _rule(key: str, points: set[Point], weight: int, *words: str, group: str = "") -> Rule:
    says, plainly = words
    return Rule(key, frozenset(points), weight, says, plainly, group)


_ALL = (
    _rule("own_address", {P, C}, 100,
          "The buyer’s address is that of the referrer or of one of the business’s own people.",
          "The buyer’s address is one of your own, or of somebody who works at the business.", group=SAME_PERSON),
    _rule("own_device", {C}, 70, "The yes came from a browser on which the referrer signs in.",
          "The yes came from a device that you use yourself.", group=SAME_PERSON),
    _rule("own_network", {C}, 50,
          "The yes came within a day from the referrer’s network, by a browser of the same kind.",
          "The yes came from the network that you used, by a browser like yours.", group=SAME_PERSON),
    _rule("near_network", {C}, 15, "The yes came from a network that the referrer has used.",
          "The yes came from a network that you have used.", group=SAME_PERSON),
    _rule("same_firm", {P, C}, 60, "The addresses of referrer and buyer are of the same firm.",
          "You and the buyer have addresses of the same firm."),
    _rule("insider", {P, C}, 100, "The referrer’s address is of the firm that owns the bounty.",
          "Your address is of the firm that pays this bounty."),
    _rule("member_device", {P, S}, 70, "The referrer uses a browser on which somebody of the business signs in.",
          "Somebody who works at the business has used the same device as you.", group="inside"),
    _rule("phone_of_others", {C}, 60, "The same phone number stands for several buyers of this referrer.",
          "The phone number is that of another buyer whom you pointed at."),
    _rule("thrown_away", {P, C}, 40, "The buyer’s address is of a service for addresses that are thrown away.",
          "The buyer’s address is of a service for throw-away addresses."),
    _rule("thrown_away_often", {P, C}, 30, "Several buyers of this referrer have such an address: {}.",
          "Several of your buyers have throw-away addresses."),
    _rule("role_address", {P, C}, 30, "The buyer’s address is that of an office (info, sales, ...), not of a person.",
          "The buyer’s address is that of an office, not of a person."),
    _rule("many_at_once", {P}, 40, "Many leads at once: {}.",
          "You pointed at unusually many buyers in a short time.", group="pace"),
    _rule("storm", {P}, 60, "Far more leads at once than a person points at: {}.",
          "You pointed at far more buyers in an hour than a person can read about.", group="pace"),
    _rule("few_accepted", {P}, 40, "Few of the referrer’s leads were accepted: {}.",
          "Few of your earlier leads were accepted."),
    _rule("automated", {P}, 25, "A program pointed, not a person at a browser.", "A program filled in the form."),
    _rule("several_accounts", {P}, 40, "Other accounts that pointed at this business use the same browser: {}.",
          "Other accounts that pointed at this business were used on the same device."),
    _rule("copied_post", {P}, 60, "The text is that of another lead’s post, under another author’s name.",
          "The text of the post stands at another address too, under another name.", group="copied"),
    _rule("like_another", {P}, 30, "The text is that of another lead’s post, and nobody can tell who wrote it.",
          "The text of the post stands at another address too.", group="copied"),
    _rule("own_post", {P}, 60, "The post’s author has the referrer’s own name.",
          "The author of the post has the same name as you."),
    _rule("ring", {P, S}, 60, "Two businesses’ people point at each other: {} times each way in 30 days.",
          "You and people of this business point at each other’s bounties often."),
    _rule("takes_all", {S, T}, 60,
          "Of the bounty’s rewards {} went to this referrer, who shares a network with its people.",
          "Nearly all rewards of this bounty went to you, and you share a network with people of the business.",
          group="inside"),
    _rule("large_reward", {S}, 30, "The reward is more than five times what this business usually pays.",
          "The reward is far larger than this business’s others."),
    _rule("fresh_money", {S, T}, 9, "The bounty was paid for less than a week ago.",
          "The business paid for this bounty only a few days ago.", group=NEW_HERE),
    # Light: the bank's warning holds the money itself until an admin has looked, and the referrer did nothing.
    _rule("suspected_money", {S, T}, 20, "The payer’s bank has reported a payment for this bounty as fraud.",
          "The bank of the business has a question about its payment."),
    _rule("new_referrer", {S, T}, 9, "It is among the referrer’s first three payments.",
          "It is among the first payments to you.", group=NEW_HERE),
    _rule("one_bank", {T}, 80, "The referrer’s bank account or card is that of {} other accounts too.",
          "Your bank account is used by another account as well."),
    _rule("own_card", {T}, 100, "The referrer’s bank account or card is the one that paid for the bounty.",
          "Your card or bank account is the one that paid for this bounty."),
    _rule("fraud_before", {P}, 60, "An earlier lead of this referrer was confirmed to be fraud: {}.",
          "An earlier lead of yours was found not to be genuine."),
)
RULES = {rule.key: rule for rule in _ALL}


def add_up(found: dict[str, str]) -> int:
    """``found``: what was counted, by the rule's key. Of a group only the heaviest counts."""
    heaviest: dict[str, int] = {}
    for key in found:
        rule = RULES[key]
        group = rule.group or key
        heaviest[group] = max(heaviest.get(group, 0), rule.weight)
    return sum(heaviest.values())


def judge(score: int) -> Verdict:
    if score >= STOP_FROM:
        return Verdict.STOP
    if score >= HOLD_FROM:
        return Verdict.HOLD
    return Verdict.LONGER if score >= LONGER_FROM else Verdict.PASS
