"""What is wrong at the start is one sentence: a database that is down, a rule or key that is no use."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, text
from sqlalchemy.exc import IntegrityError, OperationalError

import app.cli
from app.cli import cli, serve
from app.errors import UserError

from .conftest import SECRET
from .live import free_port


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SENTRY_CLIENT_SECRET", SECRET)
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", "token")
    monkeypatch.setenv("SENTRY_ORG", "acme")
    monkeypatch.setenv("TRIAGE_WORKER_NICE", "0")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The console script; its exit code."""
    monkeypatch.setattr(sys, "argv", ["sentry-triage", *arguments])
    with pytest.raises(SystemExit) as ended:
        app.cli.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.parametrize(
    "arguments",
    [
        "plan",
        "worker",
        "apply --since 1d",
        "undo --since 1d",
        "reconcile --once",
        "backfill",
        "export-corrections",
        "rotate-key",
    ],
)
def test_a_database_that_is_down_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://triage:hunter2@127.0.0.1:{free_port()}/triage")
    assert run(monkeypatch, *arguments.split()) == 1
    said = capsys.readouterr().err
    first, hint = said.splitlines()
    assert first.startswith("sentry-triage: The database does not answer: connection failed")
    assert "Connection refused" in first
    assert hint == "  Check DATABASE_URL and that its server runs."
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (
            IntegrityError("INSERT", {"word": "v4lue"}, Exception('invalid input "v4lue"')),
            "The database does not answer: IntegrityError",
        ),
        (
            OperationalError("", {}, Exception("cannot resolve 'v4lue@db'.\nDETAIL: v4lue")),
            "The database does not answer: cannot resolve 'db'.",
        ),
    ],
)
def test_no_value_and_no_password_is_in_the_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, says: str
) -> None:
    def fail(**_options: object) -> None:
        raise error

    monkeypatch.setattr(app.cli, "cli", fail)
    assert run(monkeypatch) == 1
    said = capsys.readouterr().err
    assert f"sentry-triage: {says}\n" in said
    assert "v4lue" not in said


def test_a_defect_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(app.cli, "cli", fail)
    with pytest.raises(ZeroDivisionError):
        app.cli.main()


def test_what_needs_no_database_does_not_load_it() -> None:
    code = "import sys, app.cli\ntry: app.cli.main()\nfinally: print('sqlalchemy' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "--version"],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parent.parent,
    )
    assert done.stdout.rstrip().endswith("False")


def test_a_missing_driver_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://triage@127.0.0.1/triage")
    monkeypatch.setitem(sys.modules, "psycopg", None)
    assert run(monkeypatch, "release") == 2
    first, hint = capsys.readouterr().err.splitlines()
    assert first == "sentry-triage: DATABASE_URL names Postgres, but its driver is not installed."
    assert hint == "  pip install 'sentry-triage[postgres]'"


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("SENTRY_CLIENT_SECRET", "", "SENTRY_CLIENT_SECRET is not set. Sentry signs webhooks with it"),
        ("SENTRY_DSN", "none", "SENTRY_DSN: the DSN is not of the form"),
        ("TRIAGE_CONFIG", "gone.toml", "gone.toml, the file of TRIAGE_CONFIG, cannot be read"),
    ],
)
def test_gunicorn_says_what_is_wrong_before_it_starts_a_process(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    """Else each web process logs it, and gunicorn ends with a traceback."""
    monkeypatch.setenv(name, value)
    monkeypatch.setenv("PORT", str(free_port()))
    done = gunicorn()
    assert done.returncode == 1
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def gunicorn() -> subprocess.CompletedProcess[str]:
    """gunicorn as the Procfile starts it, to its end."""
    return subprocess.run(
        [sys.executable, "-m", "gunicorn", "-c", "python:app.web.gunicorn_conf", "app:create_app()"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_port_that_is_taken_leaves_no_folder_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    counts = tmp_path / "counts"
    counts.mkdir()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("HOST", "127.0.0.1")
        monkeypatch.setenv("PORT", str(taken.getsockname()[1]))
        monkeypatch.setenv("TMPDIR", str(counts))
        done = gunicorn()
    assert done.returncode == 1
    assert "in use" in done.stderr
    assert not list(counts.glob("sentry-triage-metrics-*"))


@pytest.mark.parametrize(
    ("policy", "setting", "says"),
    [
        ('[[rule]]\nid = "acme.x"\ncategory = "Nonsense"\ntypes = ["X"]\n', {}, "acme.x"),
        ("", {"TRIAGE_MODEL": "anthropic:claude-haiku-5-5"}, "ANTHROPIC_API_KEY is not set"),
        ("", {"SENTRY_DSN": "none"}, "SENTRY_DSN: the DSN is not of the form"),
    ],
)
def test_serve_says_what_is_wrong_before_it_listens(
    monkeypatch: pytest.MonkeyPatch, policy: str, setting: dict[str, str], says: str
) -> None:
    Path("triage.toml").write_text(policy)
    for name, value in setting.items():
        monkeypatch.setenv(name, value)
    started: list[serve.OneProcess] = []
    monkeypatch.setattr(serve.OneProcess, "run", lambda process: started.append(process))
    done = CliRunner().invoke(cli, ["serve"])
    assert isinstance(done.exception, UserError)
    assert says in str(done.exception)
    assert "Listening" not in done.output
    assert not started
    assert not Path("triage.db").exists()


def test_a_release_ends_where_a_rule_is_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("triage.toml").write_text('[[rule]]\nid = "acme.x"\ncategory = "Nonsense"\ntypes = ["X"]\n')
    done = CliRunner().invoke(cli, ["release"])
    assert isinstance(done.exception, UserError)
    assert "acme.x" in str(done.exception)


def test_serve_makes_the_database_and_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[serve.OneProcess] = []
    monkeypatch.setattr(serve.OneProcess, "run", lambda process: started.append(process))
    done = CliRunner().invoke(cli, ["serve"])
    assert done.exit_code == 0, done.output
    assert "Listening on http://" in done.output
    assert len(started) == 1
    with create_engine("sqlite:///triage.db").connect() as connection:
        assert connection.execute(text("select count(*) from issues")).scalar() == 0
