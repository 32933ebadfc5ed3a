"""Connected accounts (v2): born restricted, made active by onboarding; the control door restricts and closes them."""
from typing import Any

from marketplace.payments.sandbox.encoding import at, labels, only, text
from marketplace.payments.sandbox.events import emit_thin
from marketplace.payments.sandbox.external_accounts import add_bank, banks_of
from marketplace.payments.sandbox.refusals import Refusal, bad_parameter, missing
from marketplace.payments.sandbox.sandbox_clock import as_text
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import Call, World

KIND = "v2.core.account"
LINK_SECONDS = 10 * 60
STATES = ("new", "pending", "active", "restricted")
ASKED_AT_FIRST = ("identity.individual.given_name", "identity.individual.surname",
                  "identity.individual.date_of_birth", "identity.individual.address",
                  "configuration.recipient.default_outbound_destination", "identity.attestations.terms_of_service")
ASKED_LATER = ("identity.individual.documents.primary_verification",)
REASONS = {"new": ("requirements_past_due", "provide_info"), "restricted": ("requirements_past_due", "provide_info"),
           "pending": ("requirements_pending_verification", "no_resolution")}


def create_account(call: Call) -> Body:
    only(call.params, ("configuration", "contact_email", "dashboard", "defaults", "display_name", "identity",
                       "include", "metadata"))
    if at(call.params, "configuration.recipient.capabilities.stripe_balance.stripe_transfers.requested") is not True:
        raise bad_parameter("The sandbox makes recipients of transfers only.", "configuration")
    responsibilities = at(call.params, "defaults.responsibilities") or {}
    if text(call.params, "dashboard") == "express" and set(responsibilities.values()) != {"application"}:
        raise Refusal("Express accounts need the application to collect fees and losses.", remembered=False,
                      code="account_controller_express_dash_without_application_losses_or_fees")
    account = call.store.add({
        "id": call.store.new_id("acct"), "object": KIND, "livemode": False, "created": as_text(call.now()),
        "applied_configurations": ["recipient"], "closed": False, "dashboard": "express",
        "contact_email": text(call.params, "contact_email"), "display_name": text(call.params, "display_name"),
        "metadata": labels(call.params), "_state": "new", "_balance": {},
        "_country": text(call.params, "identity.country"), "_entity_type": text(call.params, "identity.entity_type"),
        "_currency": text(call.params, "defaults.currency"), "_agreement": "full"})
    emit_thin(call.world, "v2.core.account.created", account)
    return _included(account, call.params.get("include"))


def create_recipient(call: Call) -> Body:
    """The same by v1, where alone the recipient agreement can be asked for."""
    only(call.params, ("business_type", "capabilities", "controller", "country", "default_currency", "email",
                       "individual", "metadata", "settings", "tos_acceptance"))
    if at(call.params, "capabilities.transfers.requested") != "true":
        raise bad_parameter("The sandbox makes recipients of transfers only.", "capabilities")
    agreement = text(call.params, "tos_acceptance.service_agreement", needed=False) or "full"
    country = text(call.params, "country")
    account = call.store.add({
        "id": call.store.new_id("acct"), "object": KIND, "livemode": False, "created": as_text(call.now()),
        "applied_configurations": ["recipient"], "closed": False, "dashboard": "express",
        "contact_email": text(call.params, "email"), "display_name": text(call.params, "email"),
        "metadata": labels(call.params), "_state": "new", "_balance": {}, "_country": country.lower(),
        "_entity_type": text(call.params, "business_type"), "_currency": text(call.params, "default_currency"),
        "_agreement": agreement})
    emit_thin(call.world, "v2.core.account.created", account)
    return {"id": account["id"], "object": "account", "country": country, "default_currency": account["_currency"],
            "email": account["contact_email"], "metadata": account["metadata"], "charges_enabled": False,
            "payouts_enabled": False, "details_submitted": False, "business_type": account["_entity_type"],
            "capabilities": {"transfers": "inactive"}, "tos_acceptance": {"service_agreement": agreement},
            "type": "none", "created": call.now()}


def read_account(call: Call) -> Body:
    only(call.params, ("include",))
    return _included(call.store.get(KIND, call.args[0]), call.params.get("include"))


def _included(account: Body, include: Any) -> Body:
    """Parts that were not asked for are left out, whatever they hold."""
    parts: dict[str, Any] = {}
    wanted = include if isinstance(include, list) else []
    state = account["_state"]
    if "identity" in wanted:
        parts["identity"] = {"country": account["_country"], "entity_type": account["_entity_type"]}
    if "defaults" in wanted:
        parts["defaults"] = {"currency": account["_currency"], "responsibilities": {
            "fees_collector": "application", "losses_collector": "application", "requirements_collector": "stripe"}}
    if "configuration.recipient" in wanted:
        parts["configuration"] = {"recipient": {"applied": True, "capabilities": {"stripe_balance": {
            "stripe_transfers": _capability(state, asks=account.get("_asks", True)),
            "payouts": _capability(state, asks=account.get("_asks", True))}}}}
    if "requirements" in wanted:
        entries = [_requirement(name, state) for name in (_asked(state) if account.get("_asks", True) else ())]
        parts["requirements"] = {"entries": entries}
        if entries:
            deadline = entries[0]["minimum_deadline"]["status"]
            parts["requirements"]["summary"] = {"minimum_deadline": {
                "status": deadline, **({"time": as_text(account["_due"])} if account.get("_due") else {})}}
    return account | parts


def _asked(state: str) -> tuple[str, ...]:
    return {"new": ASKED_AT_FIRST, "restricted": ASKED_LATER, "pending": ASKED_LATER}.get(state, ())


def _capability(state: str, *, asks: bool) -> Body:
    if state == "active":
        return {"status": "active", "status_details": []}
    code, resolution = REASONS[state] if asks else ("restricted_other", "contact_stripe")
    return {"status": "pending" if state == "pending" else "restricted",
            "status_details": [{"code": code, "resolution": resolution}]}


def _requirement(name: str, state: str) -> Body:
    deadline = "past_due" if state == "restricted" else "currently_due"
    errors = [{"code": "verification_document_missing_front", "description": "The front of the document is missing."}]
    return {
        "description": name, "awaiting_action_from": "stripe" if state == "pending" else "user",
        "errors": errors if state == "restricted" else [], "minimum_deadline": {"status": deadline},
        "impact": {"restricts_capabilities": [{"capability": "stripe_balance.stripe_transfers",
                                               "configuration": "recipient", "deadline": {"status": deadline}}]},
        "requested_reasons": [{"code": "routine_onboarding" if state == "new" else "routine_verification"}]}


def create_account_link(call: Call) -> Body:
    only(call.params, ("account", "use_case"))
    account = call.store.find(text(call.params, "account"))
    if account is None or account["object"] != KIND:
        raise missing(KIND, call.params["account"], param="account")
    if text(call.params, "use_case.type") != "account_onboarding":
        raise bad_parameter("The sandbox onboards only.", "use_case.type")
    flow = at(call.params, "use_case.account_onboarding") or {}
    text(flow, "refresh_url")
    link_id = call.store.new_id("link")
    call.store.add({"id": link_id, "object": "_link", "account": account["id"], "flow": flow, "used": False,
                    "expires": call.now() + LINK_SECONDS})
    return {"object": "v2.core.account_link", "account": account["id"], "created": as_text(call.now()),
            "expires_at": as_text(call.now() + LINK_SECONDS), "livemode": False, "use_case": call.params["use_case"],
            "url": f"{call.world.public_url}/setup/{link_id}"}


def create_login_link(call: Call) -> Body:
    only(call.params, ())
    account = call.store.get(KIND, call.args[0])
    if account["_state"] == "new":
        raise Refusal("Cannot create a login link for an account that has not completed onboarding.")
    token = call.store.new_id("login")
    call.store.add({"id": token, "object": "_login", "account": account["id"]})
    return {"object": "login_link", "created": call.now(), "url": f"{call.world.public_url}/express/{token}"}


def set_state(world: World, account_id: str, state: str, *, due: int | None = None, by: str = "user") -> Body:
    """``new``, ``pending``, ``active``, ``restricted`` or ``closed``; tells of it as Stripe does.

    ``due``: when Stripe wants its answers at the latest. ``by="nobody"`` restricts without asking for anything.
    """
    account = world.store.get(KIND, account_id)
    if state == "closed":
        account = world.store.save(account | {"closed": True})
        emit_thin(world, "v2.core.account.closed", account)
        return account
    if state not in STATES:
        raise bad_parameter(f"state is one of {', '.join(STATES)}, closed", "state")
    account = world.store.save(account | {"_state": state, "_due": due, "_asks": by != "nobody"})
    if state == "active" and not banks_of(world, account_id):
        add_bank(world, account)
    emit_thin(world, "v2.core.account[requirements].updated", account)
    emit_thin(world, "v2.core.account[configuration.recipient].capability_status_updated", account)
    return account

