"""A buyer's own data, by the link that stands in every mail to them: no account, in no search engine."""
import json
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from marshmallow import Schema, fields

from marketplace.foundation import clock
from marketplace.foundation.db import transaction
from marketplace.foundation.errors import Conflict, DomainError
from marketplace.foundation.fields import EmailAddress, clean_text
from marketplace.foundation.limits import DRAWING, GUESSING, GUESSING_ONE, WRITING, account_tried, limiter
from marketplace.foundation.web import Form
from marketplace.privacy.buyer_view import as_json, as_sheet, tell_held, until_in_words
from marketplace.privacy.buyers import (
    ask_data_link,
    erase_buyer,
    get_lead_about,
    is_only_typed,
    report_misuse,
    withdraw_from,
)
from marketplace.privacy.kinds import KINDS, Whose
from marketplace.referrals.data_link import read_data_link
from marketplace.referrals.evidence_files import get_file
from marketplace.referrals.models import FileKind
from marketplace.referrals.private_pages import answer_with
from marketplace.referrals.suppression import is_suppressed

bp = Blueprint("your_data", __name__, url_prefix="/your-data")


class AddressInput(Schema):
    email = EmailAddress(required=True)


class LeadChoice(Schema):
    lead_id = fields.String(required=True)


class MisuseInput(Schema):
    text = clean_text(10, 2000, required=True)
    happened_on = fields.Date()


class ErasureInput(Schema):
    never = fields.Boolean(load_default=False)


@bp.after_request
def keep_out_of_sight(response: Response) -> Response:
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@bp.errorhandler(DomainError)
def closed(refusal: DomainError) -> Any:
    """Forged, too old, erased: with the way to a new link."""
    return render_template("privacy/closed.html", refusal=refusal), refusal.status


@bp.route("", methods=["GET", "POST"])
@limiter.limit(GUESSING, methods=["POST"])
@limiter.limit(GUESSING_ONE, key_func=account_tried, methods=["POST"])
def ask() -> Any:
    form = Form(AddressInput())
    if form.is_ready:
        with transaction():
            ask_data_link(form.fields["email"])
        return render_template("privacy/asked.html", email=form.fields["email"])
    return render_template("privacy/ask.html", form=form), form.status


@bp.get("/<token>")
def show(token: str) -> Any:
    return _show(token)


def _show(token: str, refusal: DomainError | None = None) -> str:
    email = read_data_link(token)
    return render_template(
        "privacy/your_data.html", email=email, token=token, held=tell_held(email), refusal=refusal,
        until=until_in_words, file_href=lambda lead: lambda file: url_for(
            ".file", token=token, lead_id=lead.id, file_id=file.id), is_never=is_suppressed(email),
        kinds=[kind for kind in KINDS if kind.whose is Whose.BUYER])


@bp.get("/<token>/files/<lead_id>/<file_id>")
@limiter.limit(DRAWING)
def file(token: str, lead_id: str, file_id: str) -> Any:
    """One that was given with their post."""
    lead = get_lead_about(read_data_link(token), lead_id)
    found = get_file(lead, "" if is_only_typed(lead) else file_id, by=None)
    return answer_with(found, is_shown=found.kind is FileKind.IMAGE)


@bp.get("/<token>/export.json")
@limiter.limit(DRAWING)
def export_json(token: str) -> Any:
    told = json.dumps(as_json(read_data_link(token)), indent=2, ensure_ascii=False) + "\n"
    return _file(told, "application/json", "json")


@bp.get("/<token>/export.csv")
@limiter.limit(DRAWING)
def export_csv(token: str) -> Any:
    return _file(as_sheet(read_data_link(token)), "text/csv", "csv")


def _file(told: str, kind: str, ending: str) -> Response:
    return Response(told, content_type=f"{kind}; charset=utf-8", headers={
        "Content-Disposition": f'attachment; filename="about-me.{ending}"', "Cache-Control": "no-store"})


@bp.post("/<token>/withdrawal")
@limiter.limit(WRITING)
def withdrawal(token: str) -> Any:
    email, form = read_data_link(token), Form(LeadChoice())
    try:
        with transaction():
            withdraw_from(email, form.fields.get("lead_id", ""))
    except Conflict as refusal:
        return _show(token, refusal), refusal.status
    flash("Taken back. They are told not to contact you again.", "ok")
    return redirect(url_for(".show", token=token))


@bp.route("/<token>/misuse/<lead_id>", methods=["GET", "POST"])
@limiter.limit(WRITING, methods=["POST"])
def misuse(token: str, lead_id: str) -> Any:
    """The business did something else with it than was agreed: a dispute, which the business has to answer."""
    email, form = read_data_link(token), Form(MisuseInput())
    lead = get_lead_about(email, lead_id)
    if form.is_ready:
        with form.keeping():
            with transaction():
                report_misuse(email, lead_id, text=form.fields["text"], happened_on=form.fields.get("happened_on"))
            flash(f"Reported. {lead.business.name} has to answer within five business days, or you are right.", "ok")
            return redirect(url_for(".show", token=token))
    return render_template("privacy/misuse.html", token=token, lead=lead, form=form,
                           latest=clock.now().date()), form.status


@bp.route("/<token>/erasure", methods=["GET", "POST"])
@limiter.limit(WRITING, methods=["POST"])
def erasure(token: str) -> Any:
    """The second page: what goes, what stays and why; then it is done."""
    email, form = read_data_link(token), Form(ErasureInput())
    if not form.is_ready:
        return render_template("privacy/erasure.html", token=token, email=email, held=tell_held(email), form=form)
    with transaction():
        erased = erase_buyer(email, never=form.fields["never"])
    return render_template("privacy/erased.html", erased=erased, token=token, never=form.fields["never"])
