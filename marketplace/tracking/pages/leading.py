"""For the business: where the links of a bounty lead and how often they were clicked; its domains."""
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, url_for

from marketplace.bounties.queries import get_bounty
from marketplace.foundation.db import transaction
from marketplace.foundation.errors import require
from marketplace.foundation.limits import READING_OUTSIDE, WRITING, caller, limiter
from marketplace.foundation.web import Form
from marketplace.identity.queries import get_business
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.tracking.click_figures import most_clicked
from marketplace.tracking.destinations import MARKS, USUAL_UTM, destination_of, domains_shown, is_shown, lead_links
from marketplace.tracking.domains import (
    FILE,
    RECORD,
    NotShown,
    add_domain,
    check_now,
    domains_of,
    get_domain,
    remove_domain,
)
from marketplace.tracking.link_schemas import DestinationInput, DomainInput
from marketplace.tracking.permissions import may_lead_links, may_see_clicks

bp = Blueprint("leading", __name__)


@bp.route("/bounties/<bounty_id>/links", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def links(bounty_id: str) -> Any:
    user = signed_in_user()
    bounty = get_bounty(bounty_id, seen_by=user)
    require(may_see_clicks(user, bounty), "see the links of this bounty")
    kept = destination_of(bounty)
    form = Form(DestinationInput(), initial={"url": kept.url if kept else "", "utm": kept.utm if kept else USUAL_UTM})
    if form.is_ready:
        with form.keeping():
            with transaction():
                lead_links(bounty, form.fields["url"], form.fields["utm"], by=user,
                           allow=current_app.extensions["settings"].fetch_allow)
            flash("Saved. Every link of this bounty leads there within 5 seconds.", "ok")
            return redirect(url_for(".links", bounty_id=bounty_id))
    shown, total = most_clicked(bounty, seen_by=user)
    return render_template(
        "tracking/bounty_links.html", bounty=bounty, form=form, links=shown, total=total, marks=MARKS,
        may_edit=may_lead_links(user, bounty.business_id), destination=kept,
        is_shown=kept is not None and is_shown(kept.url, domains_shown(bounty.business_id))), form.status


@bp.route("/businesses/<business_id>/domains", methods=["GET", "POST"])
@signed_in
@limiter.limit(WRITING, key_func=caller, methods=["POST"])
def domains(business_id: str) -> Any:
    user, business = signed_in_user(), get_business(business_id)
    require(may_lead_links(user, business.id), "see the domains of this business")
    form = Form(DomainInput())
    if form.is_ready:
        with form.keeping():
            with transaction():
                add_domain(business, form.fields["domain"], by=user)
            return redirect(url_for(".domains", business_id=business_id))
    return render_template("tracking/domains.html", business=business, form=form, domains=domains_of(business.id),
                           record=RECORD, file=FILE), form.status


@bp.get("/domains/<domain_id>")
@signed_in
def domain_on_its_page(domain_id: str) -> Any:
    return redirect(url_for(".domains", business_id=get_domain(domain_id, seen_by=signed_in_user()).business_id), 303)


@bp.post("/domains/<domain_id>/check")
@signed_in
@limiter.limit(READING_OUTSIDE, key_func=caller)
def check(domain_id: str) -> Any:
    domain = get_domain(domain_id, seen_by=signed_in_user())
    name, business_id = domain.domain, domain.business_id
    try:
        check_now(domain, by=signed_in_user())
        flash(f"{name} is yours: links may lead straight there.", "ok")
    except NotShown as refusal:
        flash(f"{refusal.message} {refusal.next_step}", "warn")
    return redirect(url_for(".domains", business_id=business_id))


@bp.post("/domains/<domain_id>/removal")
@signed_in
@limiter.limit(WRITING, key_func=caller)
def removal(domain_id: str) -> Any:
    with transaction():
        domain = get_domain(domain_id, seen_by=signed_in_user())
        name, business_id = domain.domain, domain.business_id
        remove_domain(domain, by=signed_in_user())
    flash(f"{name} is removed. Links to it get a page of ours between.", "ok")
    return redirect(url_for(".domains", business_id=business_id))
