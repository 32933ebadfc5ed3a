"""What a business paid in, spent and got back in a month: as a page, a CSV file and a PDF."""
import re
from datetime import date
from typing import Any

from flask import Blueprint, Response, render_template

from marketplace.foundation.errors import NotFound, require
from marketplace.foundation.limits import DRAWING, caller, limiter
from marketplace.identity.models import Business
from marketplace.identity.queries import get_business
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.payments.books import business_statement_files as files
from marketplace.payments.books.business_statements import BusinessStatement, months_of, read_statement
from marketplace.payments.permissions import may_see_funding

bp = Blueprint("business_statements", __name__)


@bp.get("/businesses/<business_id>/statements")
@signed_in
def index(business_id: str) -> Any:
    business = _seen_business(business_id)
    return render_template("payments/statements.html", business=business, currencies=months_of(business.id))


@bp.get("/businesses/<business_id>/statements/<currency>/<month>")
@signed_in
def show(business_id: str, currency: str, month: str) -> Any:
    business, statement = _asked(business_id, currency, month)
    return render_template("payments/statement.html", business=business, statement=statement,
                           part_words=files.PART_WORDS, kept_words=files.KEPT_WORDS, notes=files.NOTES,
                           about_in_words=files.about_in_words)


@bp.get("/businesses/<business_id>/statements/<currency>/<month>/csv")
@signed_in
def csv(business_id: str, currency: str, month: str) -> Any:
    _, statement = _asked(business_id, currency, month)
    return _file(files.write_csv(statement).encode(), "text/csv; charset=utf-8", statement, "csv")


@bp.get("/businesses/<business_id>/statements/<currency>/<month>/pdf")
@signed_in
@limiter.limit(DRAWING, key_func=caller)
def pdf(business_id: str, currency: str, month: str) -> Any:
    business, statement = _asked(business_id, currency, month)
    return _file(files.draw_pdf(statement, business), "application/pdf", statement, "pdf")


def _seen_business(business_id: str) -> Business:
    business = get_business(business_id)
    require(may_see_funding(signed_in_user(), business.id), "see the statements of this business")
    return business


def _asked(business_id: str, currency: str, month: str) -> tuple[Business, BusinessStatement]:
    business = _seen_business(business_id)
    found = re.fullmatch(r"(20\d\d)-(0[1-9]|1[0-2])", month, re.ASCII)
    if found is None:
        raise NotFound("There is no statement of that month.", next_step="Choose one from the list.")
    return business, read_statement(business.id, currency, date(int(found[1]), int(found[2]), 1))


def _file(body: bytes, kind: str, statement: BusinessStatement, ending: str) -> Response:
    answer = Response(body, content_type=kind)
    name = f"fingerpost-{statement.month:%Y-%m}-{statement.currency}.{ending}"
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer
