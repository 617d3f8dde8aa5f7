"""Sentry's REST calls as the triage needs them, over ``SentryApi``. Paths and quirks: Sentry's API reference,
the sources named per method, and the recorded answers under ``tests/samples/sentry``. Bases and errors:
``app.sentry.api``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core.annotation import is_synthetic
from app.core.comment import Note
from app.core.issue import Issue
from app.sentry.api import api_path, decode, mapping, rows
from app.sentry.directory import DirectoryCalls
from app.sentry.errors import BadRequest, NotFound, ServerTrouble
from app.sentry.paging import Page, next_cursor, wait_by

MAX_HOPS = 5
"""Synthetic events of ours that are stepped over in search of a real one."""


class SentryClient(DirectoryCalls):
    """One organisation of one Sentry. Raises ``NotFound``, ``Forbidden``, ``BadRequest`` …
    (``app.sentry.errors``)."""

    # Issues

    def issue(self, issue_id: str, *, expand_owners: bool = False) -> Issue:
        """The issue as it is now. For a merged one the survivor comes back: see ``Issue.moved_from``."""
        params = {"expand": ["owners"]} if expand_owners else None
        return _issue(self.get(self._issue_path(issue_id), params=params))

    def update_issue(self, issue_id: str, **fields: Any) -> Issue:
        """Set ``assignedTo``, ``priority``, ``status`` … in one PUT; returns what Sentry says it is
        afterwards.

        Unknown fields are answered with 200 and ignored (``priority`` on 23.7.1): compare the answer.
        """
        path = self._issue_path(issue_id)
        answer = decode(self.call("PUT", path, body=fields), f"PUT {path}")
        return _issue(answer) if isinstance(answer, dict) and answer.get("id") else self.issue(issue_id)

    def issues(
        self,
        query: str,
        cursor: str | None = None,
        *,
        limit: int = 100,
        sort: str = "date",
        project: int | str = -1,
        period: str = "",
        start: str = "",
        end: str = "",
    ) -> Page[Issue]:
        """One page of the issue list. ``project=-1``: all. ``period`` such as ``14d``, or ``start``/``end``
        (ISO)."""
        params: dict[str, str | int | list[str]] = {
            "query": query,
            "limit": min(limit, 100),
            "sort": sort,
            "project": project,
            **{
                name: value
                for name, value in {
                    "cursor": cursor,
                    "statsPeriod": period,
                    "start": start,
                    "end": end,
                }.items()
                if value
            },
        }
        path = self.org_path("issues")
        response = self.call("GET", path, params=params)
        found = tuple(Issue.from_api(row) for row in rows(decode(response, path), path) if row.get("id"))
        wait = wait_by(response.headers, self._clock())
        return Page(found, next_cursor(response.headers.get("link", "")), wait)

    # Events

    def event(self, issue_id: str, *, newest: bool = False) -> dict[str, Any] | None:
        """The event to read: the recommended one, else (or with ``newest``) the latest, never one of ours.

        None where the issue has no readable event (retention). Raises ``NotFound`` where the issue itself is
        gone.
        """
        event = None if newest else self._named_event(issue_id, "recommended")
        if event is None or is_synthetic(event):  # 23.7.1 knows no "recommended"
            event = self._named_event(issue_id, "latest")
        return self._real(issue_id, event) if event else None

    def event_lookup(self, event_id: str) -> str | None:
        """The id of the issue that holds an event, None until Sentry has stored it. Limited to one call a
        second."""
        try:
            path = self.org_path("eventids", event_id)
            found = mapping(self.get(path), path)
        except NotFound:
            return None
        return str(found.get("groupId") or "") or None

    def _named_event(self, issue_id: str, name: str) -> dict[str, Any] | None:
        path = self._issue_path(issue_id, "events", name)
        try:
            return mapping(self.get(path), path)
        except BadRequest:
            return None
        except NotFound as error:
            # "The requested resource does not exist" is the issue's 404; the event's own has other words.
            # Where a server knows no "recommended", that may say so too: then "latest" tells which it was.
            if name != "recommended" and "requested resource does not exist" in str(error).lower():
                raise
            return None

    def _real(self, issue_id: str, event: Mapping[str, Any]) -> dict[str, Any] | None:
        # Ours are dated at or before the last real event, so a single real one stands after them.
        for direction in ("previousEventID", "nextEventID"):
            current: Mapping[str, Any] | None = event
            for _ in range(MAX_HOPS):
                if current is None or not is_synthetic(current):
                    break
                following = current.get(direction)
                current = self._named_event(issue_id, str(following)) if following else None
            if current is not None and not is_synthetic(current):
                return dict(current)
        return None

    # Comments

    def notes(self, issue_id: str) -> list[Note]:
        """All comments of an issue, newest first."""
        return [
            Note.from_api(row) for row in self.pages(self._issue_path(issue_id, "notes")) if row.get("id")
        ]

    def add_note(self, issue_id: str, text: str) -> Note:
        """Post a comment. Sentry answers the same text within an hour with 400: that counts as posted."""
        path = self._issue_path(issue_id, "notes")
        try:
            return Note.from_api(mapping(decode(self.call("POST", path, body={"text": text}), path), path))
        except BadRequest as error:
            if "already posted" not in str(error).lower():
                raise
            same = [note for note in self.notes(issue_id) if note.text.strip() == text.strip()]
            if not same:
                raise
            return same[0]

    def edit_note(self, issue_id: str, note_id: str, text: str) -> Note:
        """Replace the text of our own comment. Raises ``NotFound`` where it is not ours or was deleted."""
        path = self._issue_path(issue_id, "notes", note_id)
        return Note.from_api(mapping(decode(self.call("PUT", path, body={"text": text}), path), path))

    def delete_note(self, issue_id: str, note_id: str) -> None:
        """Delete our own comment (scope ``event:admin``, else ``Forbidden``). Gone already is as good."""
        self._delete(self._issue_path(issue_id, "notes", note_id))

    # The app's external issue: the mark in the issue list

    def external_issues(self, issue_id: str) -> list[dict[str, Any]]:
        """``[{id, issueId, serviceType, displayName, webUrl}]`` of all apps on this issue."""
        return list(self.pages(self._issue_path(issue_id, "external-issues")))

    def put_external_issue(
        self, installation: str, issue_id: str, *, project: str, identifier: str, web_url: str, app_slug: str
    ) -> dict[str, Any]:
        """Create or replace our one external issue, shown as ``project#identifier``.

        Today's server upserts. 23.7.1 answers the second POST with 500: then the old one is deleted and
        posted anew.
        """
        path = api_path("sentry-app-installations", installation, "external-issues")
        body = {"issueId": int(issue_id), "webUrl": web_url, "project": project, "identifier": identifier}
        try:
            return mapping(decode(self.call("POST", path, body=body), path), path)
        except ServerTrouble as error:
            if error.status != 500:
                raise
            ours = [row for row in self.external_issues(issue_id) if row.get("serviceType") == app_slug]
            if not ours:
                raise
        for row in ours:
            self.delete_external_issue(installation, str(row.get("id")))
        return mapping(decode(self.call("POST", path, body=body), path), path)

    def delete_external_issue(self, installation: str, external_id: str) -> None:
        self._delete(api_path("sentry-app-installations", installation, "external-issues", external_id))

    def _delete(self, path: str) -> None:
        try:
            self.call("DELETE", path)
        except NotFound:
            return

    def _issue_path(self, issue_id: str, *rest: str) -> str:
        return self.org_path("issues", issue_id, *rest)


def _issue(answer: Any) -> Issue:
    return Issue.from_api(mapping(answer, "issue"))
