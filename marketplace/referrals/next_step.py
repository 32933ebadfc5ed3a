"""What happens next with a lead, and who has to do it: a sentence or two for each reader."""
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from marketplace.foundation import clock
from marketplace.foundation.money import Money
from marketplace.foundation.show import day_in_words
from marketplace.referrals.audience import Audience, reader_of
from marketplace.referrals.deadlines import accepted_by_default
from marketplace.referrals.disputed import disputed_parts
from marketplace.referrals.disputes.denied import disputes_no_until, noes_to_dispute
from marketplace.referrals.disputes.words import disputed_no_in_words, ended_in_words, yes_and_no
from marketplace.referrals.figures import leads_with_address
from marketplace.referrals.for_funds import wait_in_words, waiting_for_funds
from marketplace.referrals.fraud.words import cases_of, said_of, said_of_reward
from marketplace.referrals.models import Consent, FraudCase, Lead, Moderation, Reward, RewardState, Stage, WitnessSaid
from marketplace.referrals.money_back import MoneyBack
from marketplace.referrals.ownership import bought_elsewhere
from marketplace.referrals.queries import is_buyer_address_known, live_grants
from marketplace.referrals.reserving import possible_among, still_possible
from marketplace.referrals.reward_words import gone_in_words, main_reward, reward_next, taken_in_words
from marketplace.referrals.said_bought import BuyersWord, Standing
from marketplace.referrals.waiting import Among, look_among

R, B, A, Y = Audience.REFERRER, Audience.BUSINESS, Audience.ADMIN, Audience.BUYER


class Read(NamedTuple):
    """What lists have read of all their leads: of their rewards, what may yet come of those of which a part is paid,
    until when a no to the buyer's word may be disputed, which wait for the funds of their bounty, and of which the
    buyer bought by another lead."""

    among: Among
    left: Mapping[str, Money]
    noes: Mapping[str, datetime]
    unfunded: set[str]
    elsewhere: Mapping[str, Lead]


def next_step(
    lead: Lead, audience: Audience, rewards: list[Reward], *, is_address_known: bool | None = None,
    cases: Mapping[str, FraudCase] | None = None, word: BuyersWord | None = None, is_yes_over: bool | None = None,
    read: Read | None = None,
) -> str:
    """What happens next, and who has to do it. Lists know ``is_address_known``, ``cases`` of fraud, the buyer's
    ``word``, ``is_yes_over`` and have ``read`` the rest."""
    case = (cases_of([lead]) if cases is None else cases).get(lead.id)
    if said := said_of(case, lead, audience, rewards):
        return said
    if lead.moderation is not Moderation.ACCEPTED:
        is_unfunded = lead.id in (waiting_for_funds([lead]) if read is None else read.unfunded)
        return _before_acceptance(lead, audience, is_unfunded=is_unfunded)
    if lead.consent is Consent.ASKED:
        return _while_asked(lead, audience, is_address_known=is_address_known)
    said = _once_answered(lead, audience, rewards, word, is_yes_over=is_yes_over, read=read)
    return said if lead.stage in IN_THE_END else f"{said} {said_of_reward(case, lead, audience)}".strip()


def _once_answered(
    lead: Lead, audience: Audience, rewards: list[Reward], word: BuyersWord | None, *, is_yes_over: bool | None,
    read: Read | None,
) -> str:
    if word is not None and lead.stage is not Stage.WON and (
            said := _word_next(lead, word, audience, read)):
        return said
    if rewards and (lead.stage is Stage.WON or lead.stage in IN_THE_END):
        return _reward_next(lead, main_reward(rewards), reader_of(lead, audience), read)
    if lead.stage in IN_THE_END:
        return TO_BUSINESS.get(lead.stage, IN_THE_END[lead.stage]) if audience is B else IN_THE_END[lead.stage]
    other = (bought_elsewhere([lead]) if read is None else read.elsewhere).get(lead.id)
    if other is not None and audience is not Y:
        is_own = other.referrer_id == lead.referrer_id
        return FIRST_SALE if is_own and audience is R else BOUGHT_ELSEWHERE[audience]
    return _in_talks(lead, audience, is_yes_over=bool(yes_over_among([lead])) if is_yes_over is None else is_yes_over)


def next_steps(
    leads: Sequence[Lead], audience: Audience, rewards: Mapping[str, list[Reward]], words: Mapping[str, BuyersWord],
) -> dict[str, str]:
    """The same for a list, by lead, in a few statements."""
    known, cases, over = leads_with_address(leads), cases_of(leads), yes_over_among(leads)
    paid = [lead for lead in leads if any(one.state is RewardState.PAID for one in rewards[lead.id])]
    open_yet = [lead for lead in leads if lead.moderation is Moderation.ACCEPTED and lead.stage not in IN_THE_END]
    denied = [lead for lead in leads if lead.id in words and words[lead.id].standing is Standing.DENIED]
    read = Read(look_among(one for lead in leads for one in rewards[lead.id]), possible_among(paid),
                noes_to_dispute(denied), waiting_for_funds(leads), bought_elsewhere(open_yet))
    return {lead.id: next_step(lead, audience, rewards[lead.id], is_address_known=lead.id in known, cases=cases,
                               word=words.get(lead.id), is_yes_over=lead.id in over, read=read)
            for lead in leads}


def yes_over_among(leads: Sequence[Lead]) -> set[str]:
    """Those whose buyer said yes until a day that is over."""
    granted, today = [lead for lead in leads if lead.consent is Consent.GRANTED], clock.now().date()
    return {lead_id for lead_id, grant in live_grants(granted).items() if grant.until < today} if granted else set()


def _word_next(lead: Lead, word: BuyersWord, audience: Audience, read: Read | None) -> str:
    """While the buyer's “I bought it” waits for somebody, was denied, or is disputed."""
    by, is_business = day_in_words(word.due), audience is B
    if word.standing is Standing.ASKED:
        says, silence = "The buyer says that they bought.", "silence counts as a yes"
        if word.says is WitnessSaid.NOT_BOUGHT:
            says, silence = "The buyer said that they bought, and now that they did not.", "silence counts as a no"
        return f"{says} {'Say' if is_business else 'The business says'} yes or no by {by}: {silence}."
    if word.standing is Standing.UNFUNDED:
        return ("The buyer bought, and it counts: fund the bounty, then the sale is recorded." if is_business else
                "The buyer bought, and it counts as soon as the business has funded the bounty again.")
    if word.standing is Standing.DISPUTED and word.dispute is not None:
        return disputed_no_in_words(word.dispute, word.says, reader_of(lead, audience))
    if word.is_ruled_against and word.dispute is not None and not is_business:
        ended = ended_in_words(word.dispute, reader_of(lead, audience))
        return f"{yes_and_no(word.says)}. {ended}"
    if word.standing is Standing.DENIED and not is_business:
        until = disputes_no_until(lead) if read is None else read.noes.get(lead.id)
        who = "You" if audience is R else "The referrer"
        then = f"{who} may dispute it until {day_in_words(until)}." if until else (
            "It earns nothing unless the sale is recorded.")
        return f"{yes_and_no(word.says)}. {then}"
    return ""


def _reward_next(lead: Lead, reward: Reward, to: str | None, read: Read | None) -> str:
    among = look_among([reward]) if read is None else read.among
    back = among.back[reward.id]
    if reward.state is RewardState.PAID and not back.on_its_way and not disputed_parts(reward, among.disputed):
        left = still_possible(lead) if read is None else read.left[lead.id]
        if left.minor:
            return f"{_part_in_words(back, is_payee=to == reward.beneficiary_id)} {MAY_EARN_MORE}"
    return reward_next(reward, to, among)


def _part_in_words(back: MoneyBack, *, is_payee: bool) -> str:
    if back.is_paid_and_gone:
        return f"This part {gone_in_words(back, is_payee=is_payee)}"
    return f"This part is paid. {taken_in_words(back, is_payee=is_payee)}".strip()


def _before_acceptance(lead: Lead, audience: Audience, *, is_unfunded: bool) -> str:
    is_final = lead.moderation in {Moderation.REJECTED, Moderation.DUPLICATE} and lead.appeal is not None
    if is_final:
        return "Nothing: it was looked at again, and the second decision stands."
    if lead.moderation is Moderation.EXPIRED and lead.consent is Consent.REFUSED:
        return "Nothing: the buyer said no."
    if lead.moderation in {Moderation.REJECTED, Moderation.DUPLICATE} and not lead.evidence.quote:
        return "Nothing: what was read is erased, so nobody can look at it again."
    if lead.moderation is Moderation.IN_REVIEW:
        return _in_review(lead, audience, is_unfunded=is_unfunded)
    return BEFORE[lead.moderation][audience is R]


def _in_review(lead: Lead, audience: Audience, *, is_unfunded: bool) -> str:
    if is_unfunded:
        return wait_in_words(lead)
    if audience is A:
        return "Does it meet the terms? Accept it, reject it with a reason, or ask."
    if audience is R and accepted_by_default(lead.submitted_at) < clock.now():
        return "A moderator decides; without a decision it is accepted within half a day."
    return BEFORE[Moderation.IN_REVIEW][audience is R]


def _in_talks(lead: Lead, audience: Audience, *, is_yes_over: bool) -> str:
    if lead.is_tracked:
        return ("When they buy, record the sale, or let your shop tell us." if audience is B
                else "They came to the business by themselves. If they buy, the reward is earned.")
    if lead.consent is Consent.WITHDRAWN:
        return ("The buyer took the yes back: contact them no more. If they bought already, record the sale; it counts."
                if audience is B else
                "The buyer took the yes back: nobody contacts them. If they bought already, the sale still counts.")
    if is_yes_over:
        return ("The time that the buyer gave you is over: contact them no more. If they bought, record the sale: it "
                "counts." if audience is B else
                "The time that the buyer gave is over: nobody contacts them. If they bought, the sale still counts.")
    if audience is B and lead.stage is not Stage.NEW:
        return "Keep talking as the buyer allowed. When they buy, record the sale."
    return ("Get in touch as the buyer allowed, then move the lead on." if audience is B
            else "The business talks to the buyer. If they buy, the reward is earned.")


def _while_asked(lead: Lead, audience: Audience, *, is_address_known: bool | None) -> str:
    if audience is Y:
        return "Nothing happens unless you say yes."
    if is_address_known is None:
        is_address_known = is_buyer_address_known(lead)
    if not is_address_known:
        return ("Pass the private link on to the buyer; they decide." if audience is R else
                "The referrer passes the private link on to the buyer. Nobody learns who they are before they say yes.")
    return "The buyer has been asked. Nobody learns who they are before they say yes."


FIRST_SALE = "The buyer’s first sale there is counted for another lead, and a customer has one."
BOUGHT_ELSEWHERE = {
    R: f"{FIRST_SALE} If it was you who told them, say whose buyer it is: within thirty days of that sale, or of the "
       "yes if that came later.",
    B: f"{FIRST_SALE} What they buy later counts there, so record no sale here.", A: FIRST_SALE}
MAY_EARN_MORE = "Later parts or renewals may still earn more."
IN_THE_END: dict[Stage | None, str] = {
    Stage.WON: "Nothing: this sale was too small to earn anything.",
    Stage.LOST: "Nothing, unless the buyer comes back inside the protection window.",
    Stage.UNQUALIFIED: "Nothing: the business says that it is not a fit; the lead’s page says why.",
}
TO_BUSINESS: dict[Stage | None, str] = {Stage.UNQUALIFIED: "Nothing: you said that it is not a fit, and why."}


# moderation -> (what others read, what the referrer reads)
BEFORE: dict[Moderation, tuple[str, str]] = {
    Moderation.SUBMITTED: ("The post is being read.", "We are reading the post. This takes a minute."),
    Moderation.IN_REVIEW: ("A moderator decides.", (
        "A moderator decides within two business days; after five without a decision it is accepted.")),
    Moderation.NEEDS_INFO: ("The referrer has a week to answer.", "Answer our question within a week."),
    Moderation.REJECTED: ("The referrer may appeal.", "You may appeal once."),
    Moderation.DUPLICATE: ("The referrer may appeal.", "If the buyer says it was you, appeal."),
    Moderation.WITHDRAWN: ("Nothing.", "Nothing: you took it back."),
    Moderation.EXPIRED: ("Nothing: it has ended.", "Nothing: it has ended."),
}
