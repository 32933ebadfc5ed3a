"""A person's own settings: name, password, API keys."""
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from marketplace.foundation import jurisdictions
from marketplace.foundation.db import transaction
from marketplace.foundation.limits import GUESSING_ONE, WRITING, caller, limiter
from marketplace.foundation.web import Form, check_version
from marketplace.identity.api_keys import (
    DAYS_CHOICES,
    SCOPES,
    create_key,
    is_expired,
    made_by_each,
    makers_of,
    revoke_key,
)
from marketplace.identity.passwords import change_password
from marketplace.identity.profile import rename_user, say_home
from marketplace.identity.queries import api_keys_of, get_api_key
from marketplace.identity.schemas import ApiKeyInput, PasswordInput, ProfileInput
from marketplace.identity.session import begin_session, signed_in, signed_in_user

bp = Blueprint("settings", __name__, url_prefix="/settings")

NEW_KEY = {"days": "90"}  # What the form for a key begins with.


@bp.route("", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def profile() -> Any:
    user = signed_in_user()
    form = Form(ProfileInput(), initial={
        "name": user.name, "jurisdiction": user.jurisdiction, "version": str(user.version)})
    if form.is_ready:
        with form.keeping():
            with transaction():
                check_version(user, form.fields.get("version"))
                rename_user(user, form.fields["name"])
                say_home(user, form.fields["jurisdiction"])
            flash("Saved.", "ok")
            return redirect(url_for(".profile"))
    return render_template(
        "identity/profile.html", form=form, user=user, jurisdictions=jurisdictions.choices()), form.status


@bp.route("/password", methods=["GET", "POST"])
@signed_in
@limiter.limit(GUESSING_ONE, key_func=caller, methods=["POST"])
def password() -> Any:
    user = signed_in_user()
    form = Form(PasswordInput())
    if form.is_ready:
        with form.keeping():
            with transaction():
                change_password(user, current=form.fields["current_password"], new=form.fields["new_password"])
            begin_session(user)
            flash("Your new password is set. Everywhere else you are signed out.", "ok")
            return redirect(url_for(".profile"))
    return render_template("identity/password.html", form=form, user=user), form.status


@bp.route("/keys", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def keys() -> Any:
    user = signed_in_user()
    form = Form(ApiKeyInput(), initial=NEW_KEY)
    secret = None
    if form.is_ready:
        with form.keeping(), transaction():
            _, secret = create_key(user, **form.fields)
    if secret and form.is_ready:
        form.typed = NEW_KEY.copy()
    else:
        secret = None
    return render_template(
        "identity/keys.html", form=form, secret=secret, keys=api_keys_of(user), is_expired=is_expired, user=user,
        makers=makers_of(user.id), made_by=made_by_each(user.id),
        scopes=SCOPES, chosen=[] if secret else request.form.getlist("scopes"), days_choices=DAYS_CHOICES), form.status


@bp.post("/keys/<key_id>/revocation")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def revoke(key_id: str) -> Any:
    user = signed_in_user()
    with transaction():
        made = revoke_key(get_api_key(key_id, seen_by=user), by=user, made_too="made_too" in request.form)
    also = f", and with it {'the key' if made == 1 else f'the {made} keys'} that it made" if made else ""
    flash(f"The key is revoked{also}: no program can use it from now on.", "ok")
    return redirect(url_for(".keys"))
