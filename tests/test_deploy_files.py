"""The files by which this is run elsewhere, each tried by running the very commands they name."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from app.sandbox import SandboxSentry, SandboxServer
from app.settings import Settings
from app.settings_sources import aliases

from .live import Live, kill, wait_until

ROOT = Path(__file__).parent.parent
USER = 10001


def procfile() -> dict[str, str]:
    lines = (ROOT / "Procfile").read_text().splitlines()
    return {
        name: command.strip() for name, _, command in (line.partition(":") for line in lines if line.strip())
    }


def dockerfile() -> dict[str, list[str]]:
    """Instructions of the last stage by name."""
    text = (ROOT / "deploy/Dockerfile").read_text().replace("\\\n", " ")
    stage = text[text.rindex("\nFROM ") :]
    found: dict[str, list[str]] = {}
    for line in stage.splitlines():
        name, _, rest = line.strip().partition(" ")
        if name.isupper():
            found.setdefault(name, []).append(rest.strip())
    return found


def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
    return parsed


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(SandboxSentry()) as server:
        server.sandbox.hooks.timeout = 15.0
        yield server


class ByHand(Live):
    """The same processes, started by commands read from a file."""

    def start(self, command: list[str], log: str) -> subprocess.Popen[bytes]:
        return self._start(*command, log=log)

    def finish(self, command: list[str]) -> None:
        done = subprocess.run(
            command,
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def ready(self) -> bool:
        try:
            return requests.get(f"{self.url}/ready", timeout=5).status_code == 200
        except requests.RequestException:
            return False

    def triages(self, sandbox: SandboxServer) -> None:
        """One error goes the whole way."""
        wait_until(self.ready, 60, f"web answers: {self.logs()}")
        sandbox.sandbox.capture("shop-api", {"message": "it broke", "level": "error"})
        wait_until(lambda: sandbox.sandbox.issues()[0]["comments"], 60, "the issue is triaged")


def test_the_procfile_runs(tmp_path: Path, sandbox: SandboxServer) -> None:
    commands = procfile()
    assert set(commands) == {"release", "web", "worker"}
    with ByHand(tmp_path, sandbox, f"sqlite:///{tmp_path / 'triage.db'}") as live:
        live.finish(["sh", "-c", commands["release"]])
        for name in ("web", "worker"):
            live.start(["sh", "-c", f"exec {commands[name]}"], f"{name}.log")
        live.triages(sandbox)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_compose_runs_its_commands_on_postgres(
    tmp_path: Path, sandbox: SandboxServer, database_url: str
) -> None:
    services = compose()["services"]
    plain = database_url.replace("postgresql+psycopg", "postgresql")
    assert re.fullmatch(
        r"postgresql://triage:\$\{POSTGRES_PASSWORD:\?[^}]+\}@postgres:5432/triage",
        services["web"]["environment"]["DATABASE_URL"],
    )
    with ByHand(tmp_path, sandbox, plain, LOG_FORMAT=services["web"]["environment"]["LOG_FORMAT"]) as live:
        live.finish(services["release"]["command"])
        live.start(services["web"]["command"], "web.log")
        for number in range(2):
            live.start(services["worker"]["command"], f"worker{number}.log")
        live.triages(sandbox)
        for line in live.logs()["web.log"].splitlines():
            assert json.loads(line)["ts"], "every line of web is JSON"


def test_compose_starts_things_in_order_and_gives_them_little() -> None:
    services = compose()["services"]
    assert services["web"]["depends_on"] == {"release": {"condition": "service_completed_successfully"}}
    assert services["worker"]["depends_on"] == services["web"]["depends_on"]
    assert services["release"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("release", "web", "worker"):
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
        assert services[name]["tmpfs"] == ["/tmp"]
    assert "ports" not in services["postgres"]


@pytest.fixture
def box() -> Iterator[Path]:
    """What the container may write: its own user's /data and /tmp, and nothing else."""
    folder = Path(tempfile.mkdtemp(prefix="triage-box-", dir="/tmp"))
    folder.chmod(0o755)
    for name in ("data", "tmp"):
        (folder / name).mkdir()
        if os.getuid() == 0:
            os.chown(folder / name, USER, USER)
    yield folder
    shutil.rmtree(folder)


def as_other_user(environment: Mapping[str, str]) -> list[str]:
    """The prefix that drops root's rights; nothing where we are not root, or that user cannot reach us."""
    if os.getuid() != 0 or not shutil.which("setpriv"):
        return []
    prefix = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs"]
    probe = [*prefix, sys.executable, "-c", "import app.cli"]
    done = subprocess.run(probe, env=dict(environment), cwd="/", capture_output=True, check=False)
    return prefix if done.returncode == 0 else []


def test_the_image_runs_as_its_user_with_nothing_else_to_write(box: Path, sandbox: SandboxServer) -> None:
    image = dockerfile()
    assert image["USER"] == [f"{USER}:{USER}"]
    assert (image["VOLUME"], image["WORKDIR"]) == (["/data"], ["/data"])
    command = json.loads(image["CMD"][0])
    check = json.loads(image["HEALTHCHECK"][0].split("CMD ", 1)[1])
    said = dict(pair.split("=", 1) for pair in shlex.split(" ".join(image["ENV"])))
    with ByHand(box / "data", sandbox, "sqlite:////data/triage.db") as live:
        live.environment |= {k: v.replace("/data", str(box / "data")) for k, v in said.items() if k != "PATH"}
        live.environment |= {"PORT": str(live.port), "TMPDIR": str(box / "tmp")}
        prefix = as_other_user(live.environment)
        log = box / "serve.log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*prefix, *command],
                env=live.environment,
                cwd=box / "data",
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        live.processes.append(process)
        try:
            live.triages(sandbox)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{log.read_text()}") from None
        assert _healthy([*prefix, *check], live.environment)
        written = {path.relative_to(box).parts[0] for path in box.rglob("*") if path.is_file()}
        assert written <= {"data", "tmp", "serve.log"}
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(30) == 0, log.read_text()
        assert not _healthy([*prefix, *check], live.environment)
        assert not list((box / "tmp").iterdir()), "nothing is left behind"
        kill(process)


def _healthy(command: list[str], environment: Mapping[str, str]) -> bool:
    done = subprocess.run(
        command, env=dict(environment), cwd="/", capture_output=True, timeout=30, check=False
    )
    return done.returncode == 0


def test_app_json_names_settings_that_exist() -> None:
    described = json.loads((ROOT / "deploy/app.json").read_text())
    known = {name for field, info in Settings.model_fields.items() for name in aliases(info, field)}
    assert set(described["env"]) <= known
    required = {name for name, one in described["env"].items() if one.get("required")}
    assert required == {"SENTRY_ORG", "SENTRY_AUTH_TOKEN", "SENTRY_CLIENT_SECRET"}
    assert set(described["formation"]) == set(procfile()) - {"release"}


def test_the_image_takes_only_what_it_needs() -> None:
    lines = (ROOT / "deploy/Dockerfile.dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    kept = {line[1:] for line in lines if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "deploy/Dockerfile").read_text(), re.M)
    assert kept == {name for group in copied for name in group.split()}
    assert all((ROOT / name).exists() for name in kept)
