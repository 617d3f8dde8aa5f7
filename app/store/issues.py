"""What we know of each issue, and every verdict on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Engine, Row, func, insert, or_, select, update

from app.core.digest import Digest
from app.core.verdict import Verdict
from app.core.vocabulary import Source
from app.core.writes import Plan

from .tables import issues, verdicts
from .vault import Vault

Clock = Callable[[], datetime]
_DIGEST = TypeAdapter(Digest)
_PLAN = TypeAdapter(Plan)


@dataclass(frozen=True, slots=True)
class StoredIssue:
    """One row of ``issues``; ``content`` (what was read) is fetched apart, because it is encrypted."""

    issue_id: str
    project: str
    short_id: str
    status: str
    state: str
    signature: str
    version: int
    last_seen: datetime | None
    triaged_at: datetime | None


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


class IssueRepository:
    """The ``issues`` table."""

    def __init__(self, engine: Engine, vault: Vault, clock: Clock) -> None:
        self._engine = engine
        self._vault = vault
        self._clock = clock

    def save_read(
        self,
        issue_id: str,
        *,
        project: str,
        short_id: str,
        status: str,
        signature: str,
        first_seen: datetime | None,
        last_seen: datetime | None,
        digest: Digest,
        extra: Mapping[str, Any],
    ) -> None:
        """Keep what was just read of an issue. ``extra``: what the later steps need, as JSON."""
        values = {
            "project": project,
            "short_id": short_id,
            "status": status,
            "signature": signature,
            "first_seen": first_seen,
            "last_seen": last_seen,
            "read_at": self._clock(),
            "content": self._vault.seal(
                {"digest": _DIGEST.dump_python(digest, mode="json"), "extra": dict(extra)}
            ),
        }
        with self._engine.begin() as connection:
            known = connection.execute(
                update(issues).where(issues.c.issue_id == issue_id).values(**values)
            ).rowcount
            if not known:
                connection.execute(insert(issues).values(issue_id=issue_id, state="new", version=0, **values))

    def get(self, issue_id: str) -> StoredIssue | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(issues).where(issues.c.issue_id == issue_id)).first()
        return None if row is None else _issue(row)

    def content(self, issue_id: str) -> tuple[Digest, Mapping[str, Any]] | None:
        """The digest and the extra of the last read; none where nothing readable is kept."""
        query = select(issues.c.content).where(issues.c.issue_id == issue_id)
        with self._engine.connect() as connection:
            opened = self._vault.open(connection.execute(query).scalar())
        if opened is None:
            return None
        return _DIGEST.validate_python(opened["digest"]), opened["extra"]

    def save_plan(self, issue_id: str, plan: Plan) -> None:
        """Keep the writes that were decided, until the next decision."""
        sealed = self._vault.seal(_PLAN.dump_python(plan, mode="json"))
        with self._engine.begin() as connection:
            connection.execute(update(issues).where(issues.c.issue_id == issue_id).values(plan=sealed))

    def plan(self, issue_id: str) -> Plan | None:
        with self._engine.connect() as connection:
            sealed = connection.execute(select(issues.c.plan).where(issues.c.issue_id == issue_id)).scalar()
        opened = self._vault.open(sealed)
        return None if opened is None else _PLAN.validate_python(opened)

    def set_state(self, issue_id: str, state: str) -> None:
        """``triaged``, ``skipped`` or ``gone``; the time of the first two is kept."""
        values: dict[str, Any] = {"state": state}
        if state == "triaged":
            values["triaged_at"] = self._clock()
        with self._engine.begin() as connection:
            connection.execute(update(issues).where(issues.c.issue_id == issue_id).values(**values))

    def known(self, issue_ids: list[str]) -> dict[str, StoredIssue]:
        """Those of ``issue_ids`` that we have, by id."""
        if not issue_ids:
            return {}
        with self._engine.connect() as connection:
            rows = connection.execute(select(issues).where(issues.c.issue_id.in_(issue_ids))).all()
        return {row.issue_id: _issue(row) for row in rows}

    def alike(self, signature: str, *, but_not: str, limit: int) -> list[str]:
        """Ids of unresolved issues with this signature that we triaged, the last seen first."""
        query = (
            select(issues.c.issue_id)
            .where(
                issues.c.signature == signature,
                issues.c.signature != "",
                issues.c.issue_id != but_not,
                issues.c.version > 0,
                issues.c.status == "unresolved",
            )
            .order_by(issues.c.last_seen.desc())
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def counts(self) -> dict[str, int]:
        query = select(issues.c.state, func.count()).group_by(issues.c.state)
        with self._engine.connect() as connection:
            return {state: count for state, count in connection.execute(query).all()}


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
        last = self.latest(issue_id)
        if last is not None and last.verdict == verdict:
            return last
        version = 1 if last is None else last.version + 1
        now = self._clock()
        with self._engine.begin() as connection:
            connection.execute(
                insert(verdicts).values(
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
            )
            connection.execute(update(issues).where(issues.c.issue_id == issue_id).values(version=version))
        return StoredVerdict(issue_id, version, project, signature, reason, now, verdict)

    def latest(self, issue_id: str) -> StoredVerdict | None:
        query = select(verdicts).where(verdicts.c.issue_id == issue_id).order_by(verdicts.c.version.desc())
        with self._engine.connect() as connection:
            row = connection.execute(query.limit(1)).first()
        return None if row is None else self._stored(row)

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


def _issue(row: Row[Any]) -> StoredIssue:
    return StoredIssue(
        issue_id=row.issue_id,
        project=row.project,
        short_id=row.short_id,
        status=row.status,
        state=row.state,
        signature=row.signature,
        version=row.version,
        last_seen=row.last_seen,
        triaged_at=row.triaged_at,
    )
