"""For the business: files with what it sold, or brings from elsewhere; looked at first, taken when it says so."""
from contextlib import closing
from typing import Any, BinaryIO, cast

from flask import (
    Blueprint,
    Response,
    flash,
    redirect,
    render_template,
    request,
    stream_with_context,
    url_for,
)

from marketplace.bounties.models import Bounty
from marketplace.foundation.db import db, finish_reading, transaction
from marketplace.foundation.errors import Invalid, require
from marketplace.foundation.limits import DRAWING, WRITING, caller, limiter
from marketplace.foundation.money import CURRENCIES, Money
from marketplace.foundation.web import Form, takes_up_to
from marketplace.identity.models import Business
from marketplace.identity.permissions import is_manager, is_owner
from marketplace.identity.queries import get_business
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.tracking.models import Upload, UploadPurpose, UploadState
from marketplace.tracking.uploads.columns import Sheet, guess_choices, guess_columns, remembered_columns
from marketplace.tracking.uploads.outcomes import page_of_results, write_results
from marketplace.tracking.uploads.programmes import PROGRAMMES
from marketplace.tracking.uploads.purposes import purpose_of
from marketplace.tracking.uploads.reading import SHOWN, read_sheet
from marketplace.tracking.uploads.receiving import MOST_BYTES, MOST_ROWS, keep_upload, receive
from marketplace.tracking.uploads.rows import TAKES, WORDS, WRONG, RowOutcome
from marketplace.tracking.uploads.schemas import (
    SEPARATOR_NAMES,
    ResultsInput,
    SpellingInput,
    TakingInput,
    UploadInput,
    columns_input,
)
from marketplace.tracking.uploads.spelling import ENCODINGS, SEPARATORS
from marketplace.tracking.uploads.starting import (
    begin_check,
    begin_taking,
    change_columns,
    change_spelling,
    find_same_file,
    get_upload,
    give_up,
    uploads_of,
)
from marketplace.tracking.uploads.values import DAY_ORDERS, DECIMALS

bp = Blueprint("uploads", __name__)

BUSY = frozenset({UploadState.CHECKING, UploadState.TAKING})


@takes_up_to(MOST_BYTES)
@bp.route("/businesses/<business_id>/uploads", methods=["GET", "POST"])
@signed_in
@limiter.limit(DRAWING, key_func=caller, methods=["POST"])
def index(business_id: str) -> Any:
    user, business = signed_in_user(), get_business(business_id)
    require(is_manager(user, business.id), "upload files for this business")
    form = Form(UploadInput(), initial={"purpose": request.args.get("purpose", UploadPurpose.CONVERSIONS)})
    if form.is_ready:
        with form.keeping():
            file = request.files.get("file")
            if file is None or not file.filename:
                raise Invalid("There is no file.", fields={"file": ["Choose the CSV file."]})
            finish_reading()
            with closing(file), receive(cast("BinaryIO", file.stream)) as received, transaction():
                upload = keep_upload(get_business(business_id), received, by=user, file_name=file.filename,
                                     **form.fields)
            return redirect(url_for(".show", upload_id=upload.id))
    return render_template(
        "tracking/uploads.html", business=business, form=form, uploads=uploads_of(business.id, seen_by=user),
        programmes=PROGRAMMES, may_take_along=is_owner(user, business.id), most_rows=MOST_ROWS,
        most_mb=MOST_BYTES // 1024 // 1024), form.status


@bp.get("/uploads/<upload_id>")
@signed_in
def show(upload_id: str) -> Any:
    """The step that it stands at."""
    upload = get_upload(upload_id, seen_by=signed_in_user())
    if upload.state is UploadState.RECEIVED:
        return _ask_columns(upload, None)
    return _results(upload, Form(TakingInput()))


@bp.post("/uploads/<upload_id>/spelling")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def spelling(upload_id: str) -> Any:
    user, form = signed_in_user(), Form(SpellingInput())
    if form.is_ready:
        with form.keeping():
            with transaction():
                change_spelling(get_upload(upload_id, seen_by=user), encoding=form.fields["encoding"],
                                separator=SEPARATOR_NAMES[form.fields["separator"]], by=user)
            return redirect(url_for(".show", upload_id=upload_id))
    upload = get_upload(upload_id, seen_by=user)
    page, _ = _ask_columns(upload, None) if upload.state is UploadState.RECEIVED else _results(upload, form)
    return page, form.status


@bp.post("/uploads/<upload_id>/check")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def check(upload_id: str) -> Any:
    user = signed_in_user()
    upload = get_upload(upload_id, seen_by=user)
    form = Form(columns_input(upload.purpose))
    if form.is_ready:
        columns = {name.removeprefix("column_"): place for name, place in form.fields.items()
                   if name.startswith("column_") and place is not None}
        choices = {name: form.fields[name] for name in ("days", "decimals", "currency") if form.fields[name]}
        with form.keeping():
            with transaction():
                begin_check(get_upload(upload_id, seen_by=user), columns=columns, choices=choices, by=user)
            return redirect(url_for(".show", upload_id=upload_id))
    return _ask_columns(get_upload(upload_id, seen_by=user), form)


@bp.post("/uploads/<upload_id>/columns")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def columns_again(upload_id: str) -> Any:
    with transaction():
        user = signed_in_user()
        change_columns(get_upload(upload_id, seen_by=user), by=user)
    return redirect(url_for(".show", upload_id=upload_id))


@bp.post("/uploads/<upload_id>/taking")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def taking(upload_id: str) -> Any:
    user, form = signed_in_user(), Form(TakingInput())
    if form.is_ready:
        with form.keeping():
            with transaction():
                begin_taking(get_upload(upload_id, seen_by=user), by=user, **form.fields)
            return redirect(url_for(".show", upload_id=upload_id))
    return _results(get_upload(upload_id, seen_by=user), form)


@bp.post("/uploads/<upload_id>/removal")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def removal(upload_id: str) -> Any:
    with transaction():
        user = signed_in_user()
        upload = get_upload(upload_id, seen_by=user)
        give_up(upload, by=user)
        business_id = upload.business_id
    flash("The file is removed. What was taken of it stays.", "ok")
    return redirect(url_for(".index", business_id=business_id))


@bp.get("/uploads/<upload_id>/rows.csv")
@signed_in
@limiter.limit(DRAWING, key_func=caller)
def rows_file(upload_id: str) -> Any:
    """What was not taken and why, or with ``?outcome=`` the rows of one kind."""
    upload = get_upload(upload_id, seen_by=signed_in_user())
    form = Form(ResultsInput(), takes_address=True)
    outcome = form.fields.get("outcome")
    written = write_results(upload, (outcome,) if outcome else WRONG)
    return Response(stream_with_context(written), content_type="text/csv; charset=utf-8", headers={
        "Content-Disposition": f'attachment; filename="rows-{upload.id[-6:]}.csv"'})


def _ask_columns(upload: Upload, form: Form | None) -> Any:
    sheet, columns = read_sheet(upload), purpose_of(upload).columns
    if form is None:
        form = Form(columns_input(upload.purpose), initial=_guessed(upload, sheet))
    user = signed_in_user()
    return render_template(
        "tracking/upload_columns.html", upload=upload, business=_business(upload), form=form, columns=columns,
        heading=list(enumerate(sheet.heading)), rows=sheet.rows[:SHOWN], encodings=ENCODINGS, separators=SEPARATORS,
        separator_names=SEPARATOR_NAMES, day_orders=DAY_ORDERS, decimals=DECIMALS, currencies=sorted(CURRENCIES),
        same=find_same_file(upload), may=is_manager(user, upload.business_id)), form.status


def _guessed(upload: Upload, sheet: Sheet) -> dict[str, str]:
    names, choices = remembered_columns(upload.business_id, upload.purpose)
    columns = {key: place for key, place in upload.columns.items() if place < len(sheet.heading)} or guess_columns(
        sheet.heading, purpose_of(upload).columns, names)
    programme = PROGRAMMES.get(upload.choices.get("programme", ""))
    guessed = guess_choices(sheet, columns, choices, _usual_currency(upload.business_id))
    if programme and programme.minor:
        guessed["decimals"] = "minor"
    return {f"column_{key}": str(place) for key, place in columns.items()} | guessed | {
        name: value for name, value in upload.choices.items() if name in {"days", "decimals", "currency"}}


def _usual_currency(business_id: str) -> str:
    return db.session.query(Bounty.currency).filter_by(business_id=business_id).order_by(Bounty.id.desc()).limit(
        1).scalar() or "usd"


def _results(upload: Upload, form: Form) -> Any:
    asked = Form(ResultsInput(), takes_address=True).fields if request.method == "GET" else {}
    outcome, after = asked.get("outcome"), asked.get("after", 0)
    return render_template(
        "tracking/upload.html", upload=upload, business=_business(upload), form=form, words=WORDS, takes=TAKES,
        outcomes=[one for one in RowOutcome if upload.counts.get(one)], outcome=outcome,
        is_busy=upload.state in BUSY,
        page=page_of_results(upload, outcome=outcome, after=after),
        earns=[Money(minor, currency) for currency, minor in sorted(upload.earns.items())]), form.status


def _business(upload: Upload) -> Business:
    return db.session.get_one(Business, upload.business_id)
