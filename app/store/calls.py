"""The ledger of model calls: each is written down with its estimated price before it is made.

So the sum of the table is never less than what was spent, also when a worker dies in the middle of a call.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine, case, func, insert, select, update

from app.core.budget import Ceilings, Ledger

from .engine import write
from .tables import model_calls, redactions

Clock = Callable[[], datetime]

ASKING = "asking"
LOST = "lost"
OK = "ok"


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
        """Put a call of at most ``estimate`` dollars into the ledger: its row, or none and why not.

        The row is inserted before the sums are read: of two workers at the ceiling, one at the most passes.
        A call that an earlier attempt left open died with its worker; its price stays, it may have been made.
        """
        left_open = (model_calls.c.issue_id == issue_id, model_calls.c.result == ASKING)
        write(self._engine, update(model_calls).where(*left_open).values(result=LOST))
        query = insert(model_calls).values(
            issue_id=issue_id,
            signature=signature,
            model=model,
            result=ASKING,
            cost_usd=estimate,
            at=self._clock(),
        )
        row_id = write(self._engine, query).inserted_primary_key
        number = int(row_id[0]) if row_id else 0
        ledger = self.ledger()
        without = Ledger(today=ledger.today - estimate, month=ledger.month - estimate)
        allowed, reason = without.may_spend(estimate, ceilings)
        if allowed:
            return number, reason
        self.cancel(number)
        return None, reason

    def finish(self, number: int, result: CallResult, removed: Mapping[str, int]) -> None:
        """Replace the estimate by what it was. ``removed``: how many values of each kind were not sent."""
        now = self._clock()
        gone = [{"call_id": number, "kind": kind, "count": n, "at": now} for kind, n in removed.items()]
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
            if gone:
                connection.execute(insert(redactions), gone)

    def ended(self, issue_id: str) -> tuple[datetime, str] | None:
        """When the newest call about an issue that came back was made, and its result."""
        query = (
            select(model_calls.c.at, model_calls.c.result)
            .where(model_calls.c.issue_id == issue_id, model_calls.c.result.not_in((ASKING, LOST)))
            .order_by(model_calls.c.id.desc())
        )
        with self._engine.connect() as connection:
            row = connection.execute(query.limit(1)).first()
        return None if row is None else (row.at, row.result)

    def ledger(self) -> Ledger:
        """Dollars of today and of this calendar month (UTC), calls under way included."""
        midnight = self._clock().replace(hour=0, minute=0, second=0, microsecond=0)
        of_today = case((model_calls.c.at >= midnight, model_calls.c.cost_usd), else_=0.0)
        query = select(
            func.coalesce(func.sum(of_today), 0.0), func.coalesce(func.sum(model_calls.c.cost_usd), 0.0)
        ).where(model_calls.c.at >= midnight.replace(day=1))
        with self._engine.connect() as connection:
            today, month = connection.execute(query).one()
        return Ledger(today=float(today), month=float(month))

    def cancel(self, number: int) -> None:
        """The call was not made after all."""
        write(self._engine, model_calls.delete().where(model_calls.c.id == number))

    def mean_usd(self, since: datetime) -> tuple[int, float]:
        """How many calls were answered since then, and their mean price in dollars."""
        query = select(func.count(), func.avg(model_calls.c.cost_usd)).where(
            model_calls.c.result == OK, model_calls.c.at >= since
        )
        with self._engine.connect() as connection:
            count, mean = connection.execute(query).one()
        return int(count), float(mean or 0.0)
