"""For the business: the list of those whom it knows already, uploaded as a CSV, checked first, kept as hashes only."""
from contextlib import closing
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from marketplace.foundation.db import transaction
from marketplace.foundation.errors import Invalid, require
from marketplace.foundation.limits import DRAWING, WRITING, caller, limiter
from marketplace.foundation.web import Form, takes_up_to
from marketplace.identity.permissions import may_edit_business
from marketplace.identity.queries import get_business
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.referrals.contact_list import MOST_BYTES, MOST_ROWS, ContactList, read_contact_list
from marketplace.referrals.known_contacts import MOST_KEPT, known_list, remove_contacts, take_contacts
from marketplace.referrals.schemas import ContactsInput

bp = Blueprint("known_contacts", __name__)


@bp.get("/businesses/<business_id>/known-contacts")
@signed_in
def show(business_id: str) -> Any:
    return _page(business_id, Form(ContactsInput(), initial={"how": "extend"}))


@takes_up_to(MOST_BYTES)
@bp.post("/businesses/<business_id>/known-contacts")
@signed_in
@limiter.limit(DRAWING, key_func=caller)
def upload(business_id: str) -> Any:
    """``step`` is check, which only counts, or take. Nothing of the file is kept but hashes, and of a check nothing."""
    user, business = signed_in_user(), get_business(business_id)
    require(may_edit_business(user, business.id), "upload whom this business knows")
    form, contacts = Form(ContactsInput()), None
    if form.is_ready:
        with form.keeping():
            contacts = read_contact_list(_content())
            if form.fields["step"] == "take":
                with transaction():
                    taken = take_contacts(get_business(business_id), contacts, by=user,
                                          replaces=form.fields["how"] == "replace")
                flash(f"Taken: {taken.added} new, {taken.removed} removed. They count for leads from now on.", "ok")
                return redirect(url_for(".show", business_id=business_id))
    return _page(business_id, form, contacts)


@bp.post("/businesses/<business_id>/known-contacts/removal")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def removal(business_id: str) -> Any:
    with transaction():
        count = remove_contacts(get_business(business_id), by=signed_in_user())
    flash(f"Removed: {count} hashes. New leads are no longer compared with them.", "ok")
    return redirect(url_for(".show", business_id=business_id))


def _content() -> bytes:
    file = request.files.get("file")
    if file is not None:
        with closing(file):
            content: bytes = file.read()
        if content:
            return content
    raise Invalid("There is no file.", fields={"file": ["Choose the CSV file."]})


def _page(business_id: str, form: Form, contacts: ContactList | None = None) -> Any:
    user, business = signed_in_user(), get_business(business_id)
    require(may_edit_business(user, business.id), "see whom this business knows")
    return render_template(
        "referrals/known_contacts.html", business=business, form=form, contacts=contacts, known=known_list(business.id),
        most_rows=MOST_ROWS, most_kept=MOST_KEPT), form.status
