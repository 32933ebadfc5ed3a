"""For admins: what may be given for a referral, by category and place; one proposes a rule, another reviews it."""
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from marshmallow import Schema, fields, validate

from marketplace.bounties.gate import place_in_words
from marketplace.bounties.gate_rules import all_rules, get_rule, ids_in_force, propose_rule, review_rule
from marketplace.bounties.models import Allowed, Category
from marketplace.foundation import jurisdictions
from marketplace.foundation.db import db, transaction
from marketplace.foundation.errors import DomainError, require
from marketplace.foundation.fields import JurisdictionCode, clean_text
from marketplace.foundation.limits import WRITING, caller, limiter
from marketplace.foundation.web import Form
from marketplace.identity.models import User
from marketplace.identity.session import signed_in, signed_in_user

bp = Blueprint("gate", __name__, url_prefix="/admin")

SAYS = {
    Allowed.CASH: "Money may be paid", Allowed.THANK_YOU: "Thanks without a value only",
    Allowed.NOTHING: "Nothing at all",
}


class RuleInput(Schema):
    """The next number of a rule, with where it stands in the law."""

    key = fields.String(required=True, validate=validate.Regexp(
        r"^[a-z][a-z0-9-]{2,59}$", error="Small letters, digits and dashes, like us-ca-cars."))
    category = fields.Enum(Category, by_value=True, required=True)
    jurisdiction = JurisdictionCode(load_default="")
    allows = fields.Enum(Allowed, by_value=True, required=True)
    binds_buyer = fields.Boolean(load_default=False)
    says = clean_text(20, 600, required=True)
    exception = clean_text(0, 300, load_default="")
    citation = clean_text(5, 300, required=True)
    source_url = fields.Url(load_default="", schemes={"https", "http"}, error_messages={
        "invalid": "Write the whole address, like https://leginfo.legislature.ca.gov."})
    cited_on = fields.Date(required=True)


def _operator() -> User:
    user = signed_in_user()
    require(user.is_admin, "enter the operators' rooms")
    return user


@bp.get("/gate")
@signed_in
def index() -> Any:
    _operator()
    return _show()


def _show(refusal: DomainError | None = None) -> str:
    rules = all_rules()
    admins = {admin for one in rules for admin in (one.proposed_by, one.reviewed_by) if admin}
    names = {user.id: user.name for user in db.session.scalars(db.select(User).where(User.id.in_(admins)))}
    return render_template(
        "admin/gate.html", rules=rules, in_force=ids_in_force(), names=names, says=SAYS, place=place_in_words,
        reader=signed_in_user().id, refusal=refusal)


@bp.route("/gate/new", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def new() -> Any:
    user = _operator()
    form = Form(RuleInput())
    if form.is_ready:
        with form.keeping():
            with transaction():
                propose_rule(by=user, **form.fields)
            flash("Proposed. It comes into force when another admin has read it against its citation.", "ok")
            return redirect(url_for(".index"))
    return render_template("admin/gate_rule.html", form=form, categories=list(Category), says=SAYS,
                           jurisdictions=jurisdictions.choices()), form.status


@bp.post("/gate/<rule_id>/review")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def review(rule_id: str) -> Any:
    user = _operator()
    try:
        with transaction():
            rule = get_rule(rule_id)
            review_rule(rule, by=user)
    except DomainError as refusal:
        if refusal.status not in {403, 409}:
            raise
        return _show(refusal), refusal.status
    flash(f"Reviewed: {rule.key}, number {rule.number}, is in force.", "ok")
    return redirect(url_for(".index"))
