"""``doctor`` is green where all is well, and red with a remedy on each thing that is broken."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response, jsonify, request
from werkzeug.serving import make_server

from app import create_app
from app.core.intake import Intent, Kind
from app.doctor import CHECKS, Clinic, Result, State, examine
from app.errors import UserError
from app.sandbox import SandboxSentry, SandboxServer, TokenSpec
from app.settings import Settings, fixed_settings, load_settings
from app.store import Store, open_store
from app.store.engine import migrate
from app.store.retention import purge

from .live import Live, free_port, wait_until
from .model_kit import chat


@contextmanager
def served(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


class Rig:
    """A sandbox, our web side behind an address, and a database with a living worker."""

    def __init__(self, folder: Path, sandbox: SandboxServer, url: str, values: dict[str, Any]) -> None:
        self.folder, self.sandbox, self.url = folder, sandbox, url
        self.values = values

    def examine(self, *only: str, **changed: Any) -> dict[str, Result]:
        clinic = Clinic(lambda: fixed_settings(**{**self.values, **changed}))
        found = {result.name: result for result in examine(clinic, only)}
        clinic.close()
        return found

    def store(self) -> Store:
        return open_store(fixed_settings(**self.values))


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with SandboxServer(SandboxSentry()) as sandbox:
        values: dict[str, Any] = {
            "SENTRY_URL": sandbox.url,
            "SENTRY_ORG": "acme",
            "SENTRY_AUTH_TOKEN": sandbox.sandbox.token,
            "SENTRY_CLIENT_SECRET": sandbox.sandbox.client_secret,
            "DATABASE_URL": f"sqlite:///{tmp_path / 'triage.db'}",
        }
        settings = fixed_settings(**values)
        store = open_store(settings)
        migrate(store.engine)
        store.workers.beat("w", host="h", pid=1)
        store.work.add(Intent(Kind.TRIAGE, "1", "issue.created"), dedupe="one")
        with served(create_app(settings, store=store)) as url:
            yield Rig(tmp_path, sandbox, url, {**values, "TRIAGE_PUBLIC_URL": url})
        store.close()


def test_all_is_well_on_the_sandbox(rig: Rig) -> None:
    found = rig.examine()
    assert set(found) == set(CHECKS)
    bad = {name: one.finding for name, one in found.items() if one.finding.state in (State.FAIL, State.WARN)}
    assert not bad
    skipped = {name for name, one in found.items() if one.finding.state is State.SKIP}
    assert skipped <= {"own-errors", "components", "model-end", "model-price", "model-budget"}
    assert found["database"].finding.seen.endswith("(persistent: unknown)")


def test_nothing_is_changed_in_sentry(rig: Rig) -> None:
    rig.sandbox.sandbox.capture("shop-api", {"message": "x", "level": "error"})
    before = json.dumps(rig.sandbox.sandbox.issues(), default=str)
    rig.examine()
    assert json.dumps(rig.sandbox.sandbox.issues(), default=str) == before


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "no token": ({"SENTRY_AUTH_TOKEN": ""}, "settings"),
    "no secret": ({"SENTRY_CLIENT_SECRET": ""}, "settings"),
    "no organization": ({"SENTRY_ORG": ""}, "settings"),
    "url without scheme": ({"SENTRY_URL": "sentry.example.com"}, "settings"),
    "port that is none": ({"PORT": 123456}, "settings"),
    "unknown model": ({"TRIAGE_MODEL": "gpt"}, "settings"),
    "wrong token": ({"SENTRY_AUTH_TOKEN": "sntryi_wrong"}, "token"),
    "wrong organization": ({"SENTRY_ORG": "other"}, "token"),
    "Sentry away": ({"SENTRY_URL": f"http://127.0.0.1:{free_port()}"}, "token"),
    "key that is none": ({"TRIAGE_ENCRYPTION_KEY": "abc"}, "database"),
    "database away": ({"DATABASE_URL": "sqlite:////nonexistent/folder/x.db"}, "database"),
    "database not made": ({"DATABASE_URL": "sqlite:///new.db"}, "database"),
    "postgres away": ({"DATABASE_URL": f"postgresql://u:p@127.0.0.1:{free_port()}/x"}, "database"),
    "another app's slug": ({"SENTRY_APP_SLUG": "somebody-else"}, "integration"),
    "no public address": ({"TRIAGE_PUBLIC_URL": ""}, "public-url"),
    "nobody at the address": ({"TRIAGE_PUBLIC_URL": f"http://127.0.0.1:{free_port()}"}, "public-url"),
    "another secret": ({"SENTRY_CLIENT_SECRET": "f" * 64}, "client-secret"),
    "DSN that is none": ({"SENTRY_DSN": "not a dsn"}, "own-errors"),
    "rules away": ({"TRIAGE_CONFIG": "nowhere.toml"}, "rules"),
    "rules that are a folder": ({"TRIAGE_CONFIG": "."}, "rules"),
    "model away": (
        {"TRIAGE_MODEL": "openai:x", "OPENAI_BASE_URL": f"http://127.0.0.1:{free_port()}/v1"},
        "model",
    ),
    "model without key": ({"TRIAGE_MODEL": "anthropic:claude-haiku-5-5"}, "model"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_setting_is_red_with_a_remedy(rig: Rig, name: str) -> None:
    changed, where = BROKEN[name]
    red = rig.examine(where, **changed)[where] if where != "settings" else _load(rig, changed)
    assert red.finding.state is State.FAIL, red
    assert red.finding.todo
    for secret in (rig.sandbox.sandbox.token, rig.sandbox.sandbox.client_secret):
        assert secret not in red.finding.seen + red.finding.todo


def _load(rig: Rig, changed: dict[str, Any]) -> Result:
    """A malformed value stops the loading itself, which says which one."""
    environment = {k: str(v) for k, v in {**rig.values, **changed}.items()}
    with pytest.MonkeyPatch.context() as patch:
        for key, value in environment.items():
            patch.setenv(key, value)
        return next(iter(examine(Clinic(load_settings), ["settings"])))


@pytest.mark.parametrize(
    ("missing", "check", "state"),
    [
        ("event:write", "event:write", State.FAIL),
        ("org:read", "token", State.FAIL),
        ("project:read", "project:read", State.FAIL),
        ("member:read", "member:read", State.WARN),
    ],
)
def test_a_missing_scope_is_named(rig: Rig, missing: str, check: str, state: State) -> None:
    _with_scopes(rig, {missing})
    found = rig.examine()[check].finding
    assert found.state is state
    assert "Permissions" in found.todo


def test_no_event_scope_at_all(rig: Rig) -> None:
    _with_scopes(rig, {"event:read", "event:write"})
    found = rig.examine()
    assert found["event:read"].finding.state is State.FAIL
    assert found["event:write"].finding.state is State.FAIL


def _with_scopes(rig: Rig, without: set[str]) -> None:
    token = next(
        t for t in rig.sandbox.sandbox.state.tokens.values() if t.value == rig.values["SENTRY_AUTH_TOKEN"]
    )
    kept = [scope for scope in TokenSpec("x").scopes if scope not in without]
    rig.sandbox.sandbox.state.add_token(token.value, token.user, kept)


def test_keys_that_cannot_be_used(rig: Rig) -> None:
    state = rig.sandbox.sandbox.state
    for key in state.project("shop-web").keys:
        key.active = False
    found = rig.examine("keys")["keys"].finding
    assert found.state is State.FAIL
    assert "shop-web: no active key" in found.seen


def test_keys_of_a_host_nobody_allowed(rig: Rig) -> None:
    elsewhere = rig.values["SENTRY_URL"].replace("127.0.0.1", "localhost")
    found = rig.examine("keys", SENTRY_URL=elsewhere)["keys"].finding
    assert found.state is State.FAIL
    assert "SENTRY_INGEST_HOSTS" in found.todo


def test_our_own_project_is_named(rig: Rig) -> None:
    found = rig.examine("own-errors", SENTRY_DSN=rig.sandbox.dsn("shop-web"))["own-errors"].finding
    assert found.state is State.OK
    assert "shop-web; issues of that project are not triaged" in found.seen


def test_a_clock_that_is_wrong(rig: Rig) -> None:
    clinic = Clinic(lambda: fixed_settings(**rig.values), clock=lambda: time.time() + 120)
    found = {one.name: one.finding for one in examine(clinic, ["clock"])}["clock"]
    assert found.state is State.WARN
    assert re.search(r"\b12\d s ahead", found.seen)


def test_no_worker_failed_jobs_and_silence(rig: Rig) -> None:
    store = rig.store()
    store.workers.leave("w")
    job = store.work.due()[0]
    assert store.work.claim(job, "wf")
    store.work.fail(job.id, "wf", "no")
    found = rig.examine("workers", "queue")
    assert found["workers"].finding.state is State.FAIL
    assert found["queue"].finding.state is State.WARN
    later = job.created_at.replace(year=job.created_at.year + 1)
    purge(store.engine, before=later, ledger_before=later)
    assert rig.examine("webhooks")["webhooks"].finding.state is State.WARN
    store.close()


def stranger(answer: Callable[[], Any]) -> Flask:
    """Somebody else at the public address."""
    app = Flask("stranger")
    app.add_url_rule("/health", "health", lambda: jsonify(status="ok"))
    app.add_url_rule("/webhooks/sentry", "hook", answer, methods=["POST"])
    app.add_url_rule("/components/options", "options", lambda: ("no", 403))
    return app


def test_somebody_who_takes_everything_is_not_us(rig: Rig) -> None:
    with served(stranger(lambda: ("", 202))) as url:
        found = rig.examine("client-secret", TRIAGE_PUBLIC_URL=url)["client-secret"].finding
    assert found.state is State.FAIL
    assert "wrongly signed webhook was answered 202" in found.seen


def _only_signed(delay: float) -> Callable[[], Any]:
    def answer() -> Any:
        from app.core.webhook import HOOK_SIGNATURE, sign

        time.sleep(delay)
        fits = request.headers[HOOK_SIGNATURE] == sign(SIGNED_WITH[0], request.get_data())
        return ("", 202 if fits else 401)

    return answer


SIGNED_WITH = [""]


def test_slow_answers_and_closed_components_are_red(rig: Rig) -> None:
    SIGNED_WITH[0] = rig.values["SENTRY_CLIENT_SECRET"]
    with served(stranger(_only_signed(1.05))) as url:
        found = rig.examine("one-second", "components", TRIAGE_PUBLIC_URL=url)
    assert found["one-second"].finding.state is State.FAIL
    assert found["components"].finding.state is State.FAIL


def language_model(answer: dict[str, Any]) -> Flask:
    app = Flask("model")
    app.add_url_rule(
        "/v1/chat/completions",
        "chat",
        lambda: Response(json.dumps(answer), mimetype="application/json"),
        methods=["POST"],
    )
    return app


def test_a_model_that_answers_in_shape(rig: Rig) -> None:
    with served(language_model(chat())) as url:
        more = {"TRIAGE_MODEL": "openai:gpt-6-luna", "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_API_KEY": "k"}
        found = rig.examine("model", "model-end", "model-price", "model-budget", **more)
    assert {one.finding.state for one in found.values()} == {State.OK}
    assert "json_schema" in found["model"].finding.seen


def test_a_model_that_talks(rig: Rig) -> None:
    with served(language_model(chat("I would rather chat."))) as url:
        more = {"TRIAGE_MODEL": "openai:unheard-of", "OPENAI_BASE_URL": f"{url}/v1"}
        found = rig.examine("model", "model-price", **more)
    assert found["model"].finding.state is State.FAIL
    assert found["model-price"].finding.state is State.WARN


def test_a_model_that_ends_and_a_budget_that_is_spent(rig: Rig) -> None:
    (rig.folder / "triage.toml").write_text('[models."openai:x"]\nshutdown = 2020-01-01\n')
    found = rig.examine(
        "model-end", "model-budget", TRIAGE_MODEL="openai:x", TRIAGE_BUDGET_USD_DAY=0, OPENAI_API_KEY="k"
    )
    assert found["model-end"].finding.state is State.WARN
    assert "2020-01-01" in found["model-end"].finding.seen
    assert found["model-budget"].finding.state is State.WARN


def test_rules_that_cannot_be_read(rig: Rig) -> None:
    (rig.folder / "triage.toml").write_text("[[rule]]\nnonsense = ")
    assert rig.examine("rules")["rules"].finding.state is State.FAIL


def test_an_unknown_name_is_said() -> None:
    with pytest.raises(UserError, match="no check named pulse"):
        list(examine(Clinic(lambda: Settings()), ["pulse"]))


def test_the_command_on_running_processes(tmp_path: Path) -> None:
    with SandboxServer(SandboxSentry()) as sandbox:
        sandbox.sandbox.hooks.timeout = 15.0
        with Live(tmp_path, sandbox, f"sqlite:///{tmp_path / 'triage.db'}") as live:
            live.release()
            live.web()
            worker = live.worker("one")
            sandbox.sandbox.capture("shop-api", {"message": "x", "level": "error"})
            wait_until(lambda: "takes jobs" in live.logs()["one.log"], 60, "the worker runs")
            done = live.run("doctor", "--json")
            found = json.loads(done.stdout)
            assert done.returncode == 0, found
            assert found["ok"]
            assert all(one["state"] in ("ok", "skip") for one in found["checks"]), found
            broken = live.run("doctor", "--only", "token", SENTRY_AUTH_TOKEN="wrong")
            assert broken.returncode == 1
            assert "fail  token" in broken.stdout
            assert "→ Make a new one" in broken.stdout
            assert live.run("doctor", "--only", "pulse").returncode == 2
            assert worker.poll() is None
