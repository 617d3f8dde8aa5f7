"""The fault matrix over real HTTP: both dialects, the transport and the question together."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses
from responses import matchers

from app.core.answer import Fault
from app.models.ask import Asked, Failed, ask
from app.models.base import CallFault, Model
from app.models.capabilities import Memory
from app.models.transport import Transport

from . import model_kit as kit

URLS = {
    "openai": "https://api.openai.com/v1/chat/completions",
    "anthropic": "https://api.anthropic.com/v1/messages",
}
MODELS = {"openai": kit.openai(), "anthropic": kit.anthropic()}
GOOD = {"openai": kit.chat, "anthropic": kit.message}
both = pytest.mark.parametrize("dialect", URLS)


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(registry=responses.registries.OrderedRegistry) as mock:
        yield mock


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def _ask(dialect: str, memory: Memory | None = None, model: Model | None = None) -> Asked | Failed:
    timer = Time()
    transport = Transport(clock=timer.clock, sleep=timer.sleep)
    learned: Memory = {} if memory is None else memory
    return ask(model or MODELS[dialect], kit.prompt(), send=transport.send, memory=learned, clock=timer.clock)


@both
def test_a_good_day(http: responses.RequestsMock, dialect: str) -> None:
    http.post(URLS[dialect], json=GOOD[dialect]())
    asked = _ask(dialect)
    assert isinstance(asked, Asked)
    sent = json.loads(http.calls[0].request.body)
    assert "CONFIDENTIAL-EVENT-TEXT" in json.dumps(sent["messages"])
    assert kit.SECRET_KEY not in json.dumps(sent)


@both
@pytest.mark.parametrize(
    "trouble",
    [
        {"status": 429, "headers": {"Retry-After": "2"}},
        {"status": 500},
        {"status": 529},
        {"body": requests.ConnectionError("reset by peer")},
        {"body": requests.ReadTimeout("hang")},
        {"body": requests.exceptions.ChunkedEncodingError("cut")},
    ],
    ids=["429", "500", "529", "reset", "hang", "cut"],
)
def test_trouble_that_passes(http: responses.RequestsMock, dialect: str, trouble: dict[str, Any]) -> None:
    http.post(URLS[dialect], **trouble)
    http.post(URLS[dialect], json=GOOD[dialect]())
    assert isinstance(_ask(dialect), Asked)


@both
@pytest.mark.parametrize(
    ("trouble", "fault"),
    [
        ({"status": 429}, CallFault.RATE_LIMITED),
        ({"status": 503}, CallFault.SERVER_ERROR),
        ({"body": requests.ConnectionError("refused")}, CallFault.CONNECTION),
        ({"body": requests.ConnectTimeout("hang")}, CallFault.TIMEOUT),
    ],
)
def test_trouble_that_stays(
    http: responses.RequestsMock, dialect: str, trouble: dict[str, Any], fault: CallFault
) -> None:
    for _ in range(3):
        http.post(URLS[dialect], **trouble)
    failed = _ask(dialect)
    assert isinstance(failed, Failed)
    assert (failed.fault, failed.retryable, failed.spent.attempts) == (fault, True, 3)


@both
@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (b"\x00\xffgarbage", Fault.NOT_JSON),
        (b"<html>502 Bad Gateway</html>", Fault.HTML_ERROR_PAGE),
        (b'{"error": {"message": "busy"}}', Fault.ERROR_OBJECT),
        (b"", Fault.EMPTY),
    ],
)
def test_a_200_of_garbage(http: responses.RequestsMock, dialect: str, body: bytes, fault: Fault) -> None:
    for _ in range(2):
        http.post(URLS[dialect], body=body)
    failed = _ask(dialect)
    assert isinstance(failed, Failed)
    assert (failed.fault, failed.retryable) == (fault, False)


@both
def test_a_key_revoked_between_two_questions(http: responses.RequestsMock, dialect: str) -> None:
    http.post(URLS[dialect], json=GOOD[dialect]())
    http.post(
        URLS[dialect],
        status=401,
        json={"error": {"message": f"Incorrect API key provided: {kit.SECRET_KEY}"}},
    )
    assert isinstance(_ask(dialect), Asked)
    failed = _ask(dialect)
    assert isinstance(failed, Failed)
    assert failed.fault is CallFault.KEY_REJECTED
    assert kit.SECRET_KEY not in repr(failed)


def test_an_unknown_local_model_is_learned_once(http: responses.RequestsMock) -> None:
    url = "http://localhost:11434/v1/chat/completions"
    model = kit.openai("qwen3:8b", "http://localhost:11434")
    strict = matchers.json_params_matcher({"model": "qwen3:8b", "max_tokens": 2000}, strict_match=False)
    http.post(url, status=400, json={"error": {"message": "json_schema is not supported"}}, match=[strict])
    http.post(url, json=kit.chat(f"<think>hm</think>{kit.TEXT}"))
    http.post(url, json=kit.chat())
    memory: Memory = {}
    assert isinstance(_ask("openai", memory, model), Asked)
    assert isinstance(_ask("openai", memory, model), Asked)
    modes = [json.loads(c.request.body)["response_format"]["type"] for c in http.calls]
    assert modes == ["json_schema", "json_object", "json_object"]


@both
def test_a_thai_answer_comes_through_whole(http: responses.RequestsMock, dialect: str) -> None:
    cause = "การเชื่อมต่อฐานข้อมูลเต็มเพราะโค้ดไม่คืนการเชื่อมต่อเข้าพูล" * 3
    text = json.dumps(
        {**kit.GOOD, "root_cause": cause, "suggested_fix": "คืนการเชื่อมต่อใน finally"}, ensure_ascii=False
    )
    http.post(URLS[dialect], json=GOOD[dialect](text))
    asked = _ask(dialect)
    assert isinstance(asked, Asked)
    assert asked.answer.suggested_fix == "คืนการเชื่อมต่อใน finally"
    assert 90 <= len(asked.answer.root_cause) <= 100
    assert cause.startswith(asked.answer.root_cause[:-1])
