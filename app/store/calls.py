"""The ledger of model calls: each is written down with its estimated price before it is made.

So the sum of the table is never less than what was spent, also when a worker dies in the middle of a call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func, insert, select, update

from app.core.budget import Ceilings, Ledger

from .tables import model_calls

Clock = Callable[[], datetime]

ASKING = "asking"
LONGEST_CALL = timedelta(seconds=60)
"""A call that is not back after so long has died with its worker."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """How a call ended: ``result`` is ``ok`` or the name of what went wrong."""

    result: str
    answered_by: str = ""
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    cost_usd: float = 0.0
    seconds: float = 0.0


class ModelCallRepository:
    """The ``model_calls`` table."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def reserve(
        self, issue_id: str, signature: str, model: str, *, estimate: float, ceilings: Ceilings
    ) -> tuple[int | None, str]:
        """Put a call of about ``estimate`` dollars into the ledger: its row, or none and why not.

        The row is inserted before the sums are read: of two workers at the ceiling, one at the most passes.
        """
        with self._engine.begin() as connection:
            row_id = connection.execute(
                insert(model_calls).values(
                    issue_id=issue_id,
                    signature=signature,
                    model=model,
                    result=ASKING,
                    cost_usd=estimate,
                    at=self._clock(),
                )
            ).inserted_primary_key
        number = int(row_id[0]) if row_id else 0
        ledger = self.ledger()
        without = Ledger(today=ledger.today - estimate, month=ledger.month - estimate)
        allowed, reason = without.may_spend(estimate, ceilings)
        if allowed:
            return number, reason
        self.finish(number, CallResult("over_budget"))
        return None, reason

    def finish(self, number: int, result: CallResult) -> None:
        """Replace the estimate by what it was."""
        with self._engine.begin() as connection:
            connection.execute(
                update(model_calls)
                .where(model_calls.c.id == number)
                .values(
                    result=result.result[:24],
                    answered_by=result.answered_by[:120],
                    tokens_in=result.tokens_in,
                    tokens_cached=result.tokens_cached,
                    tokens_out=result.tokens_out,
                    cost_usd=result.cost_usd,
                    seconds=result.seconds,
                )
            )

    def ledger(self) -> Ledger:
        """Dollars of today and of this calendar month (UTC), calls under way included."""
        midnight = self._clock().replace(hour=0, minute=0, second=0, microsecond=0)
        with self._engine.connect() as connection:
            day, month = (
                float(connection.execute(self._spent(since)).scalar_one())
                for since in (midnight, midnight.replace(day=1))
            )
        return Ledger(today=day, month=month)

    def under_way(self, signature: str, *, before: int | None = None) -> bool:
        """True while another call about the same signature is not back yet; ``before``: only older rows."""
        if not signature:
            return False
        query = select(model_calls.c.id).where(
            model_calls.c.signature == signature,
            model_calls.c.result == ASKING,
            model_calls.c.at > self._clock() - LONGEST_CALL,
        )
        if before is not None:
            query = query.where(model_calls.c.id < before)
        with self._engine.connect() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def cancel(self, number: int) -> None:
        """The call was not made after all."""
        with self._engine.begin() as connection:
            connection.execute(model_calls.delete().where(model_calls.c.id == number))

    def mean_usd(self, since: datetime) -> tuple[int, float]:
        """How many calls were answered since then, and their mean price in dollars."""
        query = select(func.count(), func.avg(model_calls.c.cost_usd)).where(
            model_calls.c.result == "ok", model_calls.c.at >= since
        )
        with self._engine.connect() as connection:
            count, mean = connection.execute(query).one()
        return int(count), float(mean or 0.0)

    def _spent(self, since: datetime) -> Any:
        return select(func.coalesce(func.sum(model_calls.c.cost_usd), 0.0)).where(model_calls.c.at >= since)
