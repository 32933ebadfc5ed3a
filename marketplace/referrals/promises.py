"""A bounty's terms in plain words for all three: what the business, the referrer and the buyer can rely on.

Made of the terms and of the constants that the rules themselves use; nothing here promises anything.
"""
from dataclasses import dataclass

from marketplace.bounties.disclosure import disclose
from marketplace.bounties.gate import place_in_words, rule_on_terms, rules_in_force
from marketplace.bounties.models import Allowed, Bounty, GateRule, Terms
from marketplace.bounties.preview import cost_arithmetic, plain_terms, reward_in_words
from marketplace.bounties.rule_words import rule_in_words
from marketplace.bounties.rules import worst_case
from marketplace.foundation.jurisdictions import name_of
from marketplace.foundation.money import show_money
from marketplace.foundation.show import day_in_words
from marketplace.referrals.asking import LONGEST_CONSENT
from marketplace.referrals.contact import PURPOSE
from marketplace.referrals.deadlines import ACCEPTED_BY_DEFAULT, ACTIVITY_EXTENDS, DECISION_DUE, INFO_WAITED_FOR
from marketplace.referrals.disputes.opening import ANSWERED_WITHIN
from marketplace.referrals.disputes.subjects import OPEN_WITHIN
from marketplace.referrals.letters import REASONS
from marketplace.referrals.models import ReasonCode
from marketplace.referrals.other_answers import LATER_WEEKS
from marketplace.referrals.reward_words import buyer_share_in_words

Lines = list[tuple[str, str]]
ALLOWED = {Allowed.THANK_YOU: "A thank-you at most", Allowed.NOTHING: "Nothing at all"}


@dataclass(frozen=True)
class Promises:
    """Each list is of (question, answer)."""

    of_business: Lines
    of_referrer: Lines
    of_buyer: Lines
    of_law: Lines


def promises_of(bounty: Bounty, terms: Terms) -> Promises:
    return Promises(_of_business(bounty, terms), _of_referrer(bounty, terms), _of_buyer(bounty, terms), _of_law(terms))


def _of_business(bounty: Bounty, terms: Terms) -> Lines:
    said = dict(plain_terms(terms))
    return [
        ("What it offers", f"{bounty.title}. {_where(terms)}"),
        ("What counts as a lead", " · ".join(terms.criteria)),
        ("What it pays", f"{_capital('; '.join(rule_in_words(rule, terms.currency) for rule in terms.rules))}."),
        *([("At the very most", said["At the very most"])] if "At the very most" in said else []),
        ("What it sets aside", _set_aside(terms)),
        *_if_refunded(terms),
        ("Whose buyer it is", (f"The referrer’s for {_days(terms.protection_days)} from acceptance, once "
         f"{_days(ACTIVITY_EXTENDS.days)} more while talks go on. A sale in that time earns the reward.")),
        ("If it is silent", ("If the referrer opens a dispute, over a sale that was not recorded or anything else, and "
         f"it does not answer within {ANSWERED_WITHIN} business days, that ends for the referrer.")),
        ("What it gets of the buyer", ("Nothing before their yes to it; then their name, the one address or number "
         "that they chose, the sentence and where it was read, and what the referrer wrote and gave with it: until the "
         "day they chose, for this need only. It may not pass it on.")),
    ]


def _if_refunded(terms: Terms) -> Lines:
    """No money, nothing that comes back."""
    if not worst_case(terms).minor:
        return []
    return [("If the sale is refunded", (
        f"The return period is {_days(terms.hold_days)}. The part of the reward that the refunded part earned comes "
        "back to it, with that part of our fee."))]


def _set_aside(terms: Terms) -> str:
    if not worst_case(terms).minor:
        return "Nothing: it promises no money, so there is no fee either."
    arithmetic = "; ".join(f"{words}: {show_money(amount)}" for words, amount in cost_arithmetic(terms))
    return f"For each accepted lead, before the buyer is asked, out of what it paid in. {arithmetic}."


def _of_referrer(bounty: Bounty, terms: Terms) -> Lines:
    openly = disclose(terms, rule_on_terms(terms), bounty.business.name)
    return [
        *plain_terms(terms),
        ("Who decides about your lead", (f"A moderator, within {DECISION_DUE} business days; after "
         f"{ACCEPTED_BY_DEFAULT} without a decision it is accepted, unless signs of fraud hold it until a person has "
         "looked, or it waits for the bounty’s funds. Acceptance alone never pays. If we ask you something, you have "
         f"{_days(INFO_WAITED_FOR.days)}.")),
        ("What you may do", ("Point at a real need that somebody said themselves, and recommend the business to them "
         "in your own words.")),
        ("What you may not do", (f"{REASONS[ReasonCode.SELF_REFERRAL]} Do not answer for the buyer, do not post their "
         "private link where others read it, and do not write to strangers in bulk: that is refused as spam.")),
        ("What you say openly", f"That you may be paid, wherever you recommend it. For example: “{openly}”"),
        ("If it is refused", ("You read the reason, and the criterion that was missed. You may appeal once; another "
         "admin looks at it again.")),
        ("If you see it differently later", (f"Open a dispute within {_days(OPEN_WITHIN.days)} of what it is about. "
         "Only the sum at issue waits meanwhile. Without an answer in "
         f"{ANSWERED_WITHIN} business days it ends for you.")),
    ]


def _of_buyer(bounty: Bounty, terms: Terms) -> Lines:
    share = buyer_share_in_words(terms, rule_on_terms(terms))
    weeks = f"{', '.join(map(str, LATER_WEEKS[:-1]))} or {LATER_WEEKS[-1]}"
    return [
        ("How often you are asked", (f"Once, with one reminder. After {_days(terms.consent_days)} without an answer "
         "it is a no, and nobody is given anything.")),
        ("What your yes covers", (f"{bounty.business.name} alone, {PURPOSE}; by e-mail or by phone, as you choose; "
         f"until a day of your choice, at most {_days(LONGEST_CONSENT.days)} on. Your page names, and shows you, "
         "everything that they get by it.")),
        ("Taking it back", "On your page, at any time. From that moment your contact data is closed to them again."),
        ("Other answers", (f"No; not now, for {weeks} weeks; bought already; not me; or never: then nobody can point "
         "at you again, for any business.")),
        ("Who is paid", (f"Whoever pointed at you may get {reward_in_words(terms)} from {bounty.business.name}, less "
         "where the law of a place says so; your page says how much. It costs you nothing.")),
        *([("What is in it for you", _capital(share))] if share else []),
        ("Your data", ("You can see who holds what about you and who looked, take it along as a file, report misuse, "
         "and have it erased.")),
    ]


def _of_law(terms: Terms) -> Lines:
    """Today's rules of the category, wherever they hold: the terms are frozen, the law is not."""
    limits = [rule for rule in rules_in_force(terms.category) if rule.allows is not Allowed.CASH]
    if not limits:
        return [("In this category", "We know of no rule that limits what may be given for a referral.")]
    return [
        ("Whose law counts", ("The business’s, the referrer’s and the buyer’s, as far as their places are known; the "
         "strictest of the three. It is asked again when something is earned; it can lower a reward, never raise it.")),
        *((place_in_words(rule), _rule(rule)) for rule in limits),
    ]


def _rule(rule: GateRule) -> str:
    exception = f" {rule.exception}" if rule.exception else ""
    return f"{ALLOWED[rule.allows]}. {rule.says}{exception} ({rule.citation}, as of {day_in_words(rule.cited_on)})"


def _where(terms: Terms) -> str:
    law = f" The law of {name_of(terms.jurisdiction)} counts there." if terms.jurisdiction else ""
    return f"In {terms.place}.{law}" if terms.place else f"Anywhere.{law}"


def _days(number: int) -> str:
    return "one day" if number == 1 else f"{number} days"


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
