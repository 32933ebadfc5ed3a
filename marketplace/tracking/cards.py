"""A referrer's link as a picture to scan, for a card to print: SVG and PNG."""
from io import BytesIO
from typing import Any

import segno
from flask import current_app

from marketplace.tracking.models import ReferralLink

QUIET = 4  # Modules of white around it: scanners need them (ISO/IEC 18004).
PNG_MODULE = 12  # Pixels: some five hundred in all, sharp on a card of business size.
ON_CARD = "card"  # The sub-id of what is scanned, so that the figures tell paper from links.


def address_of(link: ReferralLink, *, sub: str = "") -> str:
    """As it is given to people: https://our.site/r/7k3mq9xd."""
    public: str = current_app.extensions["settings"].public_url
    return f"{public}/r/{link.code}" + (f"?sub={sub}" if sub else "")


def qr_svg(link: ReferralLink) -> bytes:
    return _drawn(link, kind="svg", xmldecl=True, svgns=True, omitsize=True, nl=False)


def qr_png(link: ReferralLink) -> bytes:
    return _drawn(link, kind="png", scale=PNG_MODULE)


def _drawn(link: ReferralLink, **options: Any) -> bytes:
    """Level M: a sixth of the picture may be worn off."""
    out = BytesIO()
    segno.make_qr(address_of(link, sub=ON_CARD), error="m", boost_error=True).save(
        out, border=QUIET, dark="#000000", light="#ffffff", **options)
    return out.getvalue()
