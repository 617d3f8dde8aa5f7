"""What the dashboard and the metrics read: bounded queries over several tables, nothing written."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import Engine

from app.store.vault import Vault

from .listing import IssueListing
from .operations import OperationsReport
from .pages import IssuePages
from .score import ScoreReport


class Reports:
    """The read models over one engine."""

    def __init__(self, engine: Engine, vault: Vault, clock: Callable[[], datetime]) -> None:
        self.listing = IssueListing(engine, vault)
        self.pages = IssuePages(engine, vault)
        self.score = ScoreReport(engine)
        self.operations = OperationsReport(engine, clock)
