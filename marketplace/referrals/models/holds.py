"""Table of holds: what froze a reward, and whether it was frozen before. Facts only."""
from datetime import datetime

from sqlalchemy import ForeignKey, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from marketplace.foundation.db import Base
from marketplace.foundation.ids import new_id


class RewardHold(Base):
    """A reward waits because of ``source_id``, a chargeback or a fraud warning of the business's payment."""

    __tablename__ = "reward_holds"
    __table_args__ = (UniqueConstraint("reward_id", "source_id"),)

    id: Mapped[str] = mapped_column(primary_key=True, default=lambda: new_id("hold"))
    reward_id: Mapped[str] = mapped_column(ForeignKey("rewards.id"))
    source_id: Mapped[str] = mapped_column(index=True)
    reason: Mapped[str]  # For everybody who may see the reward.
    was_on_hold: Mapped[bool]  # By an admin, who ends that hold.
    lifted_at: Mapped[datetime | None]
