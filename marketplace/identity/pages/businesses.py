"""Founding a business, editing it, and its people."""
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from marketplace.foundation.db import transaction
from marketplace.foundation.errors import Conflict, Invalid, require
from marketplace.foundation.limits import GUESSING, WRITING, caller, limiter
from marketplace.foundation.web import Form, check_version
from marketplace.identity.businesses import edit_business, found_business
from marketplace.identity.members import add_member, change_role, remove_member
from marketplace.identity.models import Business, MemberRole, Membership
from marketplace.identity.permissions import is_confirmed, may_edit_business, may_manage_members
from marketplace.identity.queries import get_business, get_membership, members_of
from marketplace.identity.schemas import BusinessInput, MemberInput, RoleInput
from marketplace.identity.session import signed_in, signed_in_user

bp = Blueprint("businesses", __name__, url_prefix="/businesses")


@bp.route("/new", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def new() -> Any:
    user = signed_in_user()
    form = Form(BusinessInput(exclude=("version",)))
    if form.is_ready:
        with form.keeping():
            with transaction():
                business = found_business(**form.fields, by=user)
            flash(f"{business.name} is here. Now bring in your people, or write your first bounty.", "ok")
            return redirect(url_for(".members", business_id=business.id))
    return render_template("identity/business_new.html", form=form, is_confirmed=is_confirmed(user)), form.status


@bp.route("/<business_id>/settings", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def settings(business_id: str) -> Any:
    user, business = signed_in_user(), get_business(business_id)
    require(may_edit_business(user, business.id), "edit this business")
    form = Form(BusinessInput(), initial=_as_typed(business))
    if form.is_ready:
        version = form.fields.pop("version", None)
        with form.keeping():
            with transaction():
                check_version(business, version)
                edit_business(business, **form.fields, by=user)
            flash("Saved.", "ok")
            return redirect(url_for(".settings", business_id=business.id))
    return render_template("identity/business_settings.html", form=form, business=business), form.status


def _as_typed(business: Business) -> dict[str, str]:
    return {"name": business.name, "about": business.about, "place": business.place,
            "website": business.website or "", "version": str(business.version)}


@bp.route("/<business_id>/members", methods=["GET", "POST"])
@signed_in
@limiter.limit(GUESSING, key_func=caller, methods=["POST"])
def members(business_id: str) -> Any:
    user, business = signed_in_user(), get_business(business_id)
    form = Form(MemberInput(), initial={"role": MemberRole.AGENT.value})
    if request.method == "POST":
        require(may_manage_members(user, business.id), "manage the people of this business")
    if form.is_ready:
        with form.keeping():
            with transaction():
                joined = add_member(business, **form.fields, by=user)
                name = joined.user.name
            flash(f"{name} is a member now and got a mail about it.", "ok")
            return redirect(url_for(".members", business_id=business.id))
    return render_template(
        "identity/members.html", form=form, business=business, user=user, roles=list(MemberRole),
        members=members_of(business.id, seen_by=user),
        may_manage=may_manage_members(user, business.id), may_edit=may_edit_business(user, business.id)), form.status


@bp.post("/<business_id>/members/<membership_id>/role")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def role(business_id: str, membership_id: str) -> Any:
    form = Form(RoleInput())
    if not form.is_ready:
        raise Invalid("Choose owner, manager or agent.", next_step="Go back and choose one from the list.")
    user = signed_in_user()
    try:
        with transaction():
            member = _get(business_id, membership_id)
            change_role(member, form.fields["role"], by=user)
        flash(f"{member.user.name} is {member.role.value} now.", "ok")
    except Conflict as refusal:
        flash(f"{refusal.message} {refusal.next_step}", "bad")
    return redirect(url_for(".members", business_id=business_id))


@bp.post("/<business_id>/members/<membership_id>/removal")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def removal(business_id: str, membership_id: str) -> Any:
    user = signed_in_user()
    try:
        with transaction():
            member = _get(business_id, membership_id)
            name, is_leaving = member.user.name, member.user_id == user.id
            remove_member(member, by=user)
    except Conflict as refusal:
        flash(f"{refusal.message} {refusal.next_step}", "bad")
        return redirect(url_for(".members", business_id=business_id))
    if is_leaving:
        flash("You left the business.", "ok")
        return redirect("/")
    flash(f"{name} is no longer a member.", "ok")
    return redirect(url_for(".members", business_id=business_id))


def _get(business_id: str, membership_id: str) -> Membership:
    business = get_business(business_id)
    return get_membership(membership_id, business_id=business.id, seen_by=signed_in_user())
