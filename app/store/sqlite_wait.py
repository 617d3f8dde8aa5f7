"""Waiting for SQLite's write lock: asked for every millisecond, by one thread of a process at a time.

SQLite's own busy handler sleeps longer each time, up to 100 ms (``sqliteDefaultBusyCallback``), while others
come and go. With two busy workers it made the slowest of a hundred webhooks wait three times as long, and the
jobs a third longer. Thirty threads that ask on their own would cost the processor what they gain.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

PATIENCE = 30.0
"""Seconds until a lock that is not given up is an error."""

ASK_AGAIN = 0.001
"""Seconds between two questions."""

_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY})
"""Not ``SQLITE_BUSY_SNAPSHOT``: what was read is out of date, and no waiting mends that."""

_asking: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
"""By database file: who waits for one must not hold up who waits for another."""


class WaitingConnection(sqlite3.Connection):
    """A connection whose statements wait as above; ``sqlite3.OperationalError`` after ``PATIENCE``.

    A ``busy_timeout`` that is set through the connection has no effect: DBOS sets one on each.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{**options, "timeout": 0.0})
        self.asking = _asking[str(args[0] if args else options.get("database"))]

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or _WaitingCursor)

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        found: sqlite3.Cursor = self.cursor().execute(
            "SELECT 1" if sql.startswith("PRAGMA busy_timeout") else sql, parameters
        )
        return found

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        found: sqlite3.Cursor = self.cursor().executemany(sql, parameters)
        return found


class _WaitingCursor(sqlite3.Cursor):
    connection: WaitingConnection

    def execute(self, sql: str, parameters: Any = (), /) -> _WaitingCursor:
        return self._waiting(lambda: super(_WaitingCursor, self).execute(sql, parameters))

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> _WaitingCursor:
        rows = list(parameters)
        return self._waiting(lambda: super(_WaitingCursor, self).executemany(sql, rows))

    def _waiting(self, statement: Callable[[], _WaitingCursor]) -> _WaitingCursor:
        try:
            return statement()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in _BUSY:
                raise
        until = time.monotonic() + PATIENCE
        with self.connection.asking:
            while True:
                time.sleep(ASK_AGAIN)
                try:
                    return statement()
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode not in _BUSY or time.monotonic() > until:
                        raise
