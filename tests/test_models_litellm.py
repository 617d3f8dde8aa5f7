"""The adapters against a server that none of us wrote: a LiteLLM proxy with mock responses (docs/litellm.md).

Runs with ``pytest --litellm PATH``; nothing leaves this machine.
"""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from app.core.answer import Fault
from app.models import make_model
from app.models.ask import Asked, Failed, ask
from app.models.base import CallFault
from app.models.transport import Transport

from . import model_kit as kit

CONFIG = Path(__file__).parent / "samples" / "litellm" / "config.yaml"
KEY = "sk-local-check"


@pytest.fixture(scope="module")
def proxy(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    binary = request.config.getoption("--litellm")
    if not binary:
        pytest.skip("needs --litellm PATH (docs/litellm.md)")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    home = tmp_path_factory.mktemp("litellm")
    binary = request.config.invocation_params.dir / binary
    command = [binary, "--config", CONFIG, "--host", "127.0.0.1", "--port", str(port)]
    # The price map of the package itself: otherwise LiteLLM fetches one from GitHub at start.
    environment = {
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "LITELLM_TELEMETRY": "False",
        "HOME": str(home),
        "PATH": f"{binary.parent}:/usr/bin:/bin",
    }
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(command, env=environment, cwd=home, stdout=log, stderr=log)
        try:
            _wait_until_alive(f"http://127.0.0.1:{port}", server, home / "log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(20)


def _wait_until_alive(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(120):
        if server.poll() is not None:
            break
        try:
            if requests.get(f"{url}/health/liveliness", timeout=2).ok:
                return
        except requests.RequestException:
            time.sleep(0.5)
    pytest.fail(f"the proxy did not start: {log.read_text()[-2000:]}")


def _ask(model_id: str, url: str, key: str = KEY) -> Asked | Failed:
    model = make_model(model_id, base_url=url, api_key=key)
    return ask(model, kit.prompt(), send=Transport().send, memory={})


@pytest.mark.parametrize(
    "model_id", ["openai:mock-good", "openai:mock-claude", "anthropic:mock-claude", "anthropic:mock-good"]
)
def test_both_routes_answer_both_kinds_of_model(proxy: str, model_id: str) -> None:
    asked = _ask(model_id, proxy)
    assert isinstance(asked, Asked)
    assert asked.answer.category == "Database"
    assert asked.model == model_id.partition(":")[2]
    assert asked.spent.usage.input > 0
    assert not asked.spent.usage.estimated
    assert asked.spent.attempts == 1


def test_the_base_url_may_end_in_v1(proxy: str) -> None:
    assert isinstance(_ask("openai:mock-good", f"{proxy}/v1"), Asked)
    assert isinstance(_ask("anthropic:mock-good", f"{proxy}/v1"), Asked)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_prose_is_repaired_once_and_then_named(proxy: str, provider: str) -> None:
    failed = _ask(f"{provider}:mock-prose", proxy)
    assert isinstance(failed, Failed)
    assert (failed.fault, failed.spent.attempts) == (Fault.NOT_JSON, 2)


@pytest.mark.parametrize(
    ("name", "fault"), [("mock-busy", CallFault.RATE_LIMITED), ("mock-broken", CallFault.SERVER_ERROR)]
)
def test_its_own_failures_are_retried_and_named(proxy: str, name: str, fault: CallFault) -> None:
    failed = _ask(f"openai:{name}", proxy)
    assert isinstance(failed, Failed)
    assert (failed.fault, failed.retryable) == (fault, True)
    assert failed.spent.attempts >= 1


def test_a_model_it_does_not_have_is_not_asked_twice(proxy: str) -> None:
    failed = _ask("openai:nobody", proxy)
    assert isinstance(failed, Failed)
    assert not failed.retryable
    assert failed.spent.attempts == 1


def test_a_wrong_key_is_not_asked_twice_and_not_shown(proxy: str) -> None:
    failed = _ask("openai:mock-good", proxy, key="sk-wrong-key-0123456789")
    assert isinstance(failed, Failed)
    assert not failed.retryable
    assert failed.spent.attempts == 1
    assert "sk-wrong" not in repr(failed)
