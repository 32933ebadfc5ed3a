"""The buyer's yes as data for any program: a consent receipt by ISO/IEC TS 27560, said in W3C's DPV as JSON-LD.

It names parties and purposes, never an address: who holds it knows what was agreed, not how to reach anybody.
Source of the form: w3.org/community/reports/dpvcg/CG-FINAL-guide-27560-20240801.
"""
from typing import Any

from flask import current_app

from marketplace.foundation import audit, clock
from marketplace.foundation.db import db
from marketplace.foundation.errors import NotFound
from marketplace.identity.models import User
from marketplace.referrals.given import given_by_yes
from marketplace.referrals.models import Channel, ConsentGrant, Lead
from marketplace.referrals.permissions import may_work
from marketplace.referrals.queries import consents_of
from marketplace.referrals.reach import Reach, reach_of

SCHEMA = "https://w3id.org/dpv/schema/dpv-27560"
CONTEXT = {
    "dpv": "https://w3id.org/dpv#", "pd": "https://w3id.org/dpv/pd#", "dct": "http://purl.org/dc/terms/",
    "schema": "https://schema.org/", "xsd": "http://www.w3.org/2001/XMLSchema#",
}


class NoReceipt(NotFound):
    code = "no_receipt"


def receipt_for_buyer(lead: Lead) -> dict[str, Any]:
    """NoReceipt (404) before a yes was confirmed."""
    return _receipt(lead, recipient="dpv:DataSubject")


def receipt_for_business(lead: Lead, *, seen_by: User) -> dict[str, Any]:
    """The same record, for the one to whom the yes was said. NoReceipt (404) for others, and before a yes."""
    if not (may_work(seen_by, lead) or seen_by.is_admin):
        raise NoReceipt("There is no receipt here.", next_step="Look at your own leads.")
    return _receipt(lead, recipient="dpv:DataController")


def _receipt(lead: Lead, *, recipient: str) -> dict[str, Any]:
    grants = [one for one in consents_of(lead) if one.confirmed_at]
    if not grants:
        raise NoReceipt("The buyer has not said yes.", next_step="There is a receipt once they have.")
    public_url, notices = current_app.extensions["settings"].public_url, _notices_read(lead)
    return {
        "@context": CONTEXT,
        "@id": f"{public_url}/receipts/{lead.id}/{clock.now():%Y%m%dT%H%M%SZ}",
        "@type": "dpv:ConsentReceipt",
        "dct:conformsTo": f"{SCHEMA}#receipt-record",
        "dct:created": clock.now().isoformat(),
        "dct:publisher": {"@type": "schema:Organization", "schema:name": "Fingerpost", "schema:url": public_url},
        "schema:recipient": recipient,
        "dpv:hasRecordOfActivity": [_record(lead, grant, public_url, notices.get(grant.id)) for grant in grants],
    }


def _notices_read(lead: Lead) -> dict[str, str]:
    """By grant: the version of the page on which it was given. Of the oldest it was not written down."""
    return {event.details["grant"]: event.details["notice"] for event in db.session.scalars(
        audit.events_about(lead.id)) if event.action == "consent.given" and "notice" in event.details}


def _record(lead: Lead, grant: ConsentGrant, public_url: str, notice: str | None) -> dict[str, Any]:
    is_phone = grant.channel is Channel.PHONE
    business = {"@type": "dpv:DataController", "schema:name": lead.business.name,
                "schema:url": f"{public_url}/businesses/{lead.business.slug}"}
    return {
        "@id": f"{public_url}/consents/{grant.id}",
        "@type": "dpv:ConsentRecord",
        "dct:identifier": grant.id,
        **_not_given(lead, grant),
        "dct:conformsTo": f"{SCHEMA}#record",
        "dpv:hasDataSubject": {"@id": lead.buyer_id, "@type": "dpv:Consumer"},
        "dpv:hasDataController": business,
        "dpv:hasDataProcessor": {"@type": "dpv:DataProcessor", "schema:name": "Fingerpost", "schema:url": public_url},
        "dpv:hasNotice": {
            "@type": "dpv:ConsentNotice", "dct:title": "The buyer's private page", "dct:language": "en",
            **({"dct:hasVersion": notice} if notice else {
                "dct:description": "Which version of the page this was is not recorded."})},
        "dpv:hasProcess": {
            "@type": "dpv:Process",
            "dpv:hasPurpose": {"@type": "dpv:CommunicationForCustomerCare", "dct:description": grant.purpose},
            "dpv:hasPersonalData": [
                {"@type": one.data, "dct:description": one.words} for one in given_by_yes(lead, grant)],
            "dpv:hasProcessing": ["dpv:Disclose", "dpv:Use", "dpv:Store"],
            "dpv:hasRecipient": business,
            "dpv:hasDataSource": {"@type": "dpv:DataSource", "dct:description":
                                  "A public post or what the buyer said; pointed out by a referrer on Fingerpost."},
            "dpv:hasLegalBasis": "dpv:InformedConsent",
            "dct:description": "By phone" if is_phone else "By e-mail",
            "dpv:hasDuration": {"@type": "dpv:UntilTimeDuration", "schema:endDate": grant.until.isoformat()},
        },
        "dpv:hasConsentStatus": _statuses(grant),
        "dpv:hasRight": {"@type": "dpv:DataSubjectRight", "dct:title": "Taking it back, at any time",
                         "dpv:isExercisedAt": "The link in the mail that we sent the buyer"},
    }


def _not_given(lead: Lead, grant: ConsentGrant) -> dict[str, str]:
    """A yes says what may be given; where nothing was, or is yet, its record says so."""
    said = {Reach.NOT_YET: "Nothing of it is given yet: a person at Fingerpost looks at it first.",
            Reach.NEVER: "Nothing of it was ever given."}.get(reach_of(lead, grant))
    return {"dct:description": said} if said else {}


def _statuses(grant: ConsentGrant) -> list[dict[str, str]]:
    """What became of it, in the order of time."""
    by_buyer = {"dpv:isIndicatedBy": "dpv:DataSubject"}
    assert grant.confirmed_at is not None
    said = [{"@type": "dpv:ConsentGiven", **by_buyer, "dpv:isIndicatedAtTime": grant.confirmed_at.isoformat(),
             "dpv:hasIndicationMethod": "A form on the buyer's private page, their address proved by mail"}]
    if grant.withdrawn_at:
        said.append({"@type": "dpv:ConsentWithdrawn", **by_buyer,
                     "dpv:isIndicatedAtTime": grant.withdrawn_at.isoformat()})
    elif grant.until < clock.now().date():
        said.append({"@type": "dpv:ConsentExpired", "dpv:isIndicatedAtTime": grant.until.isoformat()})
    return said
