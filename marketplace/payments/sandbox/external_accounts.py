"""Bank accounts of connected accounts: given at onboarding, changed on the account's own pages."""
import hashlib

from marketplace.payments.sandbox.encoding import only
from marketplace.payments.sandbox.events import emit
from marketplace.payments.sandbox.store import Body
from marketplace.payments.sandbox.world import Call, World

KIND = "bank_account"


def list_external_accounts(call: Call) -> Body:
    only(call.params, ("ending_before", "limit", "object", "starting_after"))
    account = call.store.get("v2.core.account", call.args[0])
    return call.store.page(KIND, f"/v1/accounts/{account['id']}/external_accounts", call.params,
                           {"account": account["id"]})


def banks_of(world: World, account_id: str) -> list[Body]:
    """Newest first."""
    return world.store.all(KIND, "json_extract(body, '$.account') = ?", account_id)


OWN = "000123456789"  # The number of Stripe's own tests: here it stands for a bank account of the holder's own.


def add_bank(world: World, account: Body, *, number: str = OWN) -> Body:
    """The same number has the same fingerprint, whoever gives it; only OWN is everybody's another one."""
    told = f"{account['id']}:{number}" if number == OWN else number
    bank = world.store.add({
        "id": world.store.new_id("ba"), "object": KIND, "account": account["id"], "account_holder_name": None,
        "account_holder_type": "individual", "account_type": None, "available_payout_methods": ["standard"],
        "bank_name": "SANDBOX BANK", "country": account["_country"].upper(), "currency": account["_currency"],
        "default_for_currency": True, "last4": number[-4:], "metadata": {}, "routing_number": "110000000",
        "fingerprint": hashlib.sha256(told.encode()).hexdigest()[:16], "status": "new"})
    emit(world, "account.external_account.created", bank, account=account["id"])
    return bank


def change_bank(world: World, account_id: str, number: str) -> Body:
    """Another bank account takes the place of those there are."""
    account = world.store.get("v2.core.account", account_id)
    before = banks_of(world, account_id)
    bank = add_bank(world, account, number=number)
    for old in before:
        world.store.sql("DELETE FROM object WHERE id = ?", old["id"])
        emit(world, "account.external_account.deleted", old, account=account_id)
    return bank


def break_bank(world: World, account_id: str) -> None:
    """A payout came back: no more goes there until the bank account is changed."""
    for bank in banks_of(world, account_id):
        changed = world.store.save(bank | {"status": "errored"})
        emit(world, "account.external_account.updated", changed, account=account_id, was={"status": bank["status"]})
