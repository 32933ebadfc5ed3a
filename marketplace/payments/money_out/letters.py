"""The mails to admins about batches and orders. Written when sent, so that they say what is true then."""
from collections.abc import Callable

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.letters import TO_ADMINS, compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.foundation.money import show_money
from marketplace.identity.models import User
from marketplace.payments.models import BatchState, LineState, MoneyOrder, OrderState, TransferBatch
from marketplace.payments.money_out.batches import totals_of


def batch_waits(batch_id: str) -> list[Mail]:
    batch = db.session.get_one(TransferBatch, batch_id)
    if batch.state is not BatchState.PREVIEWED:
        return []
    sums = " and ".join(show_money(total) for total in totals_of(batch, LineState.PLANNED))
    return _to_admins("Transfers wait for your approval",
                      f"A batch of {sums} is more than may go without an admin’s look. Nothing of it is sent before.",
                      path=f"/admin/transfers/batches/{batch.id}", label="Look at the batch")


def batch_done(batch_id: str) -> list[Mail]:
    """To the admin who asked for it; nobody waits for the clock's own."""
    batch = db.session.get_one(TransferBatch, batch_id)
    asker = db.session.get(User, batch.asked_by)
    sums = " and ".join(show_money(total) for total in totals_of(batch, LineState.REQUESTED))
    says = (f"Transfers of {sums} are on their way." if sums
            else "Nothing was left to send when it ran. Its page says why.")
    return [] if asker is None or asker.closed_at else [compose(
        asker.email, "Your batch of transfers is done", says, name=asker.name,
        action=("See the batch", public_url(f"/admin/transfers/batches/{batch.id}")))]


def order_waits(order_id: str) -> list[Mail]:
    order = db.session.get_one(MoneyOrder, order_id)
    if order.state is not OrderState.ASKED:
        return []
    what = "write off a debt" if order.kind == "write_off" else "take back a transfer"
    return _to_admins("An admin asks for your agreement",
                      f"They want to {what} of {show_money(order.amount)}, which takes two. Why: {order.reason}",
                      path="/admin/receivables", label="Look at it", but=order.asked_by)


def _to_admins(subject: str, *paragraphs: str, path: str, label: str, but: str = "") -> list[Mail]:
    admins = db.session.scalars(select(User).where(User.is_admin, User.closed_at.is_(None), User.id != but))
    return [compose(admin.email, subject, *paragraphs, name=admin.name, action=(label, public_url(path)),
                    why=TO_ADMINS) for admin in admins]


LETTERS: dict[str, Callable[..., list[Mail]]] = {
    letter.__name__: letter for letter in (
        batch_waits, batch_done, order_waits)
}
