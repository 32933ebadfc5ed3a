"""Conversions for programs: report one or a thousand, read what became of them and why."""
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flask_smorest import Blueprint
from marshmallow import Schema, ValidationError, fields, validate

from marketplace.foundation.errors import DomainError, Invalid, NotFound
from marketplace.foundation.idempotency import once
from marketplace.foundation.limits import PROGRAMS, caller, limiter
from marketplace.foundation.paging import PageQuery, page
from marketplace.foundation.web import takes_up_to
from marketplace.identity.models import Business, User
from marketplace.identity.session import require_scope, signed_in_user
from marketplace.referrals.models import ConversionSource
from marketplace.referrals.reward_schemas import see_rewards
from marketplace.tracking.intake import take_conversion, take_conversions
from marketplace.tracking.models import Report, ReportKind
from marketplace.tracking.permissions import may_see_reports
from marketplace.tracking.report_outcomes import Outcome, outcomes_of
from marketplace.tracking.report_queries import STATES, get_report, reports_visible_to
from marketplace.tracking.report_schemas import BatchInput, BatchOutput, OneInput, ReportedInput, ReportOutput
from marketplace.tracking.reported import Reported

bp = Blueprint("conversions", __name__, url_prefix="/api/v1",
               description="What happened at your business, and whom it paid")
limiter.limit(PROGRAMS, key_func=caller, methods=["POST"])(bp)
LARGEST_BATCH = 2 * 1024 * 1024  # Bytes: a thousand items of two kilobytes.
ITEM = ReportedInput()


class WhichBusiness(Invalid):
    code = "which_business"


class ConversionQuery(PageQuery):
    state = fields.String(validate=validate.OneOf(tuple(STATES)), load_default=None, metadata={
        "description": "As the conversions that are answered say it."})
    kind = fields.Enum(ReportKind, by_value=True, load_default=None)
    source = fields.Enum(ConversionSource, by_value=True, load_default=None)
    external_id = fields.String(load_default=None)
    business_id = fields.String(load_default=None)
    lead_id = fields.String(load_default=None)


class ConversionPage(Schema):
    data = fields.List(fields.Nested(ReportOutput), attribute="rows")
    next_cursor = fields.String(allow_none=True)


@bp.post("/conversions")
@require_scope("conversions:write")
@once
@bp.arguments(OneInput)
@bp.response(201, ReportOutput)
def create_conversion(written: dict[str, Any]) -> Outcome:
    """Report one event: answers the reward it made, and why. The same external id again answers the same."""
    user = signed_in_user()
    business = _business(user, written["business_id"])
    return take_conversion(business, written["said"], source=ConversionSource.API, by=user)


@bp.post("/conversions/batch")
@takes_up_to(LARGEST_BATCH)
@require_scope("conversions:write")
@once
@bp.arguments(BatchInput)
@bp.response(200, BatchOutput)
def create_conversions(written: dict[str, Any]) -> dict[str, Any]:
    """Up to a thousand at once. Each is taken or refused by itself; the answers stand in the order of the items."""
    user = signed_in_user()
    business = _business(user, written.get("business_id"))
    read = [_read(item) for item in written["conversions"]]
    taken = iter(_with_next(take_conversions(business, [one for one in read if isinstance(one, Reported)],
                                             source=ConversionSource.API, by=user)))
    results = [_answer(item, next(taken) if isinstance(one, Reported) else one)
               for item, one in zip(written["conversions"], read, strict=True)]
    refused = sum(1 for one in results if one["problem"])
    return {"taken": len(results) - refused, "refused": refused, "results": results}


@bp.get("/conversions")
@require_scope("conversions:read")
@bp.arguments(ConversionQuery, location="query")
@bp.response(200, ConversionPage)
def list_reported_conversions(asked: dict[str, Any]) -> dict[str, Any]:
    """What your businesses reported, newest first."""
    reports = reports_visible_to(signed_in_user())
    if asked["state"] is not None:
        reports = reports.where(STATES[asked["state"]])
    for name in ("kind", "source", "external_id", "business_id", "lead_id"):
        if asked[name] is not None:
            reports = reports.where(getattr(Report, name) == asked[name])
    found = page(reports, Report.id, cursor=asked["cursor"], size=asked["limit"])
    return {"rows": _with_next(outcomes_of(list(found.rows))), "next_cursor": found.next_cursor}


@bp.get("/conversions/<report_id>")
@require_scope("conversions:read")
@bp.response(200, ReportOutput)
def read_conversion(report_id: str) -> Outcome:
    """One of them, with what it earned and why; also for the referrer it was credited to, without the order numbers."""
    user = signed_in_user()
    report = get_report(report_id, seen_by=user)
    [outcome] = outcomes_of([report])
    return replace(outcome, tells_orders=may_see_reports(user, report.business_id))


def _read(item: Mapping[str, Any]) -> Reported | dict[str, Any]:
    """Or what is wrong with it."""
    try:
        said: Reported = ITEM.load(item)
    except ValidationError as error:
        said_of: dict[str, Any] = error.normalized_messages()  # type: ignore[no-untyped-call]
        wrong = {str(name): _sentences(one) for name, one in said_of.items()}
        return {"code": "invalid", "message": "Some fields need attention.", "errors": wrong}
    return said


def _answer(item: Mapping[str, Any], taken: Outcome | DomainError | dict[str, Any]) -> dict[str, Any]:
    external_id = item.get("external_id")
    problem = taken if isinstance(taken, dict) else None
    if isinstance(taken, DomainError):
        problem = {"code": taken.code, "message": taken.message, "errors": taken.fields}
    return {"external_id": external_id if isinstance(external_id, str) else None, "problem": problem,
            "conversion": taken if isinstance(taken, Outcome) else None}


def _sentences(said: Any) -> list[str]:
    if isinstance(said, Mapping):
        return [one for part in said.values() for one in _sentences(part)]
    return [str(one) for one in said] if isinstance(said, list) else [str(said)]


def _business(user: User, business_id: str | None) -> Business:
    """The one that they work for; with several it must be said which."""
    own = [membership.business for membership in user.memberships]
    if business_id is not None:
        found = next((one for one in own if one.id == business_id), None)
        if found is None:
            raise NotFound("There is no such business of yours.", next_step="Look at your businesses.",
                           fields={"business_id": ["The id of one of your businesses."]})
        return found
    if len(own) != 1:
        raise WhichBusiness("Say for which business it is." if own else "You work for no business.",
                            fields={"business_id": ["The id of one of your businesses."]})
    return own[0]


def _with_next(taken: Sequence[Outcome | DomainError]) -> Sequence[Outcome | DomainError]:
    """What happens next with all that they earned, read at once."""
    seen = {one.id: one for one in see_rewards([
        reward for one in taken if isinstance(one, Outcome) for reward in one.rewards])}
    return [replace(one, rewards=[seen[reward.id] for reward in one.rewards]) if isinstance(one, Outcome) else one
            for one in taken]
