"""What a sale comes to: as it was recorded, with what rulings found beyond it; and how much of that was given back."""
from collections.abc import Sequence

from sqlalchemy import or_, select

from marketplace.foundation.db import db
from marketplace.foundation.money import Money
from marketplace.referrals.models import Conversion, ConversionKind, ConversionState

SALES = (ConversionKind.SALE, ConversionKind.CORRECTION)


def parts_of_sale(sale_id: str) -> Sequence[Conversion]:
    """The sale and its corrections, oldest first, as they are now."""
    return db.session.scalars(
        select(Conversion).where(or_(Conversion.id == sale_id, Conversion.sale_id == sale_id),
                                 Conversion.kind.in_(SALES))
        .order_by(Conversion.id).execution_options(populate_existing=True)).all()


def recorded_value(sale: Conversion) -> Money:
    """With the corrections before; what was given back stands beside it."""
    return sum((one.amount for one in parts_of_sale(sale.id)[1:]), sale.amount)


def is_given_back(sale: Conversion) -> bool:
    """All of it, corrections too."""
    return sale.state is ConversionState.REVERSED and all(
        one.state is ConversionState.REVERSED for one in parts_of_sale(sale.id))


def later_parts(sale_id: str) -> Sequence[Conversion]:
    """Those that have fallen due, oldest first."""
    return db.session.scalars(select(Conversion).where(
        Conversion.sale_id == sale_id, Conversion.kind == ConversionKind.LATER).order_by(Conversion.id)).all()


def stands_on(later: Conversion) -> Sequence[Conversion]:
    """What a later part was counted from: the sale as it was by then. A later correction earns its own difference."""
    assert later.sale_id is not None
    return [one for one in parts_of_sale(later.sale_id) if one.id < later.id]
