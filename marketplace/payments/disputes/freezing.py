"""The disputed sum is kept apart at once and given back, so that it is never spent twice.

Always, for one chargeback: frozen - owed = parts in force - withdrawn by Stripe + written off. So whichever comes
first, the freeze or Stripe's withdrawal, the end is the same. What Stripe gives back beyond what it took is nobody's
who paid in: it lowers what Stripe costs us, and withdrawn counts as nothing then.
"""
from collections.abc import Iterable, Sequence

from sqlalchemy import Select, bindparam, exists, func, select

from marketplace.foundation import audit, clock, outbox
from marketplace.foundation.db import db, facts
from marketplace.foundation.ids import new_id
from marketplace.foundation.money import Money
from marketplace.payments import ledger
from marketplace.payments.disputes import debts, lifecycle
from marketplace.payments.locks import lock_accounts, lock_funds, lock_funds_of
from marketplace.payments.models import (
    PLATFORM,
    Account,
    AccountKind,
    BusinessDebt,
    Chargeback,
    ChargebackState,
    FrozenKind,
    FrozenPart,
    FrozenState,
)

IN_FORCE = (FrozenState.FROZEN, FrozenState.TAKEN)
KEPT = (FrozenState.FROZEN, FrozenState.PROMISED)
OVER = frozenset({ChargebackState.WON, ChargebackState.CLOSED})
KINDS = {FrozenKind.FUNDS: AccountKind.FUNDS, FrozenKind.RESERVED: AccountKind.RESERVED,
         FrozenKind.HELD: AccountKind.HELD}

HAS_CLAIMS = select(
    exists().where(Chargeback.purpose_id == bindparam("purpose_id"), Chargeback.settled_at.is_(None))
    | exists().where(BusinessDebt.purpose_id == bindparam("purpose_id"), BusinessDebt.owed_minor > 0))
NAMING = select(FrozenPart.chargeback_id, FrozenPart.state, Chargeback.settled_at).join(
    Chargeback, Chargeback.id == FrozenPart.chargeback_id).where(FrozenPart.subject_id == bindparam("subject_id"))


def lock_chargeback(chargeback_id: str) -> Chargeback:
    """With its bounty's funds, as it is now, until this transaction ends."""
    lock_funds_of(Chargeback, chargeback_id)
    return db.session.get_one(Chargeback, chargeback_id, populate_existing=True, with_for_update={"key_share": True})


def missing(chargeback: Chargeback) -> Money:
    """What is still to be frozen, or to be paid where it is lost; never more than the disputed sum."""
    nothing = Money(0, chargeback.currency)
    if chargeback.state is ChargebackState.LOST:
        return debts.owed_for(chargeback.id, chargeback.currency)
    if chargeback.state in OVER:
        return nothing
    return max(nothing, max(chargeback.amount, chargeback.taken) - _sum(chargeback, *IN_FORCE))


def unnamed(chargeback: Chargeback) -> Money:
    """Of what is missing, the part for which no lead or reward has been named yet."""
    nothing = Money(0, chargeback.currency)
    return max(nothing, missing(chargeback) - _sum(chargeback, FrozenState.PROMISED))


def _sum(chargeback: Chargeback, *states: FrozenState) -> Money:
    total = db.session.scalar(select(func.sum(FrozenPart.amount_minor)).where(
        FrozenPart.chargeback_id == chargeback.id, FrozenPart.state.in_(states)))
    return Money(int(total or 0), chargeback.currency)


def freeze(chargeback: Chargeback, kind: FrozenKind, subject_id: str) -> Money:
    """Up to what is missing out of one account; gives how much. Nothing there, nothing done.

    Of a lost chargeback, reserved and held money is only named: it stays promised, and the business owes it.
    """
    source = _lock(ledger.account(KINDS[kind], subject_id, chargeback.currency))
    is_named_only = chargeback.state is ChargebackState.LOST and kind is not FrozenKind.FUNDS
    amount = min(_not_named_yet(chargeback, source) if is_named_only else ledger.balance(source),
                 missing(chargeback) if kind is FrozenKind.FUNDS else unnamed(chargeback))
    if amount.minor <= 0:
        return Money(0, chargeback.currency)
    part = FrozenPart(id=new_id("frozen"), chargeback_id=chargeback.id, kind=kind, subject_id=subject_id, amount=amount,
                      state=FrozenState.FROZEN)
    db.session.add(part)
    db.session.flush()
    audit.record("funds.frozen", subject_id, by=audit.SYSTEM, chargeback=chargeback.id, amount_minor=amount.minor,
                 currency=amount.currency)
    if is_named_only:
        lifecycle.move_frozen(part, FrozenState.PROMISED)
        return amount
    pays = min(amount, debts.owed_for(chargeback.id, chargeback.currency))
    _post(chargeback, [(source, -amount)], debt=-pays.minor, frozen=(amount - pays).minor, kind="chargeback_frozen",
          reference=f"{part.id}:frozen")
    if chargeback.state is ChargebackState.LOST:
        lifecycle.move_frozen(part, FrozenState.TAKEN)
    return amount


def _not_named_yet(chargeback: Chargeback, source: Account) -> Money:
    named = db.session.scalar(select(func.sum(FrozenPart.amount_minor)).where(
        FrozenPart.chargeback_id == chargeback.id, FrozenPart.subject_id == source.owner_id,
        FrozenPart.state == FrozenState.PROMISED))
    return ledger.balance(source) - Money(int(named or 0), source.currency)


def thaw(chargeback: Chargeback, part: FrozenPart, target: FrozenState = FrozenState.RETURNED) -> None:
    """Back where it came from, even what Stripe has taken: then the business owes that."""
    if part.state is not FrozenState.PROMISED:  # That is home already.
        back = min(part.amount, chargeback.frozen)
        home = ledger.account(KINDS[part.kind], part.subject_id, part.currency)
        _post(chargeback, [(home, part.amount)], debt=(part.amount - back).minor, frozen=-back.minor,
              kind="chargeback_thawed", reference=f"{part.id}:thawed")
        audit.record("funds.thawed", part.subject_id, by=audit.SYSTEM, chargeback=chargeback.id,
                     amount_minor=part.amount_minor, currency=part.currency)
    lifecycle.move_frozen(part, target)


def post_movement(chargeback: Chargeback, movement_id: str, *, taken: Money, fee: Money) -> None:
    """What Stripe took (below zero: gave back), and its fee, which is our expense."""
    surplus = max(-chargeback.withdrawn_minor - taken.minor, 0) - chargeback.surplus.minor
    if surplus < 0:
        _post_surplus(chargeback, surplus, movement_id)
    out, owed = taken.minor, debts.owed_for(chargeback.id, chargeback.currency).minor
    frozen = -min(out, chargeback.frozen_minor) if out > 0 else -out - min(-out, owed)
    debt = out + frozen
    fees = ledger.account(AccountKind.STRIPE_FEES, PLATFORM, chargeback.currency)
    _post(chargeback, [(ledger.clearing(chargeback.currency), taken + fee), (fees, -fee)], debt=debt, frozen=frozen,
          kind="chargeback_withdrawn" if out >= 0 else "chargeback_reinstated",
          reference=f"{chargeback.id}:{movement_id}")
    chargeback.withdrawn_minor += out
    chargeback.fee_minor += fee.minor
    if surplus > 0:
        _post_surplus(chargeback, surplus, movement_id)


def _post_surplus(chargeback: Chargeback, surplus: int, movement_id: str) -> None:
    """Below zero: Stripe takes it again, and it is at hand for that."""
    fees = ledger.account(AccountKind.STRIPE_FEES, PLATFORM, chargeback.currency)
    _post(chargeback, [(fees, Money(surplus, chargeback.currency))], debt=0, frozen=-surplus, kind="chargeback_surplus",
          reference=f"{chargeback.id}:{movement_id}:surplus")
    audit.record("chargeback.surplus", chargeback.id, by=audit.SYSTEM, amount_minor=surplus,
                 currency=chargeback.currency)


def _post(chargeback: Chargeback, lines: list[tuple[Account, Money]], *, debt: int, frozen: int, kind: str,
          reference: str) -> None:
    """``debt`` and ``frozen`` say how much they grow, in smallest units; rows and ledger change together."""
    currency = chargeback.currency
    if debt:
        lines = [*lines, (debts.debt_account(chargeback.id, currency), Money(-debt, currency))]
        debts.change_debt(chargeback.id, debt, business_id=chargeback.business_id, purpose_id=chargeback.purpose_id,
                          currency=currency)
    if frozen:
        lines = [*lines, (ledger.account(AccountKind.DISPUTED, chargeback.id, currency), Money(frozen, currency))]
        chargeback.frozen_minor += frozen
    if any(amount.minor for _, amount in lines):
        ledger.post(lines, kind=kind, reference=reference)
    db.session.flush()


def keep_promises(chargeback: Chargeback) -> None:
    """Lost: free funds were the business's own and are gone; leads and rewards keep theirs, which the business owes."""
    for part in parts_of(chargeback, FrozenState.FROZEN):
        if part.kind is FrozenKind.FUNDS:
            lifecycle.move_frozen(part, FrozenState.TAKEN)
        else:
            thaw(chargeback, part, FrozenState.PROMISED)


def give_everything_back(chargeback: Chargeback) -> None:
    """Over: each part goes exactly where it came from; what we had written off is no loss after all."""
    for part in parts_of(chargeback, FrozenState.FROZEN, FrozenState.TAKEN, FrozenState.PROMISED):
        thaw(chargeback, part)
    rest, currency = chargeback.frozen_minor, chargeback.currency
    debt = debts.find_debt(chargeback.id)
    if rest <= 0 or debt is None:
        return
    debt.written_off_minor -= rest
    disputed = ledger.account(AccountKind.DISPUTED, chargeback.id, currency)
    _post(chargeback, [(ledger.account(AccountKind.LOSSES, PLATFORM, currency), Money(rest, currency))],
          debt=0, frozen=-rest, kind="chargeback_rest",
          reference=f"{chargeback.id}:rest:{ledger.count_postings(disputed)}")


def finish(chargeback: Chargeback) -> bool:
    """Whether nothing is frozen or owed for it any more; then promises are whole again."""
    owed = debts.owed_for(chargeback.id, chargeback.currency)
    is_done = chargeback.closed_at is not None and chargeback.frozen_minor == 0 and owed.minor == 0
    if chargeback.state in OVER:  # It waits for Stripe to give the money back.
        is_done = is_done and not parts_of(chargeback, *IN_FORCE)
    if is_done and chargeback.settled_at is None:
        for part in parts_of(chargeback, FrozenState.PROMISED):
            lifecycle.move_frozen(part, FrozenState.RETURNED)
        chargeback.settled_at = clock.now()
        audit.record("chargeback.settled", chargeback.id, by=audit.SYSTEM)
    elif not is_done:
        chargeback.settled_at = None
    return is_done


def cover(purpose_id: str, currency: str) -> None:
    """Whatever is free in this bounty goes first to open chargebacks and to what its business owes; oldest first."""
    if not facts(HAS_CLAIMS, {"purpose_id": purpose_id}).scalar():
        return  # One that is opened now waits for the funds that were just posted to, and finds them.
    lock_funds((purpose_id, currency))
    for chargeback in db.session.scalars(_unsettled(purpose_id, currency)).all():
        if freeze(chargeback, FrozenKind.FUNDS, purpose_id).minor:
            finish(chargeback)
            outbox.promise("note_bad_day", source_id=chargeback.id)
    funds = ledger.account(AccountKind.FUNDS, purpose_id, currency) if _has_debts(purpose_id) else None
    for debt in db.session.scalars(debts.open_debts(purpose_id).where(BusinessDebt.currency == currency)).all():
        pays = min(ledger.balance(_lock(funds)), debt.owed) if funds else Money(0, currency)
        if funds and pays.minor > 0 and db.session.get(Chargeback, debt.id) is None:
            account = debts.debt_account(debt.id, currency)
            ledger.move(pays, source=funds, target=account, kind="debt_paid",
                        reference=f"{debt.id}:paid:{ledger.count_postings(funds) + 1}")
            debts.change_debt(debt.id, -pays.minor, business_id=debt.business_id, purpose_id=purpose_id,
                              currency=currency)
            if debt.owed_minor == 0:
                outbox.promise("note_bad_day", source_id=debt.id)


def _has_debts(purpose_id: str) -> bool:
    return db.session.scalar(debts.open_debts(purpose_id).with_only_columns(BusinessDebt.id).limit(1)) is not None


def _unsettled(purpose_id: str, currency: str) -> Select[Chargeback]:
    return (select(Chargeback).where(
        Chargeback.purpose_id == purpose_id, Chargeback.currency == currency, Chargeback.settled_at.is_(None),
        Chargeback.state.not_in(OVER)).order_by(Chargeback.opened_at, Chargeback.id)
        .with_for_update(key_share=True).execution_options(populate_existing=True))


def thaw_owner(subject_id: str) -> list[str]:
    """Before a lead's or a reward's money is moved for good: all of it is there again.

    Gives the chargebacks, not settled yet, that named it, also where it was thawed before. What comes free by it is
    frozen anew by ``cover``; referrals looks at the rest (``note_bad_day``).
    """
    naming = facts(NAMING, {"subject_id": subject_id}).all()
    for chargeback_id in sorted({one.chargeback_id for one in naming if one.state in KEPT}):
        chargeback = lock_chargeback(chargeback_id)
        for part in parts_of(chargeback, *KEPT):
            if part.subject_id == subject_id:
                thaw(chargeback, part)
        outbox.promise("note_bad_day", source_id=chargeback_id)
    return sorted({one.chargeback_id for one in naming if one.settled_at is None})


def frozen_of(subject_id: str, currency: str) -> Money:
    """What is kept for it, and frozen now."""
    total = db.session.scalar(select(func.sum(FrozenPart.amount_minor)).where(
        FrozenPart.subject_id == subject_id, FrozenPart.state == FrozenState.FROZEN))
    return Money(int(total or 0), currency)


def parts_of(chargeback: Chargeback, *states: FrozenState) -> Sequence[FrozenPart]:
    """Oldest first, as they are now."""
    wanted: Iterable[FrozenState] = states or tuple(FrozenState)
    return db.session.scalars(
        select(FrozenPart).where(FrozenPart.chargeback_id == chargeback.id, FrozenPart.state.in_(wanted))
        .order_by(FrozenPart.id).execution_options(populate_existing=True)).all()


def _lock(account: Account) -> Account:
    """Nobody moves its money until this transaction ends."""
    lock_accounts([account.id])
    return account
