"""The issue list: newest first, filtered by the database, searched by us where the text is sealed.

Titles are kept encrypted, so no database can search them: a text filter opens at most ``SCAN`` issues a
request, newest first, and says where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, Engine, Row, and_, case, func, or_, select, tuple_
from sqlalchemy.sql import Select

from app.core.redact import redact_text
from app.core.verdict import HIGH_CONFIDENCE
from app.core.vocabulary import Category, ConfidenceBand
from app.store.tables import issues, verdicts
from app.store.vault import Vault

from .listed import Counts, Cursor, Filters, ListedIssue, Page

PAGE = 50
SCAN = 2000
CHUNK = 200


WRITTEN = case((verdicts.c.abstained, Category.UNKNOWN.value), else_=verdicts.c.category)
"""The category as it was written: ``Unknown`` where the verdict abstains."""

BAND = case(
    (verdicts.c.abstained, ConfidenceBand.LOW.value),
    (verdicts.c.confidence >= HIGH_CONFIDENCE, ConfidenceBand.HIGH.value),
    else_=ConfidenceBand.MEDIUM.value,
)

_JOINED = issues.outerjoin(
    verdicts, and_(verdicts.c.issue_id == issues.c.issue_id, verdicts.c.version == issues.c.version)
)


class IssueListing:
    """Reads ``issues`` with the verdict of each that holds now."""

    def __init__(self, engine: Engine, vault: Vault) -> None:
        self._engine = engine
        self._vault = vault

    def page(self, filters: Filters, after: Cursor | None = None, size: int = PAGE) -> Page:
        """One page of at most ``size`` issues, by when each was looked at last, newest first."""
        if filters.text:
            return self._search(filters, after, size)
        rows = self._rows(filters, after, size + 1)
        shown = tuple(filter(None, map(self._listed, rows[:size])))
        return Page(shown, _cursor(shown[-1]) if len(rows) > size else None)

    def counts(self, filters: Filters) -> Counts:
        columns = (
            WRITTEN.label("category"),
            verdicts.c.severity,
            verdicts.c.source,
            BAND.label("band"),
            issues.c.state,
            verdicts.c.immediate,
        )
        query = (
            select(*columns, verdicts.c.id.is_not(None).label("judged"), func.count().label("n"))
            .select_from(_JOINED)
            .where(*_conditions(filters))
            .group_by(*columns, verdicts.c.id.is_not(None))
        )
        with self._engine.connect() as connection:
            return _counted(connection.execute(query).all())

    def projects(self) -> list[str]:
        query = select(issues.c.project).distinct().order_by(issues.c.project).limit(500)
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def _search(self, filters: Filters, after: Cursor | None, size: int) -> Page:
        found: list[ListedIssue] = []
        wanted, scanned = filters.text.casefold(), 0
        for row in self._scan(filters, after):
            scanned += 1
            last = Cursor(row.read_at, row.issue_id)
            listed = self._listed(row, wanted)
            if listed is not None:
                found.append(listed)
            if len(found) == size or scanned == SCAN:
                return Page(tuple(found), last, scanned)
        return Page(tuple(found), None, scanned)

    def _scan(self, filters: Filters, after: Cursor | None) -> Iterator[Row[Any]]:
        while True:
            rows = self._rows(filters, after, CHUNK)
            yield from rows
            if len(rows) < CHUNK:
                return
            after = Cursor(rows[-1].read_at, rows[-1].issue_id)

    def _rows(self, filters: Filters, after: Cursor | None, limit: int) -> list[Row[Any]]:
        query: Select[Any] = (
            select(
                issues,
                WRITTEN.label("category"),
                BAND.label("band"),
                *(verdicts.c[name] for name in ("severity", "source", "confidence", "immediate", "body")),
            )
            .select_from(_JOINED)
            .where(*_conditions(filters))
            .order_by(issues.c.read_at.desc(), issues.c.issue_id.desc())
            .limit(limit)
        )
        if after is not None:
            query = query.where(
                issues.c.read_at <= after.at,  # the row comparison alone does not use SQLite's index
                tuple_(issues.c.read_at, issues.c.issue_id) < tuple_(after.at, after.issue_id),
            )
        with self._engine.connect() as connection:
            return list(connection.execute(query).all())

    def _listed(self, row: Row[Any], wanted: str = "") -> ListedIssue | None:
        """The line; with ``wanted``, none where that is not in it. What redaction hides is not found."""
        content, body = self._vault.open(row.content) or {}, self._vault.open(row.body) or {}
        texts = (
            str(content.get("extra", {}).get("title", "")),
            str(content.get("digest", {}).get("culprit", "")),
            str(body.get("root_cause", "")),
        )
        plain = (row.short_id, row.project, row.issue_id)
        if wanted and not _holds(wanted, (*texts, *plain)):
            return None
        title, culprit, root_cause = (redact_text(text)[0] for text in texts)
        if wanted and not _holds(wanted, (title, culprit, root_cause, *plain)):
            return None
        judged = row.severity is not None
        return ListedIssue(
            issue_id=row.issue_id,
            project=row.project,
            short_id=row.short_id,
            status=row.status,
            state=row.state,
            version=row.version,
            read_at=row.read_at,
            title=title,
            culprit=culprit,
            category=row.category if judged else "",
            severity=row.severity or "",
            band=row.band if judged else "",
            source=row.source or "",
            confidence=row.confidence,
            immediate=bool(row.immediate),
            root_cause=root_cause,
        )


def _holds(wanted: str, texts: tuple[str, ...]) -> bool:
    return any(wanted in text.casefold() for text in texts)


def _cursor(row: ListedIssue) -> Cursor:
    return Cursor(row.read_at, row.issue_id)


def _conditions(filters: Filters) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = [issues.c.read_at.is_not(None)]
    if filters.since is not None:
        wanted.append(issues.c.read_at >= filters.since)
    for column, value in ((issues.c.project, filters.project), (issues.c.state, filters.state)):
        if value:
            wanted.append(column == value)
    by_verdict = ((WRITTEN, filters.category), (verdicts.c.severity, filters.severity))
    for expression, choice in (*by_verdict, (verdicts.c.source, filters.source), (BAND, filters.band)):
        if choice is not None:
            wanted.append(and_(verdicts.c.id.is_not(None), or_(expression == choice.value)))
    return wanted


def _counted(rows: Any) -> Counts:
    names = ("category", "severity", "source", "band", "state")
    by: dict[str, dict[str, int]] = {name: {} for name in names}
    total = immediate = abstained = 0
    for row in rows:
        total += row.n
        by["state"][row.state] = by["state"].get(row.state, 0) + row.n
        if not row.judged:
            continue
        immediate += row.n if row.immediate else 0
        abstained += row.n if row.band == ConfidenceBand.LOW.value else 0
        for name in names[:-1]:
            value = getattr(row, name)
            by[name][value] = by[name].get(value, 0) + row.n
    return Counts(total, immediate, abstained, by)
