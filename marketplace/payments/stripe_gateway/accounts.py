"""People who are paid: their connected accounts."""
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from marketplace.payments.stripe_gateway.calls import PAGE, Calls, in_our_words
from marketplace.payments.stripe_readings import (
    ConnectedAccountReading,
    put_plainly,
)

if TYPE_CHECKING:
    from stripe.params.v2.core import AccountLinkCreateParams


class Accounts(Calls):
    def create_connected_account(
        self, *, user_id: str, email: str, display_name: str, country: str, currency: str, key: str,
        recipient_agreement: bool = False,
    ) -> str:
        """A recipient account (Accounts v2, Express dashboard); we bear its fees and losses. Gives its id.

        Stripe's ``recipient`` agreement can be chosen by its older call alone, and at birth alone.
        """
        with in_our_words():
            if recipient_agreement:
                return self.client.v1.accounts.create({
                    "email": email, "country": country.upper(), "default_currency": currency,
                    "business_type": "individual",
                    "capabilities": {"transfers": {"requested": True}},
                    "controller": {"stripe_dashboard": {"type": "express"}, "fees": {"payer": "application"},
                                   "losses": {"payments": "application"}, "requirement_collection": "stripe"},
                    "tos_acceptance": {"service_agreement": "recipient"},
                    "metadata": {"user_id": user_id},
                }, {"idempotency_key": key}).id
            account = self.client.v2.core.accounts.create({
                "contact_email": email,
                "display_name": display_name,
                "dashboard": "express",
                "identity": {"country": country, "entity_type": "individual"},
                "configuration": {"recipient": {"capabilities": {
                    "stripe_balance": {"stripe_transfers": {"requested": True}}}}},
                "defaults": {"currency": currency, "responsibilities": {
                    "fees_collector": "application", "losses_collector": "application"}},
                "metadata": {"user_id": user_id},
            }, {"idempotency_key": key})
            return account.id

    def read_connected_account(self, account_id: str) -> ConnectedAccountReading:
        with in_our_words():
            account = self.client.v2.core.accounts.retrieve(
                account_id, {"include": ["configuration.recipient", "requirements"]})  # Else both come back empty.
            recipient = account.configuration.recipient if account.configuration else None
            balance = recipient.capabilities.stripe_balance if recipient and recipient.capabilities else None
            transfers = balance.stripe_transfers if balance else None
            entries = (account.requirements.entries if account.requirements else None) or []
            closed = bool(account.closed)
            return ConnectedAccountReading(
                transfers_status=transfers.status if transfers else "unsupported",
                awaiting=_awaiting({entry.awaiting_action_from for entry in entries}),
                requirements=list(dict.fromkeys(
                    _in_words(entry) for entry in entries if entry.awaiting_action_from == "user")),
                closed=closed,
                livemode=account.livemode,
                due_at=_due(account),
                restriction=next((detail.code for detail in getattr(transfers, "status_details", None) or []),
                                 None),
                bank_marks=() if closed else self._bank_marks(account_id),
            )

    def _bank_marks(self, account_id: str) -> tuple[str, ...]:
        """The same bank account has the same mark, added once more or not; the number itself stays at Stripe."""
        listed = self.client.v1.accounts.external_accounts.list(account_id, {"limit": PAGE})
        return tuple(sorted({getattr(one, "fingerprint", None) or one.id for one in listed.auto_paging_iter()}))

    def open_onboarding(self, account_id: str, *, refresh_url: str, return_url: str) -> str:
        """The address of Stripe's own form: good once, for minutes. Whoever holds it may fill it in: never store it."""
        flow = {"configurations": ["recipient"], "refresh_url": refresh_url, "return_url": return_url,
                "collection_options": {"fields": "eventually_due"}}
        with in_our_words():
            # The package's types are of a later version than the one spoken here, which needs "configurations".
            params = cast("AccountLinkCreateParams", {
                "account": account_id, "use_case": {"type": "account_onboarding", "account_onboarding": flow}})
            return self.client.v2.core.account_links.create(params).url

    def open_express_dashboard(self, account_id: str) -> str:
        """A signed-in address of the referrer's own Stripe pages: never store it."""
        with in_our_words():
            return self.client.v1.accounts.login_links.create(account_id).url


def _awaiting(parties: set[str]) -> Literal["user", "stripe"] | None:
    return "user" if "user" in parties else "stripe" if "stripe" in parties else None


def _in_words(entry: Any) -> str:
    """What is asked for, and what was wrong with the last answer."""
    wrong = " ".join(error.description for error in getattr(entry, "errors", None) or [])
    return f"{put_plainly(entry.description)} ({wrong})" if wrong else put_plainly(entry.description)


def _due(account: Any) -> datetime | None:
    deadline = getattr(getattr(account.requirements, "summary", None), "minimum_deadline", None)
    told = getattr(deadline, "time", None)
    return datetime.fromisoformat(told) if told else None
