"""The mail about books that disagree, to every admin. Written when sent, so that it says what is true then."""
from collections.abc import Callable

from sqlalchemy import select

from marketplace.foundation.db import db
from marketplace.foundation.letters import TO_ADMINS, compose, public_url
from marketplace.foundation.mail import Mail
from marketplace.identity.models import User
from marketplace.payments.books.open_items import does_stop, open_items, worth

NAMED = 10  # Items in one mail; the page has them all.


def books_disagree(run_id: str) -> list[Mail]:
    """Once for a run that found something new; none if it was settled before the mail goes."""
    items = db.session.scalars(open_items()).all()
    if not items:
        return []
    stopped = any(does_stop(item.kind, item.amount_minor) for item in items)
    lines = [" · ".join(filter(None, (item.kind.replace("_", " ").capitalize(), worth(item), item.note)))
             for item in items[:NAMED]]
    more = [f"And {len(items) - NAMED} more."] if len(items) > NAMED else []
    return [compose(
        user.email, "Our books and Stripe’s disagree",
        "Transfers are stopped until this is settled." if stopped else "Transfers go on.", *lines, *more,
        name=user.name, action=("See the open items", public_url("/admin/reconciliation")), why=TO_ADMINS)
        for user in db.session.scalars(select(User).where(User.is_admin, User.closed_at.is_(None)))]


LETTERS: dict[str, Callable[..., list[Mail]]] = {"books_disagree": books_disagree}
