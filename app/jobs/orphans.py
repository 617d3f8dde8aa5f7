"""Workflows that are ours by the database's word and that no thread of ours runs any more.

DBOS waits for a database that is away. An error that it takes for final, such as a full disk, ends the thread
and leaves the workflow ``PENDING`` with an owner that lives, from whom nobody takes over.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection


class Orphans:
    """Looked for again and again. ``patience``: seconds from taking a workflow to running it, at the most."""

    def __init__(self, patience: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience = patience
        self._clock = clock
        self._since: dict[str, float] = {}

    def among(self, pending: Collection[str], running: Collection[str]) -> list[str]:
        """Those of ``pending`` that were not ``running`` at any look within the patience."""
        now = self._clock()
        self._since = {one: self._since.get(one, now) for one in set(pending).difference(running)}
        found = sorted(one for one, since in self._since.items() if now - since >= self._patience)
        for one in found:  # it is put back: whoever takes it has the whole patience again
            del self._since[one]
        return found
