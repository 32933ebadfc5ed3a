"""Signing up, in and out; confirming an address; setting a forgotten password."""
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask_limiter.util import get_remote_address
from flask_login import current_user

from marketplace.foundation.browsers import mark_device, traces_of_request
from marketplace.foundation.db import transaction
from marketplace.foundation.limits import GUESSING, GUESSING_ONE, WRITING, account_tried, caller, limiter
from marketplace.foundation.traces import keep_traces
from marketplace.foundation.web import Form
from marketplace.identity.confirmation import AlreadyConfirmed, confirm_email, find_unconfirmed, send_confirmation_again
from marketplace.identity.passwords import ask_reset, find_resetting, reset_password
from marketplace.identity.schemas import ForgotInput, ResetInput, SignInInput, SignUpInput
from marketplace.identity.session import begin_session, end_session, path_only, signed_in, signed_in_user
from marketplace.identity.signin import sign_in as begin
from marketplace.identity.signup import sign_up as join

bp = Blueprint("sign", __name__)


def was_refused(response: Response) -> bool:
    return response.status_code != 302


# Per address every attempt counts; per person tried only what went wrong, so that nobody locks out himself.
per_address = limiter.limit(GUESSING, key_func=get_remote_address, methods=["POST"])
per_person = limiter.limit(GUESSING_ONE, key_func=account_tried, methods=["POST"])
per_person_refused = limiter.limit(GUESSING_ONE, key_func=account_tried, methods=["POST"], deduct_when=was_refused)


@bp.route("/sign-up", methods=["GET", "POST"])
@per_address
@per_person
def sign_up() -> Any:
    if current_user.is_authenticated:
        return redirect("/")
    form = Form(SignUpInput())
    if form.is_ready:
        with form.keeping():
            with transaction():
                join(**form.fields)
            return render_template("identity/look_in_your_mail.html", email=form.fields["email"])
    return render_template("identity/sign_up.html", form=form), form.status


@bp.route("/sign-in", methods=["GET", "POST"])
@per_address
@per_person_refused
def sign_in() -> Any:
    onward = path_only(request.values.get("next"))
    if current_user.is_authenticated:
        return redirect(onward)
    form = Form(SignInInput())
    if form.is_ready:
        with form.keeping():
            with transaction():
                user = begin(form.fields["email"], form.fields["password"])
                keep_traces(user.id, traces_of_request())
            begin_session(user)
            return mark_device(redirect(onward))
    return render_template("identity/sign_in.html", form=form, onward=onward), form.status


@bp.get("/sign-out")
@bp.get("/confirmation")
@signed_in
def to_buttons() -> Any:
    """Opened, neither does anything; the page has both buttons."""
    return redirect(url_for("settings.profile"), 303)


@bp.post("/sign-out")
@limiter.limit(WRITING, key_func=caller)
def sign_out() -> Any:
    end_session()
    flash("You are signed out.")
    return redirect(url_for(".sign_in"))


@bp.get("/confirm/<token>")
@per_address
def confirm(token: str) -> Any:
    """Only shows a button: mail programs open links by themselves, and a GET changes nothing."""
    try:
        user = find_unconfirmed(token)
    except AlreadyConfirmed:
        return render_template("identity/confirmed.html")
    return render_template("identity/confirm.html", user=user)


@bp.post("/confirm/<token>")
@per_address
def confirm_now(token: str) -> Any:
    try:
        with transaction():
            confirm_email(token)
    except AlreadyConfirmed:
        return render_template("identity/confirmed.html")
    flash("Thank you, your address is confirmed.", "ok")
    return redirect("/" if current_user.is_authenticated else url_for(".sign_in"))


@bp.post("/confirmation")
@signed_in
@limiter.limit(GUESSING_ONE, key_func=caller)
def send_again() -> Any:
    try:
        with transaction():
            send_confirmation_again(signed_in_user())
        flash(f"We sent the link to {signed_in_user().email} again.", "ok")
    except AlreadyConfirmed as refusal:
        flash(refusal.message)
    return redirect(path_only(request.form.get("next")))


@bp.route("/forgot", methods=["GET", "POST"])
@per_address
@per_person
def forgot() -> Any:
    form = Form(ForgotInput())
    if form.is_ready:
        with transaction():
            ask_reset(form.fields["email"])
        return render_template("identity/look_in_your_mail.html", email=form.fields["email"])
    return render_template("identity/forgot.html", form=form), form.status


@bp.route("/reset/<token>", methods=["GET", "POST"])
@per_address
def reset(token: str) -> Any:
    find_resetting(token)
    form = Form(ResetInput())
    if form.is_ready:
        with form.keeping():
            with transaction():
                reset_password(token, form.fields["password"])
            end_session()
            flash("Your new password is set. Sign in with it.", "ok")
            return redirect(url_for(".sign_in"))
    return render_template("identity/reset.html", form=form), form.status
