"""What people said and did: kept for ever, because it wins over everything and is what we are measured by."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, Engine, Insert, Row, Update, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from app.core.corrections import SPOKEN, Field, Said

from .engine import write
from .tables import corrections, issues

Clock = Callable[[], datetime]

_TEACHING = [field.value for field in (*SPOKEN, Field.PRIORITY)]
"""Fields that can change a verdict."""


@dataclass(frozen=True, slots=True)
class About:
    """The issue that is spoken of."""

    issue_id: str
    short_id: str
    project: str
    signature: str


@dataclass(frozen=True, slots=True)
class CorrectedIssue:
    """``at``: when it was corrected last."""

    issue_id: str
    at: datetime


class CorrectionRepository:
    """The ``corrections`` table: one row a field of one comment, form or change.

    A ``ref`` names where it was said (``comment:81``, ``form:3f…``); saying the same again under the same ref
    changes nothing, saying less retracts the rest, so repeated and reordered deliveries end the same.
    """

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def put(self, about: About, origin: str, ref: str, said: Iterable[Said]) -> bool:
        """Make ``ref`` say exactly this. True where that changed something. ``ref`` ≤ 48 characters."""
        fresh = {f"{ref}:{one.field.value}": one for one in said}
        changed = False
        with self._engine.begin() as connection:
            for key, one in fresh.items():
                changed |= self._put(connection, about, origin, key, one)
            gone = _standing(corrections.c.dedupe.like(f"{ref}:%"), corrections.c.dedupe.not_in(fresh))
            changed |= connection.execute(self._retracted(*gone)).rowcount > 0
        return changed

    def add_once(self, about: About, origin: str, ref: str, said: Said) -> bool:
        """Keep what was observed unless it is known; True where it is new."""
        try:
            write(self._engine, _fresh(about, origin, f"{ref}:{said.field.value}", said))
        except IntegrityError:
            return False
        return True

    def lift(self, issue_id: str, field: Field) -> int:
        """Retract what was said of one field of an issue; answers how many words that were."""
        mine = (corrections.c.issue_id == issue_id, corrections.c.field == field.value)
        return write(self._engine, self._retracted(*_standing(*mine))).rowcount

    def of_issue(self, issue_id: str) -> list[Said]:
        """What stands, oldest first."""
        return self._read(corrections.c.issue_id == issue_id)

    def of_signature(self, signature: str, *, but_not: str) -> list[Said]:
        """What stands on other issues with this signature, oldest first."""
        if not signature:
            return []
        return self._read(corrections.c.signature == signature, corrections.c.issue_id != but_not)

    def ever(self, issue_id: str) -> bool:
        """True where anything was ever said of the issue's verdict, retracted or not."""
        spoken = corrections.c.field.in_(_TEACHING)
        query = select(corrections.c.id).where(corrections.c.issue_id == issue_id, spoken).limit(1)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def ever_said(self, ref: str) -> bool:
        """True where anything was kept under this ref, retracted or not."""
        query = select(corrections.c.id).where(corrections.c.dedupe.like(f"{ref}:%")).limit(1)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def pupils(self, signature: str, *, but_not: str, limit: int) -> list[str]:
        """Ids of the other unresolved issues with this signature that have a verdict, the last seen first."""
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

    def learned(self, issue_id: str, signature: str) -> int:
        """How many times people corrected the verdict of this issue or of the same error elsewhere."""
        same = corrections.c.issue_id == issue_id
        if signature:
            same |= corrections.c.signature == signature
        spoken = corrections.c.field.in_([field.value for field in SPOKEN])
        query = select(corrections.c.dedupe).where(*_standing(same, spoken))
        with self._engine.connect() as connection:
            return len({key.rpartition(":")[0] for key in connection.execute(query).scalars()})

    def corrected_issues(self, since: datetime | None = None) -> list[CorrectedIssue]:
        """Issues whose verdict people corrected, the oldest correction first."""
        last = func.max(corrections.c.at)
        query = (
            select(corrections.c.issue_id, last.label("last"))
            .where(*_standing(corrections.c.field.in_(_TEACHING)))
            .group_by(corrections.c.issue_id)
            .order_by(last, corrections.c.issue_id)
        )
        if since is not None:
            query = query.having(last >= since)
        with self._engine.connect() as connection:
            return [CorrectedIssue(row.issue_id, row.last) for row in connection.execute(query)]

    def _put(self, connection: Connection, about: About, origin: str, key: str, one: Said) -> bool:
        known = connection.execute(select(corrections).where(corrections.c.dedupe == key)).first()
        if known is None:
            connection.execute(_fresh(about, origin, key, one))
            return True
        if known.value == one.value and known.retracted_at is None:
            return False
        connection.execute(
            update(corrections)
            .where(corrections.c.id == known.id)
            .values(value=one.value, author=one.author[:200], at=one.at, retracted_at=None)
        )
        return True

    def _retracted(self, *where: ColumnElement[bool]) -> Update:
        return update(corrections).where(*where).values(retracted_at=self._clock())

    def _read(self, *where: ColumnElement[bool]) -> list[Said]:
        query = select(corrections).where(*_standing(*where)).order_by(corrections.c.at, corrections.c.id)
        with self._engine.connect() as connection:
            return [_said(row) for row in connection.execute(query).all()]


def _fresh(about: About, origin: str, key: str, one: Said) -> Insert:
    return insert(corrections).values(
        issue_id=about.issue_id,
        short_id=about.short_id[:100],
        project=about.project[:100],
        signature=about.signature,
        field=one.field.value,
        value=one.value[:120],
        was=one.was[:120],
        author=one.author[:200],
        origin=origin,
        dedupe=key,
        at=one.at,
    )


def _standing(*where: ColumnElement[bool]) -> Collection[ColumnElement[bool]]:
    return (corrections.c.retracted_at.is_(None), *where)


def _said(row: Row[tuple[object, ...]]) -> Said:
    return Said(Field(row.field), row.value, row.was, row.author, row.at, row.short_id)
