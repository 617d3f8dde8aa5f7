"""Jobs a second over 1, 2 and 4 workers on one Postgres, and what 10,000 issues add to the database.

    python benchmarks/scale.py [--json] [--issues 1000] [--server URL]

The same pipeline as in ``model_path.py`` (real worker processes, a fake Sentry on the same machine, writes in
shadow mode), with the offline classifier, so that the processors are the limit and not a model. ``--server``:
a Postgres server that lets us create databases; without it one is started from this machine's binaries.

``jobs_per_second``: from the first row stored to the last job done, start and end of the run included.
``ratio_to_one_worker`` says little beyond the number of processors: fake Sentry, Postgres and workers share
them. ``megabytes_per_10000_issues``: size of the tables with their indexes and of DBOS's after the run, less
before, for issues of one event each; retention deletes what has ended (docs/operating.md).
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sqlalchemy import text

from app.jobs.engine import migrate_jobs
from app.store.engine import make_engine, migrate
from benchmarks.model_path import Bench, make_issues
from tests.postgres import fresh_database, own_server

WORKERS = (1, 2, 4)
SIZES = text(
    "SELECT schemaname, sum(pg_total_relation_size(format('%I.%I', schemaname, relname)::regclass)) "
    "FROM pg_stat_user_tables GROUP BY schemaname"
)
NAMES = {"public": "ours", "dbos": "dbos"}


def sizes(url: str) -> dict[str, float]:
    """Bytes of all tables with their indexes, ours and DBOS's."""
    engine = make_engine(url)
    with engine.connect() as connection:
        found = {str(schema): float(size) for schema, size in connection.execute(SIZES)}
    engine.dispose()
    return {name: found.get(schema, 0.0) for schema, name in NAMES.items()}


def run(server: str, workers: int, issues: int) -> tuple[float, dict[str, float]]:
    """Jobs a second, and megabytes a 10,000 issues."""
    with tempfile.TemporaryDirectory() as folder, fresh_database(server) as url:
        migrate(engine := make_engine(url))
        engine.dispose()
        migrate_jobs(url)
        before = sizes(url)
        options = SimpleNamespace(workers=workers, database=url)
        done = Bench(Path(folder), "offline", make_issues(issues, 0.0), options).run()
        grown = {name: size - before[name] for name, size in sizes(url).items()}
    return issues / done.seconds, {name: size / issues / 100 for name, size in grown.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--issues", type=int, default=1000)
    parser.add_argument(
        "--server", default="", help="URL of a Postgres server; by default one is started here"
    )
    options = parser.parse_args()
    with ExitStack() as stack:
        server = options.server or stack.enter_context(own_server()).url
        measured = {workers: run(server, workers, options.issues) for workers in WORKERS}
    one = measured[WORKERS[0]][0]
    figures = {
        "jobs_per_second": {workers: round(rate, 1) for workers, (rate, _) in measured.items()},
        "ratio_to_one_worker": {workers: round(rate / one, 2) for workers, (rate, _) in measured.items()},
        "megabytes_per_10000_issues": {name: round(mb, 1) for name, mb in measured[WORKERS[-1]][1].items()},
        "processors": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
    }
    if options.json:
        print(json.dumps(figures, indent=2))
        return
    for name, value in figures.items():
        print(f"{name:28} {value}")


if __name__ == "__main__":
    main()
