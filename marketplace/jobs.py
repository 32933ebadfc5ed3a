"""Every background job, by name; also how news of a lower package reaches a higher one."""
from collections.abc import Callable
from datetime import timedelta

from marketplace.bounties import lowering, publishing, search, topping_up
from marketplace.bounties.letters import LETTERS as BOUNTIES_LETTERS
from marketplace.bounties.models import Bounty
from marketplace.foundation import mail, outbox, traces
from marketplace.foundation.db import db
from marketplace.foundation.mail import Mail
from marketplace.foundation.outbox import Errand, Jobs
from marketplace.hooks import forgetting as webhooks_forgetting
from marketplace.hooks import sending as webhooks_sending
from marketplace.hooks.letters import LETTERS as WEBHOOK_LETTERS
from marketplace.identity.letters import LETTERS as IDENTITY_LETTERS
from marketplace.payments.books.letters import LETTERS as BOOKS_LETTERS
from marketplace.payments.disputes.letters import LETTERS as DISPUTES_LETTERS
from marketplace.payments.jobs import PAYMENTS_JOBS
from marketplace.payments.models import Funding
from marketplace.payments.money_out.letters import LETTERS as TRANSFER_LETTERS
from marketplace.payments.money_out.payee_letters import LETTERS as PAYEE_LETTERS
from marketplace.privacy import buyers, retention, untold
from marketplace.privacy.letters import LETTERS as PRIVACY_LETTERS
from marketplace.referrals import (
    afterwards,
    asking,
    buyers_share,
    chargebacks,
    clawing_back,
    evidence,
    first_sale_letters,
    for_funds,
    in_kind,
    legal_clocks,
    moderation,
    rechecks,
    rewards,
)
from marketplace.referrals.buyer_letters import LETTERS as BUYER_LETTERS
from marketplace.referrals.debt_letters import LETTERS as DEBT_LETTERS
from marketplace.referrals.desk import ruling, telling
from marketplace.referrals.desk.letters import LETTERS as DESK_LETTERS
from marketplace.referrals.disputes import clocks as dispute_clocks
from marketplace.referrals.disputes.letters import LETTERS as CLAIM_LETTERS
from marketplace.referrals.first_sale_letters import LETTERS as FIRST_SALE_LETTERS
from marketplace.referrals.fraud import cases as fraud_cases
from marketplace.referrals.fraud import effects as fraud_effects
from marketplace.referrals.fraud import signals as fraud_signals
from marketplace.referrals.fraud.letters import LETTERS as FRAUD_LETTERS
from marketplace.referrals.fraud.scoring import look_at_owed, look_at_rewards
from marketplace.referrals.funds_letters import LETTERS as FUNDS_LETTERS
from marketplace.referrals.letters import LETTERS as REFERRALS_LETTERS
from marketplace.referrals.order_letters import LETTERS as ORDER_LETTERS
from marketplace.referrals.reward_letters import LETTERS as REWARD_LETTERS
from marketplace.tracking import buyers_word, claims, domains, retrying, taking_in
from marketplace.tracking.business_stripe import handling as business_stripe
from marketplace.tracking.partners.letters import LETTERS as PARTNER_LETTERS
from marketplace.tracking.report_letters import LETTERS as REPORT_LETTERS
from marketplace.tracking.uploads import chunks
from marketplace.tracking.uploads.letters import LETTERS as UPLOAD_LETTERS

LETTERS: dict[str, Callable[..., list[Mail]]] = {
    **IDENTITY_LETTERS, **BOUNTIES_LETTERS, **REFERRALS_LETTERS, **BUYER_LETTERS, **REWARD_LETTERS, **PAYEE_LETTERS,
    **TRANSFER_LETTERS, **CLAIM_LETTERS, **DISPUTES_LETTERS, **BOOKS_LETTERS, **FRAUD_LETTERS, **PRIVACY_LETTERS,
    **DESK_LETTERS, **FUNDS_LETTERS, **ORDER_LETTERS, **DEBT_LETTERS, **WEBHOOK_LETTERS, **REPORT_LETTERS,
    **PARTNER_LETTERS, **UPLOAD_LETTERS, **FIRST_SALE_LETTERS,
}


# What is written down once a letter of this name has gone out; the others leave no trace but the tick of their job.
ONCE_SENT: dict[str, Callable[..., None]] = {
    "buyer_asked": legal_clocks.note_mail_sent, "lead_waits_for_funds": for_funds.note_wait_told,
}


def send_letter(letter: str, **arguments: str) -> int:
    """Compose from what is true now, then send; the job tried again has the same message ids, another job others.

    How many mails it was.
    """
    mails = [one for one in LETTERS[letter](**arguments) if not one.to.endswith(mail.NOWHERE)]
    for number, composed in enumerate(mails):
        mail.send(composed, dedupe_id=f"{outbox.job_in_hand()}:{number}")
    return len(mails)


def note_sent(sent: int, letter: str, **arguments: str) -> None:
    if sent and letter in ONCE_SENT:
        ONCE_SENT[letter](**arguments)


def note_funding(funding_id: str) -> None:
    """Payments says that a funding was paid: its bounty may go on; one closed meanwhile gives it back."""
    bounty = db.session.get(Bounty, db.session.get_one(Funding, funding_id).purpose_id)
    if bounty is not None:
        publishing.note_funds_came_free(bounty)
        outbox.promise("note_funds_came", bounty_id=bounty.id)  # It locks funds, and what is counted here locks orders.
        retrying.count_what_waited(bounty.business_id)


JOBS: Jobs = {
    **PAYMENTS_JOBS,
    "send_letter": Errand(send_letter, note_sent),
    "capture_evidence": Errand(evidence.read_evidence, evidence.keep_evidence),
    "promise_rechecks": rechecks.promise_rechecks,
    "recheck_evidence": Errand(rechecks.read_again, rechecks.keep_check),
    "begin_review": fraud_signals.begin_review,
    "look_at_rewards": look_at_rewards,
    "look_at_owed": look_at_owed,
    "expire_fraud_hold": fraud_cases.expire_fraud_hold,
    "take_what_came_back": fraud_effects.take_what_came_back,
    "settle_fraud_case": fraud_cases.settle_fraud_case,
    "end_case_with_lead": fraud_cases.end_case_with_lead,
    "remind_of_fraud": fraud_cases.remind_of_fraud,
    "forget_traces": traces.forget_traces,
    "remind_moderators": moderation.remind_moderators,
    "note_overdue": moderation.note_overdue,
    "accept_by_default": moderation.accept_by_default,
    "tell_decision": telling.tell_decision,
    "tell_ruling": ruling.tell_ruling,
    "expire_unanswered": moderation.expire_unanswered,
    "remind_buyer": asking.remind_buyer,
    "end_asking": asking.end_asking,
    "end_protection": asking.end_protection,
    "release_reward": rewards.release_reward,
    "note_transfer": rewards.note_transfer,
    "tell_of_first_sale": first_sale_letters.tell_of_first_sale,
    "note_reversal": clawing_back.note_reversal,
    "return_fee": clawing_back.return_fee,
    "earn_later": afterwards.earn_later,
    "end_renewals": afterwards.end_renewals,
    "remind_of_share": buyers_share.remind_of_share,
    "end_choice": buyers_share.end_choice,
    "remind_of_kind": in_kind.remind_of_kind,
    "end_kind": in_kind.end_kind,
    "note_funding": note_funding,
    "note_bad_day": chargebacks.note_bad_day,
    "remind_respondent": dispute_clocks.remind_respondent,
    "end_unanswered_dispute": dispute_clocks.end_unanswered_dispute,
    "escalate_dispute": dispute_clocks.escalate_dispute,
    "remind_admins_of_dispute": dispute_clocks.remind_admins_of_dispute,
    "note_sale_recorded": dispute_clocks.note_sale_recorded,
    "note_funds_left": publishing.note_funds_left,
    "top_up_bounty": topping_up.top_up_bounty,
    "watch_top_ups": topping_up.watch_top_ups,
    "read_offers": search.read_offers,
    "return_free_funds": publishing.return_free_funds,
    "resume_when_funded": publishing.resume_when_funded,
    "note_funds_came": for_funds.note_funds_came,
    "apply_gate": lowering.apply_gate,
    "erase_as_wished": buyers.erase_as_wished,
    "erase_due": retention.erase_due,
    "forget_untold": untold.forget_untold,
    "forget_one_untold": untold.forget_one_untold,
    "handle_business_stripe": business_stripe.handle_event,
    "deliver_webhook": webhooks_sending.DELIVER,
    "forget_webhooks": webhooks_forgetting.forget_webhooks,
    "match_reports": retrying.match_reports,
    "check_upload": chunks.check_upload,
    "take_upload": chunks.take_upload,
    "match_lead": retrying.match_lead,
    "match_order": retrying.match_order,
    "count_what_waited": retrying.count_what_waited,
    "count_what_was_claimed": retrying.count_what_was_claimed,
    "count_buyers_word": buyers_word.count_buyers_word,
    "settle_buyers_word": buyers_word.settle_buyers_word,
    "note_claim_ended": claims.note_claim_ended,
    "forget_clicks": taking_in.forget_clicks,
    "look_at_domains": domains.look_at_domains,
    "look_at_domain": domains.LOOK_AT_DOMAIN,
}

# How often the worker promises what nobody asks for. Each is safe to run twice, or at any moment.
SCHEDULE: dict[str, timedelta] = {
    "reconcile": timedelta(days=1),
    "poll_events": timedelta(hours=1),
    "take_snapshots": timedelta(days=1),
    "begin_batch": timedelta(hours=1),
    "watch_funds_age": timedelta(days=1),
    "watch_top_ups": timedelta(hours=1),
    "watch_bank_payouts": timedelta(days=1),
    "read_offers": timedelta(hours=1),
    "promise_rechecks": timedelta(hours=1),
    "erase_as_wished": timedelta(days=1),
    "erase_due": timedelta(days=1),
    "forget_untold": timedelta(days=1),
    "forget_webhooks": timedelta(days=1),
    "forget_clicks": timedelta(days=1),
    "look_at_domains": timedelta(days=1),
}
