"""What waits for an admin's decision beside the queue of leads."""
from datetime import datetime
from typing import Any

from flask import url_for
from sqlalchemy import ColumnElement, Select, case, false, func

from marketplace.foundation.db import db
from marketplace.payments.disputes.queries import open_warnings
from marketplace.referrals.disputes.queries import waiting_for_admins
from marketplace.referrals.fraud.queries import open_cases
from marketplace.referrals.models import Dispute, FraudCase

Room = tuple[str, str, int, int]


def rooms_with_work(now: datetime) -> list[Room]:
    """Each room's name, its address, how many wait in it, and how many of them for too long."""
    rooms = [("Disputes", url_for("rulings.index"), *_waiting(waiting_for_admins(), Dispute.due_at < now)),
             ("Signs of fraud", url_for("fraud.index"), *_waiting(open_cases(), FraudCase.due_at < now)),
             ("Warnings of a bank", url_for("chargebacks.index"), *_waiting(open_warnings(), false()))]
    return [room for room in rooms if room[2]]


def _waiting(rows: Select[Any], is_late: ColumnElement[bool]) -> tuple[int, int]:
    count, late = db.session.execute(
        rows.order_by(None).with_only_columns(func.count(), func.count(case((is_late, 1))))).one()
    return int(count), int(late)
