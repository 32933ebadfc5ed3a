"""The pages a person meets at Stripe: checkout, onboarding, the Express dashboard; and an index of what happened."""
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from werkzeug.wrappers import Request, Response

from marketplace.payments.sandbox import accounts, balances, checkout
from marketplace.payments.sandbox.cards import BANK, CARDS
from marketplace.payments.sandbox.presenting import present
from marketplace.payments.sandbox.refusals import Refusal
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import World

SHOWN_EVENTS = 40
ZERO_DECIMAL = {"jpy", "krw", "clp", "vnd"}
# Nothing from elsewhere; form-action stays open, because the forms end on the site that sent the person here.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'none'"
TEMPLATES = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True,
                        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def show_amount(minor: int, currency: str) -> str:
    if currency in ZERO_DECIMAL:
        return f"{currency.upper()} {minor:,}"
    sign = "-" if minor < 0 else ""
    return f"{sign}{currency.upper()} {abs(minor) // 100:,}.{abs(minor) % 100:02}"


def show_moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%-d %b %Y, %H:%M UTC")


TEMPLATES.filters |= {"amount": lambda pair: show_amount(*pair), "moment": show_moment}


def answer_page(world: World, request: Request) -> Response:
    """Every page is GET to look and POST to press one of its buttons."""
    match [part for part in request.path.split("/") if part]:
        case []:
            return _index(world)
        case ["c", "pay", session_id]:
            return _checkout(world, request, session_id)
        case ["setup", link_id]:
            return _onboarding(world, request, link_id)
        case ["express", token]:
            return _express(world, token)
        case _:
            return _page("notice.html", 404, title="Not found", text="The sandbox has no such page.", back=None)


def _index(world: World) -> Response:
    now = world.now()
    events = [one | {"at": one["created"], "about": one["data"]["object"].get("id", "")}
              for one in world.store.all("event", "seq > (SELECT coalesce(max(seq), 0) - 400 FROM object)")]
    return _page(
        "index.html", now=now, offset=world.clock.offset(), sums=sorted(balances.sums(world).items()),
        accounts=world.store.all(accounts.KIND)[:SHOWN_EVENTS], events=events[:SHOWN_EVENTS],
        waiting=[one for one in world.webhooks.undelivered() if one["state"] != "dropped"],
        movements=[present(world, one) for one in world.store.all("balance_transaction")[:SHOWN_EVENTS]],
        sessions=world.store.all("checkout.session", "json_extract(body, '$.status') = 'open'")[:10])


def _checkout(world: World, request: Request, session_id: str) -> Response:
    with world.store.transaction():
        checkout.expire_due_sessions(world)
        try:
            session = world.store.get("checkout.session", session_id)
        except Refusal:
            return _page("notice.html", 404, title="No such page", text="This payment page does not exist.", back=None)
        back = session["cancel_url"]
        if session["status"] == "complete" and session["payment_status"] == "unpaid":
            return _bank(world, request, session)
        if session["status"] != "open":
            text = ("It was paid. Nothing more is needed." if session["status"] == "complete"
                    else "It was open for a limited time. Go back and start again.")
            return _page("notice.html", title=f"This payment page is {session['status']}", text=text, back=back)
        match _choice(request):
            case "pay":
                session = checkout.pay_session(world, session_id, request.form.get("card", "visa"))
                if session["status"] == "complete":
                    return _go(session["success_url"].replace("{CHECKOUT_SESSION_ID}", quote(session_id)))
            case "decline":
                session = checkout.decline_card(world, session_id)
            case "cancel" if back:
                return _go(back)
    return _page("checkout.html", session=session, back=back, cards=_methods())


def _methods() -> list[tuple[str, str]]:
    return [*((name, card.label) for name, card in CARDS.items()),
            (BANK, "Bank account •••• 6789, which pays or fails days later")]


def _bank(world: World, request: Request, session: Body) -> Response:
    """What the payer's bank does days later, to be pressed by whoever plays."""
    intent = world.store.get("payment_intent", session["payment_intent"])
    if _choice(request) in {"bank_pays", "bank_refuses"} and intent["status"] == "processing":
        checkout.settle_session(world, session["id"], succeeded=_choice(request) == "bank_pays")
        return _go(session["success_url"].replace("{CHECKOUT_SESSION_ID}", quote(session["id"])))
    if intent["status"] != "processing":
        return _page("notice.html", title="The bank refused this payment", text="Nothing was taken.",
                     back=session["cancel_url"])
    return _page("bank.html", session=session)


def _onboarding(world: World, request: Request, link_id: str) -> Response:
    with world.store.transaction():
        link = world.store.find(link_id)
        if link is None or link["object"] != "_link":
            return _page("notice.html", 404, title="No such page", text="This link does not exist.", back=None)
        flow, account = link["flow"], world.store.get(accounts.KIND, link["account"])
        if link["used"] or link["expires"] <= world.now() or account["closed"]:
            return _go(flow["refresh_url"])
        state = {"submit": "active", "more": "restricted", "wait": "pending"}.get(_choice(request), "")
        if state:
            world.store.save(link | {"used": True})
            accounts.set_state(world, account["id"], state)
            return _go(flow.get("return_url") or flow["refresh_url"])
        if _choice(request) == "later":
            return _go(flow.get("return_url") or flow["refresh_url"])
    asked = accounts.ASKED_LATER if account["_state"] in ("restricted", "pending") else accounts.ASKED_AT_FIRST
    return _page("onboarding.html", account=account, asked=[_last_word(one) for one in asked])


def _last_word(requirement: str) -> str:
    name = requirement.rpartition(".")[2]
    return {"default_outbound_destination": "bank account", "primary_verification": "photo of an identity document",
            "given_name": "first name", "surname": "last name"}.get(name, name.replace("_", " "))


def _express(world: World, token: str) -> Response:
    login = world.store.find(token)
    if login is None or login["object"] != "_login":
        return _page("notice.html", 404, title="No such page", text="This link does not exist.", back=None)
    account = world.store.get(accounts.KIND, login["account"])
    transfers: list[Body] = world.store.all("transfer", "json_extract(body, '$.destination') = ?", account["id"])
    return _page("express.html", account=account, transfers=transfers[:SHOWN_EVENTS])


def _choice(request: Request) -> str:
    return request.form.get("choice", "") if request.method == "POST" else ""


def _page(name: str, status: int = 200, /, **shown: Any) -> Response:
    return Response(TEMPLATES.get_template(name).render(**shown), status, content_type="text/html; charset=utf-8",
                    headers={"Content-Security-Policy": POLICY, "Referrer-Policy": "no-referrer",
                             "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"})


def _go(address: str) -> Response:
    return Response("", 303, headers={"Location": address, "Cache-Control": "no-store"})
