"""What a person was sent in a year: as a page, a CSV file and a PDF."""
import re
from typing import Any

from flask import Blueprint, Response, render_template, request

from marketplace.foundation.errors import NotFound
from marketplace.foundation.limits import DRAWING, caller, limiter
from marketplace.identity.models import User
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.payments.money_out import statement_files
from marketplace.payments.money_out.statements import YearStatement, statement_of, years_of
from marketplace.payments.queries import get_statement_owner

bp = Blueprint("payee_statements", __name__)


@bp.get("/people/<user_id>/statements")
@signed_in
def show(user_id: str) -> Any:
    owner, statement, years = _asked(user_id)
    return render_template("payments/payee_statement.html", owner=owner, statement=statement, years=years,
                           is_own=owner.id == signed_in_user().id, what_it_says=statement_files.WHAT_IT_SAYS,
                           no_tax_number=statement_files.NO_TAX_NUMBER)


@bp.get("/people/<user_id>/statements.csv")
@signed_in
def csv(user_id: str) -> Any:
    _, statement, _ = _asked(user_id)
    return _file(statement_files.write_csv(statement).encode(), "text/csv; charset=utf-8", statement, "csv")


@bp.get("/people/<user_id>/statements.pdf")
@signed_in
@limiter.limit(DRAWING, key_func=caller)
def pdf(user_id: str) -> Any:
    owner, statement, _ = _asked(user_id)
    return _file(statement_files.draw_pdf(statement, owner), "application/pdf", statement, "pdf")


def _asked(user_id: str) -> tuple[User, YearStatement, list[int]]:
    """``?year=``; the newest one where none is told. NotFound for a person or a year that is not seen."""
    owner = get_statement_owner(user_id, seen_by=signed_in_user())
    years = years_of(owner.id)
    told = request.args.get("year", str(years[0]))
    if not re.fullmatch(r"\d{4}", told, re.ASCII) or int(told) not in years:
        raise NotFound("There is no statement for that year.", next_step="Choose one of the years in the list.")
    return owner, statement_of(owner.id, int(told)), years


def _file(body: bytes, kind: str, statement: YearStatement, ending: str) -> Response:
    answer = Response(body, content_type=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="fingerpost-{statement.year}.{ending}"'
    return answer
