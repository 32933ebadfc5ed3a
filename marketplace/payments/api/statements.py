"""Statements for programs: a business's month, a person's year; the same figures as the pages and their files."""
import re
from datetime import date
from typing import Any

from flask import Response
from flask_smorest import Blueprint

from marketplace.foundation.errors import NotFound, require
from marketplace.identity.queries import get_business
from marketplace.identity.session import require_scope, signed_in_user
from marketplace.payments.books import business_statement_files
from marketplace.payments.books.business_statements import BusinessStatement, months_of, read_statement
from marketplace.payments.money_out import statement_files
from marketplace.payments.money_out.statements import YearStatement, statement_of, years_of
from marketplace.payments.output_schemas import BusinessStatementOutput, MonthsOutput, YearStatementOutput
from marketplace.payments.permissions import may_see_funding

bp = Blueprint("statement_api", __name__, url_prefix="/api/v1", description="Statements by month and by year")

CSV = "text/csv"
TEXT = {"type": "string"}


@bp.get("/businesses/<business_id>/statements")
@require_scope("money:read")
@bp.response(200, MonthsOutput)
def list_statements(business_id: str) -> dict[str, Any]:
    """For which currencies and months there is a statement, newest month first."""
    return {"data": [{"currency": currency, "months": [f"{month:%Y-%m}" for month in months]}
                     for currency, months in months_of(_seen(business_id))]}


@bp.get("/businesses/<business_id>/statements/<currency>/<month>")
@require_scope("money:read")
@bp.response(200, BusinessStatementOutput)
def read_month(business_id: str, currency: str, month: str) -> BusinessStatement:
    """A month (2026-11) in one currency: opening and closing balance, and every line between them."""
    return _of_month(business_id, currency, month)


@bp.get("/businesses/<business_id>/statements/<currency>/<month>/csv")
@require_scope("money:read")
@bp.response(200, TEXT, content_type=CSV)
def read_month_as_csv(business_id: str, currency: str, month: str) -> Response:
    """The same month as a CSV file."""
    return _csv(business_statement_files.write_csv(_of_month(business_id, currency, month)))


@bp.get("/earnings/<year>")
@require_scope("rewards:read")
@bp.response(200, YearStatementOutput)
def read_year(year: str) -> YearStatement:
    """What you were sent in a year: gross, taken back and net, by currency, business and month."""
    return _of_year(year)


@bp.get("/earnings/<year>/csv")
@require_scope("rewards:read")
@bp.response(200, TEXT, content_type=CSV)
def read_year_as_csv(year: str) -> Response:
    """The same year as a CSV file."""
    return _csv(statement_files.write_csv(_of_year(year)))


def _seen(business_id: str) -> str:
    business = get_business(business_id)
    require(may_see_funding(signed_in_user(), business.id), "see the statements of this business")
    return business.id


def _of_month(business_id: str, currency: str, month: str) -> BusinessStatement:
    own = _seen(business_id)
    found = re.fullmatch(r"(20\d\d)-(0[1-9]|1[0-2])", month, re.ASCII)
    if found is None:
        raise NotFound("There is no statement of that month.", next_step="Choose one from the list.")
    return read_statement(own, currency, date(int(found[1]), int(found[2]), 1))


def _of_year(year: str) -> YearStatement:
    user = signed_in_user()
    if not re.fullmatch(r"\d{4}", year, re.ASCII) or int(year) not in years_of(user.id):
        raise NotFound("There is no statement for that year.", next_step="Choose a year in which you were here.")
    return statement_of(user.id, int(year))


def _csv(text: str) -> Response:
    return Response(text.encode(), content_type=f"{CSV}; charset=utf-8")
