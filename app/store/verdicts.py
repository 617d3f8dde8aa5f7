"""Every verdict on every issue, newest last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, Row, insert, or_, select, update

from app.core.verdict import Verdict
from app.core.vocabulary import Source

from .tables import issues, verdicts
from .vault import Vault

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class StoredVerdict:
    """One verdict with its place in the issue's history."""

    issue_id: str
    version: int
    project: str
    signature: str
    reason: str
    created_at: datetime
    verdict: Verdict


class VerdictRepository:
    """The ``verdicts`` table: versions count up from 1 for each issue."""

    def __init__(self, engine: Engine, vault: Vault, clock: Clock) -> None:
        self._engine = engine
        self._vault = vault
        self._clock = clock

    def add(
        self,
        issue_id: str,
        verdict: Verdict,
        *,
        project: str,
        signature: str,
        reason: str,
        sent: Any = None,
    ) -> StoredVerdict:
        """Keep a verdict. The same as the newest one is not a new version.

        ``sent``: what a model was shown for it, after redaction.
        """
        newest = self._newest(issue_id)
        last = None if newest is None else self._stored(newest)
        if last is not None and last.verdict == verdict:
            return last
        version = 1 if newest is None else newest.version + 1
        now = self._clock()
        query = insert(verdicts).values(
            issue_id=issue_id,
            version=version,
            project=project,
            signature=signature,
            category=verdict.category.value,
            severity=verdict.severity.value,
            immediate=verdict.requires_immediate_action,
            confidence=verdict.confidence,
            abstained=verdict.abstained,
            source=verdict.source.value,
            model=verdict.model,
            reason=reason[:500],
            body=self._vault.seal(verdict.model_dump(mode="json")),
            sent=None if sent is None else self._vault.seal(sent),
            created_at=now,
        )
        with self._engine.begin() as connection:
            connection.execute(query)
            connection.execute(update(issues).where(issues.c.issue_id == issue_id).values(version=version))
        return StoredVerdict(issue_id, version, project, signature, reason, now, verdict)

    def latest(self, issue_id: str) -> StoredVerdict | None:
        row = self._newest(issue_id)
        return None if row is None else self._stored(row)

    def _newest(self, issue_id: str) -> Row[Any] | None:
        """The row itself, also where no key opens it any more."""
        query = select(verdicts).where(verdicts.c.issue_id == issue_id).order_by(verdicts.c.version.desc())
        with self._engine.connect() as connection:
            return connection.execute(query.limit(1)).first()

    def history(self, issue_id: str) -> list[StoredVerdict]:
        """Every version, oldest first."""
        query = select(verdicts).where(verdicts.c.issue_id == issue_id).order_by(verdicts.c.version)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [stored for row in rows if (stored := self._stored(row))]

    def same_signature(self, signature: str, *, but_not: str) -> StoredVerdict | None:
        """The verdict of another issue with this signature that stands there and that a model or a person
        gave; a person's before a model's, else the newest. None where people's newest word is that it was
        wrong."""
        query = (
            select(verdicts)
            .outerjoin(issues, issues.c.issue_id == verdicts.c.issue_id)
            .where(
                verdicts.c.signature == signature,
                verdicts.c.issue_id != but_not,
                verdicts.c.source.in_((Source.MODEL.value, Source.HUMAN.value)),
                or_(issues.c.issue_id.is_(None), issues.c.version == verdicts.c.version),
            )
            .order_by((verdicts.c.source == Source.HUMAN.value).desc(), verdicts.c.id.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None or (row.source == Source.HUMAN.value and row.abstained):
            return None
        return self._stored(row)

    def _stored(self, row: Row[Any]) -> StoredVerdict | None:
        body = self._vault.open(row.body)
        if body is None:
            return None
        verdict = Verdict.model_validate(body)
        return StoredVerdict(
            row.issue_id, row.version, row.project, row.signature, row.reason, row.created_at, verdict
        )
