"""What the page of one issue shows beside the repositories: corrections, model calls, jobs, what was sent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, select

from app.store.tables import corrections, model_calls, verdicts, work
from app.store.vault import Vault

MOST = 100
"""Rows of each table that one page shows."""


@dataclass(frozen=True, slots=True)
class ShownCorrection:
    field: str
    value: str
    was: str
    author: str
    origin: str
    at: datetime
    retracted_at: datetime | None


@dataclass(frozen=True, slots=True)
class ShownCall:
    """One call to a model: tokens, dollars, seconds."""

    model: str
    answered_by: str
    result: str
    tokens_in: int
    tokens_out: int
    cost_usd: float
    seconds: float
    at: datetime


@dataclass(frozen=True, slots=True)
class ShownJob:
    id: int
    kind: str
    trigger: str
    state: str
    attempts: int
    outcome: str | None
    reason: str | None
    created_at: datetime
    finished_at: datetime | None


class IssuePages:
    """Reads everything about one issue that no repository has yet. Newest first, ``MOST`` of each."""

    def __init__(self, engine: Engine, vault: Vault) -> None:
        self._engine = engine
        self._vault = vault

    def sent(self, issue_id: str) -> dict[int, Any]:
        """Verdict version → what went to the model for it, after redaction; versions without are left out."""
        query = (
            select(verdicts.c.version, verdicts.c.sent)
            .where(verdicts.c.issue_id == issue_id, verdicts.c.sent.is_not(None))
            .order_by(verdicts.c.version.desc())
            .limit(MOST)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        opened = ((row.version, self._vault.open(row.sent)) for row in rows)
        return {version: sent for version, sent in opened if sent is not None}

    def corrections(self, issue_id: str) -> list[ShownCorrection]:
        names = ("field", "value", "was", "author", "origin", "at", "retracted_at")
        return self._shown(ShownCorrection, corrections, names, corrections.c.issue_id == issue_id)

    def model_calls(self, issue_id: str) -> list[ShownCall]:
        names = ("model", "answered_by", "result", "tokens_in", "tokens_out", "cost_usd", "seconds", "at")
        return self._shown(ShownCall, model_calls, names, model_calls.c.issue_id == issue_id)

    def jobs(self, issue_id: str) -> list[ShownJob]:
        names = ("kind", "trigger", "state", "attempts", "outcome", "reason", "created_at", "finished_at")
        return self._shown(ShownJob, work, ("id", *names), work.c.subject == issue_id)

    def _shown(self, shape: Any, table: Any, names: tuple[str, ...], condition: Any) -> list[Any]:
        columns = [table.c[name] for name in names]
        query = select(*columns).where(condition).order_by(table.c.id.desc()).limit(MOST)
        with self._engine.connect() as connection:
            return [shape(*row) for row in connection.execute(query)]
