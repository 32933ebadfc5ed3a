"""Transfers to connected accounts, and back."""


from marketplace.foundation.money import Money
from marketplace.payments.stripe_gateway.calls import PAGE, Calls, in_our_words, says
from marketplace.payments.stripe_readings import (
    TransferReading,
)


class MoneyOut(Calls):
    def send_transfer(self, *, transfer_id: str, destination: str, amount: Money, group: str, key: str) -> str:
        """Move ``amount`` from our available balance to ``destination``. No exception means done."""
        with in_our_words():
            return self.client.v1.transfers.create({
                "amount": amount.minor, "currency": amount.currency, "destination": destination,
                "transfer_group": group, "metadata": {"transfer_id": transfer_id},
            }, {"idempotency_key": key}).id

    def find_transfer(self, *, transfer_id: str, group: str) -> str | None:
        with in_our_words():
            listed = self.client.v1.transfers.list({"transfer_group": group, "limit": PAGE})
            return next((one.id for one in listed.auto_paging_iter() if says(one, "transfer_id", transfer_id)), None)

    def read_transfer(self, stripe_transfer_id: str) -> TransferReading:
        with in_our_words():
            transfer = self.client.v1.transfers.retrieve(stripe_transfer_id)
            return TransferReading(Money(transfer.amount, transfer.currency),
                                   Money(transfer.amount_reversed, transfer.currency), transfer.reversed)

    def reverse_transfer(self, *, reversal_id: str, stripe_transfer_id: str, amount: Money, key: str) -> str:
        """Take ``amount`` back. Refused (balance_insufficient) where the connected account has less."""
        with in_our_words():
            return self.client.v1.transfers.reversals.create(
                stripe_transfer_id, {"amount": amount.minor, "metadata": {"reversal_id": reversal_id}},
                {"idempotency_key": key}).id

    def find_reversal(self, *, stripe_transfer_id: str, reversal_id: str) -> str | None:
        with in_our_words():
            listed = self.client.v1.transfers.reversals.list(stripe_transfer_id, {"limit": PAGE})
            return next((one.id for one in listed.auto_paging_iter() if says(one, "reversal_id", reversal_id)), None)
