"""The link to a buyer's own data: in every mail to them, signed, for a while, worthless once the address is erased."""
from datetime import timedelta

from marketplace.foundation.crypto import keyed_hash
from marketplace.foundation.db import db
from marketplace.foundation.letters import public_url
from marketplace.identity.links import dead_link, read_link, write_link
from marketplace.referrals.models import Buyer

PURPOSE = "buyer-data"
LINK_LASTS = timedelta(days=90)


def data_link(buyer: Buyer) -> str:
    """Absolute; for a mail to ``buyer.email`` and nowhere else, because it proves whose mailbox that is."""
    return public_url(f"/your-data/{write_link(PURPOSE, buyer.id, _mark(buyer.email or ''))}")


def read_data_link(token: str) -> str:
    """The address whose mailbox the link came to. DeadLink (410): forged, too old, or the address is erased."""
    buyer_id, mark = read_link(PURPOSE, token, lasts=LINK_LASTS)
    buyer = db.session.get(Buyer, buyer_id)
    if buyer is None or buyer.email is None or _mark(buyer.email) != mark:
        raise dead_link("This link opens nothing any more: the address was erased or corrected since.")
    return buyer.email


def _mark(email: str) -> str:
    return keyed_hash("data-of", email.lower())[:32]
