"""What referrer, business and admins are told of a look by a person. No letter says of what anybody is suspected."""
from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.letters import NEEDS_ANOTHER, TO_ADMINS, compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.foundation.money import Money, show_money, zero
from marketplace.foundation.show import day_in_words, list_in_words
from marketplace.identity.models import User
from marketplace.referrals.audience import Audience
from marketplace.referrals.deadlines import DECISION_DUE
from marketplace.referrals.fraud.cases import ended_with_nothing, month_ends
from marketplace.referrals.fraud.effects import NOT_GENUINE, only_reward_waits, taken_by
from marketplace.referrals.fraud.rules import LONGER_BY
from marketplace.referrals.fraud.words import clock_in_words, costs_money, has_unsent, what_came_of
from marketplace.referrals.lawful import ruling_of
from marketplace.referrals.letters import to_business, to_referrer
from marketplace.referrals.models import (
    CaseState,
    Consent,
    FraudCase,
    KindState,
    Lead,
    Reward,
    RewardInKind,
    Stage,
)
from marketplace.referrals.naming import name_of
from marketplace.referrals.permissions import may_decide
from marketplace.referrals.queries import find_live_grant, rewards_of_lead
from marketplace.referrals.reach import Reach, reach_of
from marketplace.referrals.returned import Returned, returned_among
from marketplace.referrals.reward_letters import to_introduced_buyer
from marketplace.referrals.reward_words import buyer_share_in_words, part_in_words

EXPLAIN = "Its page says what made us look. If there is an explanation, write it there: then it is looked at sooner."


def _case(case_id: str) -> FraudCase:
    return db.session.get_one(FraudCase, case_id)


def _both(case: FraudCase, subject: str, to_person: list[str], to_shop: list[str]) -> list[Mail]:
    """The business reads of leads that were accepted for it, and of no others."""
    lead = case.lead
    mails = to_referrer(lead, subject, *to_person)
    if lead.accepted_at is not None and to_shop:
        mails += to_business(lead, subject, *to_shop)
    return mails


def fraud_opened(case_id: str) -> list[Mail]:
    case = _case(case_id)
    if case.state is not CaseState.OPEN:
        return []
    clock_says = clock_in_words(case)
    if only_reward_waits(case):
        return _both(
            case, "A person looks at a lead",
            [(f"Your lead for {case.lead.business.name} goes on. What it earns in money waits until a person at "
              "Fingerpost has looked at it; it is neither refused nor lost."), clock_says, EXPLAIN],
            ["A lead of yours goes on, and its reward waits until a person at Fingerpost has looked at it.", clock_says,
             "You need do nothing for that. The money stays where it is."])
    return _both(
        case, "A person looks at a lead first",
        [(f"Your lead for {case.lead.business.name} waits until a person at Fingerpost has looked at it. It is neither "
          "refused nor lost."), clock_says, EXPLAIN],
        ["A lead of yours waits until a person at Fingerpost has looked at it, and so does its reward.", clock_says,
         "You need do nothing. The money stays where it is."])


def fraud_kept(case_id: str) -> list[Mail]:
    case = _case(case_id)
    if case.state is not CaseState.OPEN:
        return []
    clock_says = clock_in_words(case)
    what, theirs = f"Your lead for {case.lead.business.name}", "A lead of yours"
    if only_reward_waits(case):
        what, theirs = f"What your lead for {case.lead.business.name} earns in money", "The reward of a lead of yours"
    return _both(case, "We need some more time for a lead",
                 [f"{what} still waits for a decision.", f"The reason: {case.keep_reason}", clock_says],
                 [f"{theirs} still waits for a decision.", clock_says])


def fraud_ended(case_id: str) -> list[Mail]:
    case = _case(case_id)
    if case.state not in {CaseState.LET_GO, CaseState.EXPIRED}:
        return []
    if ended_with_nothing(case.lead):
        return to_referrer(
            case.lead, "The look at your lead is over",
            f"The look at your lead for {case.lead.business.name} is over, and nothing is held against it any more. It "
            "had ended before, for another reason that stands on its page.")
    return _both(case, "Your lead goes on",
                 [(f"The look at your lead for {case.lead.business.name} is over: everything goes on where it stood. "
                   "Thank you for your patience.")],
                 ["The look at a lead of yours is over: everything goes on where it stood."])


def fraud_confirmed(case_id: str) -> list[Mail]:
    case = _case(case_id)
    if case.state is not CaseState.CONFIRMED or case.settles_at is None:
        return []
    until = day_in_words(case.settles_at)
    closed = ["How to reach the buyer is closed to you until that is decided for good."]
    is_unsent = has_unsent(rewards_of_lead(case.lead))
    gone = "what it earned and was not sent yet goes back to the bounty" if is_unsent else "it ends"
    after = ("what it earned and was not sent yet goes back to your bounty" if is_unsent
             else "it ends, and what was set aside for it is free again" if costs_money(case.lead) else "it ends")
    return _both(
        case, "A decision about your lead",
        [(f"A person has looked at your lead for {case.lead.business.name} and finds that it is not genuine: "
          f"{case.reason}"),
         (f"If you see it differently, appeal on its page until {until}: another person decides within {DECISION_DUE} "
          "business days of that. Nothing is taken away before. Without an appeal, "
          f"{gone} on that day. What your other leads have earned stays yours.")],
        [(f"A person found that a lead of yours is not genuine. The referrer may appeal until {until}; then another "
          f"person decides within {DECISION_DUE} business days. Without an appeal, {after} on that day."),
         *(closed if case.lead.consent is Consent.GRANTED else [])])


def fraud_proven(case_id: str) -> list[Mail]:
    case = _case(case_id)
    if case.state is not CaseState.PROVEN:
        return []
    lead = case.lead
    back, fee, kind = _back(case), "", ""
    if back.fee.minor:
        fee = f", and with it our fee of {show_money(back.fee)}"
    if db.session.scalar(select(RewardInKind.id).filter_by(lead_id=lead.id, state=KindState.EXPIRED).limit(1)):
        kind = " What is not money, and was not offered yet, is owed no more."
    earned = f"What it had earned and was not sent yet is back in {{}} bounty: {show_money(back.reward)}"
    hers, theirs = f"{earned.format('the')}.", f"{earned.format('your')}{fee}."
    if not back.reward.minor:
        hers = f"{what_came_of(rewards_of_lead(lead))}."
        theirs = "What was set aside for it is free again." if costs_money(lead) else ""
    return _both(
        case, "A lead has ended",
        [f"It stands that your lead for {lead.business.name} is not genuine: {case.reason}",
         f"{hers}{kind} What your other leads have earned stays yours."],
        [f"It stands that a lead of yours is not genuine. {theirs}{kind}".strip()])


def _back(case: FraudCase) -> Returned:
    """Of all that it had earned."""
    rewards, none = rewards_of_lead(case.lead), zero(case.lead.terms.currency)
    returned = [*returned_among([one for one in rewards if one.void_reason in {None, NOT_GENUINE}]).values(), *(
        Returned(one.amount, Money(one.fee_minor, one.currency)) for reward in rewards
        for one in reward.taken_by_case(case.id))]
    return Returned(sum((one.reward for one in returned), none), sum((one.fee for one in returned), none))


def fraud_part_ended(lead_id: str, payee_id: str) -> list[Mail]:
    """To whoever else had a part in what it earned: what they lose by it."""
    lead, payee = db.session.get_one(Lead, lead_id), db.session.get_one(User, payee_id)
    case = db.session.scalars(select(FraudCase).filter_by(
        lead_id=lead_id, state=CaseState.PROVEN).order_by(FraudCase.id.desc()).limit(1)).one()
    theirs = [(one, taken) for one in rewards_of_lead(lead)
              if one.beneficiary_id == payee_id and (taken := taken_by(case, one)).minor]
    lost = list_in_words(f"{show_money(taken)} {part_in_words(one)}" for one, taken in theirs)
    money = [f"What you were to have of it, {lost}, was not sent yet and is back in the bounty."] if theirs else []
    is_owed_no_more = db.session.scalar(select(RewardInKind.id).filter_by(
        lead_id=lead_id, beneficiary_id=payee_id, state=KindState.EXPIRED).limit(1)) is not None
    things = ["What is not money, and was not offered yet, is owed no more."] if is_owed_no_more else []
    return [] if payee.closed_at else [compose(
        payee.email, "A reward that you share in is cancelled",
        f"{lead.referrer.name} pointed {lead.business.name} at a buyer, and you had a part in what it earns. A person "
        "at Fingerpost found that it is not genuine, and that stands.", *money, *things,
        "Nothing is held against you, and you need do nothing. What your own leads have earned stays yours. If you see "
        "it differently, write to us.", name=payee.name, about=name_of(lead, Audience.REFERRER),
        action=("Open your rewards", public_url("/rewards")))]


def buyer_introduction_ended(lead_id: str) -> list[Mail]:
    """Whoever had said yes learns that it is over. Why is about others, and no business of theirs."""
    lead = db.session.get_one(Lead, lead_id)
    promised = (["What was promised to you because of it, and you do not have yet, has ended with it."]
                if buyer_share_in_words(lead.terms, ruling_of(lead)) else [])
    bought = ["What you bought is not touched by it."] if lead.stage is Stage.WON else []
    grant = find_live_grant(lead)
    never = grant is not None and reach_of(lead, grant) is Reach.NEVER
    return to_introduced_buyer(
        lead, "An introduction has ended",
        (f"Your introduction to {lead.business.name} has ended before they were given anything of yours: they may not "
         "contact you because of it." if never else
         f"Your introduction to {lead.business.name} has ended: they may not contact you because of it any more.")
        + " You need do nothing.", *bought, *promised)


def fraud_longer(reward_id: str) -> list[Mail]:
    reward = db.session.get_one(Reward, reward_id)
    lead = db.session.get_one(Lead, reward.lead_id)
    if reward.beneficiary_id != lead.referrer_id:
        return []
    return to_referrer(
        lead, "Your reward is held a little longer",
        f"What your lead for {lead.business.name} earned is held {LONGER_BY.days} days longer, until "
        f"{day_in_words(reward.release_at)}. It is then released without anything to do for you.",
        "Its page says why.")


def fraud_waiting(case_id: str) -> list[Mail]:
    case = _case(case_id)
    if case.state is not CaseState.OPEN:
        return []
    action = ("Open the case", public_url(f"/admin/fraud/{case.id}"))
    month = month_ends(case.lead)
    untold = (" Its buyer knows nothing of it yet. Unless they are asked, it ends by law before "
              f"{day_in_words(month)}: decide well before that.") if month else ""
    by = f"Decide by {day_in_words(case.due_at)}.{untold}"
    if case.is_appealed:
        others = db.session.scalars(select(User).where(
            User.is_admin, User.closed_at.is_(None), User.id != case.decided_by)).all()
        is_anothers = any(may_decide(one, case.lead) for one in others)
        then = "Another admin decides about it." if is_anothers else f"{by} {NEEDS_ANOTHER} You may still let it go."
        yours = {str(case.decided_by): f"The referrer appeals against what you found. {then}"}
        return _to_admins(case, "An appeal about fraud waits",
                          f"The referrer appeals against what another admin found. {by}", action, else_to=yours)
    asked = "The referrer has explained it." if case.explained_at else "It has waited for its time."
    what = "what it earns" if only_reward_waits(case) else "it"
    why = f"{asked} Signs of fraud hold {what} until you or another admin has decided. {by}"
    return _to_admins(case, "A lead waits for a look", why, action)


def _to_admins(
    case: FraudCase, subject: str, why: str, action: tuple[str, str],
    else_to: Mapping[str, str] = MappingProxyType({}),
) -> list[Mail]:
    """``else_to``: by the id of an admin, what that one reads instead."""
    return [compose(admin.email, subject, else_to.get(admin.id, why), name=admin.name, action=action, why=TO_ADMINS,
                    about=name_of(case.lead, Audience.ADMIN))
            for admin in db.session.scalars(select(User).where(User.is_admin, User.closed_at.is_(None)))]


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    letter.__name__: letter for letter in (
        fraud_opened, fraud_kept, fraud_ended, fraud_confirmed, fraud_proven, fraud_part_ended,
        buyer_introduction_ended, fraud_longer, fraud_waiting)
}
