"""Which other issues show the same error (one signature) while a model is being asked about it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine, select, update

from .calls import ASKING
from .engine import write
from .tables import issues, model_calls, work

Clock = Callable[[], datetime]


class SameErrorRepository:
    """Reads ``work``, ``issues`` and ``model_calls`` together. An empty signature is like no other."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def handed_over(self, ending: str, signature: str, *, but_not: str) -> bool:
        """True where a workflow whose id has this ending holds another issue with the same error."""
        query = (
            select(work.c.id)
            .join(issues, issues.c.issue_id == work.c.subject)
            .where(
                issues.c.signature == signature,
                work.c.state == "running",
                work.c.workflow_id.endswith(ending),
                work.c.subject != but_not,
            )
        )
        with self._engine.connect() as connection:
            return bool(signature) and connection.execute(query.limit(1)).first() is not None

    def asked_before(self, signature: str, number: int) -> bool:
        """True while an older call than ``number`` about the same error is not back.

        A call whose issue is no longer worked on has died.
        """
        mine = work.c.subject == model_calls.c.issue_id
        worked_on = select(work.c.id).where(mine, work.c.state == "running")
        query = select(model_calls.c.id).where(
            model_calls.c.signature == signature,
            model_calls.c.result == ASKING,
            model_calls.c.id < number,
            worked_on.exists(),
        )
        with self._engine.connect() as connection:
            return bool(signature) and connection.execute(query.limit(1)).first() is not None

    def hurry(self, signature: str, reason: str) -> int:
        """What was postponed for ``reason`` about this error is due now; answers how many jobs."""
        if not signature:
            return 0
        now = self._clock()
        same = select(issues.c.issue_id).where(issues.c.signature == signature)
        waiting = (work.c.state == "queued", work.c.reason == reason, work.c.due_at > now)
        with self._engine.connect() as connection:
            query = select(work.c.id).where(*waiting, work.c.subject.in_(same))
            found = connection.execute(query).scalars().all()
        if found:
            write(self._engine, update(work).where(*waiting, work.c.id.in_(found)).values(due_at=now))
        return len(found)
