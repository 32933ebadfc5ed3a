"""Payouts of connected accounts to their owners' banks: Stripe makes them, we look."""
from marketplace.foundation.money import Money
from marketplace.payments.stripe_gateway.calls import Calls, in_our_words, moment
from marketplace.payments.stripe_readings import PayoutReading


class Payouts(Calls):
    def list_payouts(self, account_id: str, *, at_most: int = 10) -> list[PayoutReading]:
        """The latest ones of a connected account, newest first."""
        with in_our_words():
            listed = self.client.v1.payouts.list({"limit": at_most}, {"stripe_account": account_id})
            return [PayoutReading(
                id=one.id, amount=Money(one.amount, one.currency), status=one.status, made_at=moment(one.created),
                arrives_on=moment(one.arrival_date), failure_code=one.failure_code) for one in listed.data]
