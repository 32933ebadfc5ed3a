"""The ledger's rooms: accounts, one account, one entry, one movement at Stripe, a reward's chain, and the search."""
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from marketplace.admin.chains import chain_of_reward, rewards_about
from marketplace.foundation.money import CURRENCIES, Money
from marketplace.identity.session import signed_in, signed_in_user
from marketplace.payments import ledger
from marketplace.payments.books import explorer
from marketplace.payments.models import AccountKind

bp = Blueprint("ledger", __name__, url_prefix="/admin/ledger")

LONGEST = 200  # Characters of what is searched for.


@bp.get("/accounts")
@signed_in
def accounts() -> Any:
    kind, owner, currency = (request.args.get(name, "").strip()[:LONGEST] for name in ("kind", "owner", "currency"))
    chosen = AccountKind(kind) if kind in set(AccountKind) else None
    shown = explorer.accounts_page(seen_by=signed_in_user(), kind=chosen, owner_id=owner, currency=currency,
                                   cursor=request.args.get("cursor"))
    kept: Any = {"kind": kind or None, "owner": owner or None, "currency": currency or None}
    following = url_for(".accounts", **kept, cursor=shown.next_cursor) if shown.next_cursor else None
    return render_template(
        "admin/accounts.html", rows=[(account, ledger.balance(account)) for account in shown.rows],
        kinds=list(AccountKind), currencies=sorted(CURRENCIES), kind=kind, owner=owner, currency=currency,
        following=following, first=url_for(".accounts", **kept) if "cursor" in request.args else None)


@bp.get("/accounts/<account_id>")
@signed_in
def account(account_id: str) -> Any:
    one = explorer.get_account(account_id, seen_by=signed_in_user())
    shown, entries = explorer.postings_page(one, cursor=request.args.get("cursor"))
    following = url_for(".account", account_id=one.id, cursor=shown.next_cursor) if shown.next_cursor else None
    return render_template(
        "admin/account.html", account=one, balance=ledger.balance(one),
        rows=[(entries[posting.entry_id], Money(posting.amount_minor, one.currency),
               None if posting.balance_after_minor is None else Money(posting.balance_after_minor, one.currency))
              for posting in shown.rows],
        following=following, first=url_for(".account", account_id=one.id) if "cursor" in request.args else None)


@bp.get("/entries/<entry_id>")
@signed_in
def entry(entry_id: str) -> Any:
    one = explorer.get_entry(entry_id, seen_by=signed_in_user())
    return render_template(
        "admin/entry.html", entry=one, parts_of_entry=explorer.parts_of([one.id])[one.id],
        movement=explorer.movement_of(one), items=explorer.items_about(one.id),
        rewards=rewards_about(one.reference.partition(":")[0]))


@bp.get("/movements/<movement_id>")
@signed_in
def movement(movement_id: str) -> Any:
    one = explorer.get_movement(movement_id, seen_by=signed_in_user())
    entries = explorer.entries_of(one)
    amount, fee, net = (Money(minor, one.currency) for minor in (one.amount_minor, one.fee_minor, one.net_minor))
    return render_template(
        "admin/movement.html", movement=one, amount=amount, fee=fee, net=net, entries=entries,
        parts_of_entries=explorer.parts_of([each.id for each in entries]), items=explorer.items_about(one.id))


@bp.get("/rewards/<reward_id>")
@signed_in
def chain(reward_id: str) -> Any:
    return render_template("admin/chain.html", chain=chain_of_reward(reward_id, seen_by=signed_in_user()))


@bp.get("/search")
@signed_in
def search() -> Any:
    """By any id, ours or Stripe's. What leads to one reward leads to its chain."""
    wanted = request.args.get("q", "").strip()[:LONGEST]
    user = signed_in_user()
    found = explorer.find_anything(wanted, seen_by=user)
    rewards = rewards_about(wanted) if wanted else []
    if len(rewards) == 1 and (wanted == rewards[0].id or not found):
        return redirect(url_for(".chain", reward_id=rewards[0].id))
    if [entry.id for entry in found.entries] == [wanted]:
        return redirect(url_for(".entry", entry_id=wanted))
    if [one.id for one in found.accounts] == [wanted]:
        return redirect(url_for(".account", account_id=wanted))
    return render_template("admin/found.html", wanted=wanted, found=found, rewards=rewards,
                           balances={one.id: ledger.balance(one) for one in found.accounts},
                           parts_of_entries=explorer.parts_of([each.id for each in found.entries]))
