"""Log lines: the agreed keys, and never a word of a payload, a secret or an exception's message."""

from __future__ import annotations

import ast
import json
import logging
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import create_app
from app.logs import GEN_AI, HIDDEN, KEYS, JsonFormatter, TextFormatter, configure_logging
from app.reporting import PER_HOUR, Reporter, ReportHandler, event_of, only_known, start_reporting
from app.sandbox.sandbox import SandboxSentry
from app.sandbox.server import SandboxServer
from app.settings import fixed_settings
from app.store import Store

from .conftest import SECRET
from .live import Live, wait_until

PLANTED = "planted-hunter2-4111111111111111"


def record(
    message: str = "webhook", name: str = "app.web", args: tuple = (), **extra: object
) -> logging.LogRecord:
    made = logging.LogRecord(name, logging.INFO, __file__, 1, message, args, None)
    made.__dict__.update(extra)
    return made


def failing(depth: int = 2) -> logging.LogRecord:
    def inner(value: str) -> None:
        raise ValueError(f"cannot read {value}")

    try:
        inner(PLANTED)
    except ValueError:
        import sys

        made = record("step read failed")
        made.exc_info = sys.exc_info()
        return made
    raise AssertionError


def test_the_agreed_keys_and_no_others() -> None:
    line = json.loads(
        JsonFormatter().format(
            record(request_id="r", issue="41", ms=12, outcome="stored", payload=PLANTED, job=0, delivery="")
        )
    )
    assert set(line) == {"ts", "level", "event", "logger", "request_id", "issue", "ms", "outcome", "job"}
    assert line["ts"].endswith("Z")


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_an_exception_is_its_type_and_its_frames(formatter: logging.Formatter) -> None:
    line = formatter.format(failing())
    assert PLANTED not in line
    assert "ValueError" in line
    assert "tests.test_logs_lines:" in line
    assert "inner" in line


@pytest.mark.parametrize("formatter", [JsonFormatter(), TextFormatter()])
def test_of_a_library_only_the_template_is_kept(formatter: logging.Formatter) -> None:
    line = formatter.format(record("could not parse %s", name="urllib3.pool", args=(PLANTED,)))
    assert PLANTED not in line
    assert "could not parse" in line


@pytest.mark.parametrize("kind", [JsonFormatter, TextFormatter])
def test_our_own_secrets_never_appear(kind: type[JsonFormatter]) -> None:
    line = kind(["s3cret-token-value"]).format(
        record("x s3cret-token-value", reason="401 s3cret-token-value")
    )
    assert "s3cret" not in line
    assert line.count(HIDDEN) == 2


@given(st.text(max_size=700), st.text(max_size=700))
def test_a_line_is_one_line_whatever_it_says(message: str, reason: str) -> None:
    for formatter in (JsonFormatter(), TextFormatter()):
        line = formatter.format(record(message.replace("%", ""), reason=reason))
        assert len(line.splitlines()) == 1
        assert line.isprintable()


def test_every_secret_of_the_settings_is_hidden() -> None:
    settings = fixed_settings(
        SENTRY_CLIENT_SECRET="first-secret,second-secret",
        SENTRY_AUTH_TOKEN="token-token",
        SENTRY_DSN="https://publickey@sentry.example/1",
        TRIAGE_ENCRYPTION_KEY="fernet-one,fernet-two",
        DATABASE_URL="postgresql://u:p%40ssword@db/x",
    )
    assert {"first-secret", "second-secret", "token-token", "fernet-one", "fernet-two", "p@ssword"} <= set(
        settings.secrets()
    )


def test_reports_carry_types_and_frames_only() -> None:
    try:
        try:
            raise KeyError(PLANTED)
        except KeyError as inner:
            raise RuntimeError(PLANTED) from inner
    except RuntimeError as error:
        event = event_of(error, "web")
    assert PLANTED not in json.dumps(event)
    assert [one["type"] for one in event["exception"]["values"]] == ["KeyError", "RuntimeError"]
    assert event["exception"]["values"][1]["stacktrace"]["frames"][-1]["function"].startswith("test_")
    assert (
        only_known(event | {"server_name": "host", "extra": {"sys.argv": [PLANTED]}}, None).keys()
        == event.keys()
    )


def test_a_process_reports_so_many_an_hour() -> None:
    sent: list[object] = []
    now = [0.0]
    reporter = Reporter(sent.append, "1", "worker", clock=lambda: now[0])
    ids = [reporter.report(ValueError()) for _ in range(PER_HOUR + 5)]
    assert len(sent) == PER_HOUR
    assert ids[PER_HOUR:] == [""] * 5
    now[0] = 3601.0
    assert reporter.report(ValueError())


def test_what_is_logged_with_an_exception_is_reported_once() -> None:
    sent: list[object] = []
    handler = ReportHandler(Reporter(sent.append, "1", "worker"))
    handler.emit(failing())
    assert len(sent) == 1
    told = failing()
    told.report = "known"
    handler.emit(told)
    own = failing()
    own.name = "sentry_sdk.errors"
    handler.emit(own)
    handler.emit(record("no exception"))
    assert len(sent) == 1


def test_a_failed_webhook_names_our_report_and_says_nothing_else(tmp_path: Path) -> None:
    with SandboxServer(SandboxSentry()) as sandbox:
        settings = fixed_settings(
            SENTRY_CLIENT_SECRET=SECRET,
            SENTRY_URL=sandbox.url,
            SENTRY_DSN=sandbox.dsn("shop-api"),
            DATABASE_URL=f"sqlite:///{tmp_path}/missing/x.db",
        )
        app = create_app(settings)
        from app.core.webhook import sign

        body = json.dumps({"action": "created", "data": {"issue": {"id": "7", "title": PLANTED}}}).encode()
        answer = app.test_client().post(
            "/webhooks/sentry",
            data=body,
            headers={"Sentry-Hook-Resource": "issue", "Sentry-Hook-Signature": sign(SECRET, body)},
        )
        assert answer.status_code == 500
        assert answer.get_json()["error"]["status"] == 500
        assert b"Traceback" not in answer.data
        assert b"sqlite" not in answer.data.lower()
        project = sandbox.dsn("shop-api").rsplit("/", 1)[1]
        assert answer.headers["Sentry-Hook-Project"] == project
        wait_until(sandbox.sandbox.issues, 15, "the report arrives")
        (issue,) = sandbox.sandbox.issues()
        assert "OperationalError" in issue["title"]
        assert PLANTED not in json.dumps(sandbox.sandbox.issues(), default=str)
        logging.getLogger().handlers = [
            h for h in logging.getLogger().handlers if not isinstance(h, ReportHandler)
        ]


def test_without_a_dsn_nothing_is_reported() -> None:
    assert start_reporting(fixed_settings(), "web") is None


def test_dbos_speaks_through_our_handler(capsys: pytest.CaptureFixture[str], store: Store) -> None:
    before = logging.getLogger().handlers[:]
    configure_logging(fixed_settings(LOG_FORMAT="json"))
    logging.getLogger("dbos").warning("step said %s", PLANTED)
    logging.getLogger().handlers = before
    said = capsys.readouterr().err
    assert json.loads(said)["event"] == "step said %s"


HOSTILE = {
    "platform": "python",
    "level": "error",
    "message": f"{PLANTED}\nERROR forged line",
    "tags": {"secret": PLANTED},
    "user": {"email": f"{PLANTED}@example.com"},
    "extra": {"body": PLANTED},
    "exception": {
        "values": [
            {
                "type": "ValueError",
                "value": f"{PLANTED} \x1b[2J\r\n{{}} %s %n",
                "stacktrace": {
                    "frames": [
                        {
                            "filename": f"{PLANTED}.py",
                            "function": PLANTED,
                            "lineno": 1,
                            "in_app": True,
                            "vars": {"password": PLANTED},
                        }
                    ]
                },
            }
        ]
    },
}


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_hostile_event_leaves_no_trace_in_the_logs(tmp_path: Path, log_format: str) -> None:
    with SandboxServer(SandboxSentry()) as sandbox:
        sandbox.sandbox.hooks.timeout = 15.0
        database = f"sqlite:///{tmp_path / 'triage.db'}"
        more = {"LOG_LEVEL": "DEBUG", "LOG_FORMAT": log_format}
        with Live(tmp_path, sandbox, database, **more) as live:
            live.release()
            live.web()
            live.worker("one")
            sandbox.sandbox.capture("shop-api", HOSTILE)
            wait_until(lambda: sandbox.sandbox.issues()[0]["comments"], 60, "the issue is triaged")
            logs = live.logs()
    assert set(logs) >= {"web.log", "one.log"}
    for name, text in logs.items():
        assert "planted-hunter2" not in text, name
        assert "4111111111111111" not in text, name
        assert sandbox.sandbox.token not in text, name
        assert sandbox.sandbox.client_secret not in text, name
    hooks = [line for line in logs["web.log"].splitlines() if "outcome" in line]
    assert hooks, logs["web.log"]
    if log_format == "json":
        line = json.loads(hooks[0])
        assert all(line[key] for key in ("issue", "request_id", "delivery"))
        assert line["outcome"] == "stored"


def test_every_key_that_a_call_passes_is_written() -> None:
    """A key that is not in ``KEYS`` is dropped without a word: the line loses what it is for."""
    seen = 0
    for file in (Path(__file__).parents[1] / "app").rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(call, ast.Call) and ast.unparse(call.func).startswith("log."):
                for given in call.keywords:
                    if given.arg == "extra" and isinstance(given.value, ast.Dict):
                        named = {str(key.value) for key in given.value.keys if isinstance(key, ast.Constant)}
                        unknown = {key for key in named if key not in KEYS and not key.startswith(GEN_AI)}
                        assert not unknown, f"{file.name}:{call.lineno}"
                        seen += len(named)
    assert seen > 10
