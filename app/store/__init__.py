"""Everything that is kept: tables, migrations, and one small repository per table."""

from __future__ import annotations

from sqlalchemy import Engine

from app.settings import Settings

from .annotations import AnnotationRepository
from .calls import ModelCallRepository
from .clock import Clock, clock_for
from .corrections import CorrectionRepository
from .engine import make_engine
from .facts import FactRepository
from .issues import IssueRepository
from .reports import Reports
from .same_error import SameErrorRepository
from .totals import TotalsRepository
from .vault import Vault, vault_for
from .verdicts import VerdictRepository
from .vitals import Vitals
from .work import WorkRepository
from .workers import WorkerRepository
from .writes import WriteLog


class Store:
    """The repositories over one engine."""

    def __init__(self, engine: Engine, vault: Vault, clock: Clock | None = None) -> None:
        """``clock``: none for the one that suits the database."""
        self.engine = engine
        self.clock = clock = clock or clock_for(engine)
        self.work = WorkRepository(engine, vault, clock)
        self.issues = IssueRepository(engine, vault, clock)
        self.verdicts = VerdictRepository(engine, vault, clock)
        self.writes = WriteLog(engine, vault, clock)
        self.annotations = AnnotationRepository(engine, clock)
        self.calls = ModelCallRepository(engine, clock)
        self.same = SameErrorRepository(engine, clock)
        self.corrections = CorrectionRepository(engine, clock)
        self.workers = WorkerRepository(engine, clock)
        self.facts = FactRepository(engine, clock)
        self.reports = Reports(engine, vault, clock)
        self.totals = TotalsRepository(engine, clock)
        self.vitals = Vitals(engine, clock)

    @classmethod
    def open(cls, url: str, vault: Vault, clock: Clock | None = None) -> Store:
        return cls(make_engine(url), vault, clock)

    def close(self) -> None:
        self.engine.dispose()


def open_store(settings: Settings) -> Store:
    """The database by the settings, with the keys for what is sealed in it."""
    keys = [key.get_secret_value() for key in settings.triage_encryption_keys]
    return Store.open(settings.database_url, vault_for(keys, settings.client_secrets))
