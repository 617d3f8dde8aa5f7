"""One question to the end: the ladder, each named case, each parameter a server may refuse, its cost."""

from __future__ import annotations

import json
import logging
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from app.core.answer import Fault
from app.models.ask import MAX_DROPS, Asked, Failed, ask
from app.models.base import CallFault, HttpResponse, Model
from app.models.capabilities import Memory
from app.models.transport import Unanswered

from . import model_kit as kit

Wrap = Callable[..., dict[str, Any]]
DIALECTS = [
    pytest.param(kit.openai(), kit.chat, id="openai"),
    pytest.param(kit.anthropic(), kit.message, id="anthropic"),
]


def _ask(
    send: kit.FakeSend, model: Model | None = None, memory: Memory | None = None, **options: Any
) -> Asked | Failed:
    return ask(
        model or kit.openai(), kit.prompt(), send=send, memory={} if memory is None else memory, **options
    )


@pytest.mark.parametrize(("model", "wrap"), DIALECTS)
def test_a_good_answer(model: Model, wrap: Wrap) -> None:
    asked = _ask(kit.FakeSend(kit.reply(wrap())), model)
    assert isinstance(asked, Asked)
    assert asked.answer.category == "Database"
    assert asked.spent.attempts == 1
    assert asked.spent.usage.input == 1000
    assert asked.spent.cost_usd == pytest.approx((600 * 0.10 + 400 * 0.01 + 200 * 0.50) / 1e6)
    assert asked.model.startswith(model.name)
    assert asked.schema_mode == "json_schema"
    assert not asked.repaired


BAD_TEXTS = {
    Fault.EMPTY: "",
    Fault.NOT_JSON: "I think it is the database.",
    Fault.TRUNCATED: kit.TEXT[:-20],
    Fault.WRONG_ENUM: json.dumps(kit.GOOD | {"severity": "apocalyptic"}),
    Fault.EXTRA_FIELD: json.dumps(kit.GOOD | {"assignee": "root"}),
    Fault.MISSING_FIELD: json.dumps({"category": "Logic"}),
    Fault.WRONG_VALUE: json.dumps(kit.GOOD | {"confidence": 11}),
    Fault.ERROR_OBJECT: '{"error": "overloaded"}',
    Fault.HTML_ERROR_PAGE: "<!doctype html><title>502</title>",
}


@pytest.mark.parametrize(("model", "wrap"), DIALECTS)
@pytest.mark.parametrize("fault", BAD_TEXTS)
def test_a_bad_answer_gets_one_repair_turn(model: Model, wrap: Wrap, fault: Fault) -> None:
    send = kit.FakeSend(kit.reply(wrap(BAD_TEXTS[fault])), kit.reply(wrap()))
    asked = _ask(send, model)
    assert isinstance(asked, Asked)
    assert asked.repaired
    assert asked.spent.usage.output == 400, "both turns are paid for"
    again = json.dumps(send.bodies[1])
    assert "could not be used" in again
    assert "apocalyptic" not in again, "the bad answer is not shown again"


@pytest.mark.parametrize(("model", "wrap"), DIALECTS)
@pytest.mark.parametrize("fault", BAD_TEXTS)
def test_a_second_bad_answer_ends_it_as_a_named_case(model: Model, wrap: Wrap, fault: Fault) -> None:
    bad = kit.reply(wrap(BAD_TEXTS[fault]))
    failed = _ask(kit.FakeSend(bad, bad), model)
    assert isinstance(failed, Failed)
    assert failed.fault is fault
    assert not failed.retryable
    assert failed.spent.cost_usd > 0, "a useless answer was paid for"


@pytest.mark.parametrize(
    ("model", "body", "fault"),
    [
        (kit.openai(), kit.chat(message={"content": None, "refusal": "no"}), Fault.REFUSED),
        (kit.openai(), kit.chat(finish_reason="content_filter"), Fault.REFUSED),
        (kit.anthropic(), kit.message(stop_reason="refusal"), Fault.REFUSED),
        (kit.openai(), kit.chat(kit.TEXT[:40], finish_reason="length"), Fault.TRUNCATED),
        (kit.openai(), kit.chat("", finish_reason="length"), Fault.TRUNCATED),
        (kit.anthropic(), kit.message("", stop_reason="max_tokens"), Fault.TRUNCATED),
    ],
)
def test_stops_are_named_cases(model: Model, body: dict[str, Any], fault: Fault) -> None:
    failed = _ask(kit.FakeSend(kit.reply(body), kit.reply(body)), model)
    assert isinstance(failed, Failed)
    assert failed.fault is fault


def test_a_truncated_answer_gets_twice_the_room() -> None:
    send = kit.FakeSend(kit.reply(kit.chat("", finish_reason="length")), kit.reply(kit.chat()))
    assert isinstance(_ask(send), Asked)
    first, second = (b["max_completion_tokens"] for b in send.bodies)
    assert second == 2 * first


@pytest.mark.parametrize("body", ["<html>gateway</html>", '{"error": {"message": "x"}}', "", "{}"])
def test_a_200_that_is_no_completion_is_repaired_or_named(body: str) -> None:
    assert isinstance(_ask(kit.FakeSend(kit.reply(body), kit.reply(kit.chat()))), Asked)
    assert isinstance(_ask(kit.FakeSend(kit.reply(body), kit.reply(body))), Failed)


STRANGER = kit.openai("new-model", "http://vllm.test/v1")
DROPS: list[tuple[Model, HttpResponse, dict[str, str]]] = [
    (
        STRANGER,
        kit.refusal(
            "Unsupported parameter: 'max_tokens' is not supported. Use 'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        ),
        {"token_field": "max_completion_tokens"},
    ),
    (
        kit.openai(),
        kit.refusal("Unrecognized request argument supplied: max_completion_tokens"),
        {"token_field": "max_tokens"},
    ),
    (kit.openai(), kit.refusal("Unsupported value", "reasoning_effort", "unsupported_value"), {"effort": ""}),
    (kit.openai(), kit.refusal('Unknown name "reasoning_effort": Cannot find field.'), {"effort": ""}),
    (
        STRANGER,
        kit.refusal("'response_format' of type 'json_schema' is not supported"),
        {"schema_mode": "json_object"},
    ),
    (STRANGER, kit.refusal("Invalid parameter", "response_format"), {"schema_mode": "json_object"}),
    (
        STRANGER,
        kit.reply({"detail": [{"loc": ["body", "response_format"], "msg": "extra"}]}, 422),
        {"schema_mode": "json_object"},
    ),
    (
        STRANGER,
        kit.reply({"message": "guided json_schema: bad grammar"}, 400),
        {"schema_mode": "json_object"},
    ),
    (
        STRANGER,
        kit.reply([{"error": {"message": "response_format unknown"}}], 400),
        {"schema_mode": "json_object"},
    ),
    (STRANGER, kit.reply({"error": "response_format is not allowed"}, 400), {"schema_mode": "json_object"}),
    (STRANGER, kit.reply("plain words about response_format", 400), {"schema_mode": "json_object"}),
    (
        kit.anthropic(),
        kit.reply(
            {
                "type": "error",
                "error": {"type": "invalid_request_error", "message": "output_config.effort: bad"},
            },
            400,
        ),
        {"effort": ""},
    ),
    (
        kit.anthropic("claude-old"),
        kit.reply(
            {"type": "error", "error": {"message": "output_config: Extra inputs are not permitted"}}, 400
        ),
        {"schema_mode": "json_object"},
    ),
    (
        kit.anthropic(),
        kit.reply(
            {"type": "error", "error": {"message": "system.0.cache_control: Extra inputs are not permitted"}},
            400,
        ),
        {"cache_control": "false"},
    ),
]


@pytest.mark.parametrize(("model", "complaint", "learned"), DROPS)
def test_a_400_names_what_to_drop_and_it_stays_dropped(
    model: Model, complaint: HttpResponse, learned: dict[str, str]
) -> None:
    memory: Memory = {}
    wrap = kit.chat if model.provider == "openai" else kit.message
    send = kit.FakeSend(complaint, kit.reply(wrap()))
    assert isinstance(_ask(send, model, memory), Asked)
    assert memory == {model.place: learned}
    again = kit.FakeSend(kit.reply(wrap()))
    asked = _ask(again, model, memory)
    assert isinstance(asked, Asked)
    assert asked.spent.attempts == 1, "remembered: no second 400"
    assert again.bodies[0] == send.bodies[1]
    assert again.bodies[0] != send.bodies[0]


def test_a_server_that_takes_nothing_ends_on_plain() -> None:
    no = kit.refusal("response_format is not supported")
    send = kit.FakeSend(no, no, kit.reply(kit.chat(f"Sure!\n```json\n{kit.TEXT}\n```")))
    asked = _ask(send, STRANGER)
    assert isinstance(asked, Asked)
    assert asked.schema_mode == "plain"
    assert kit.keys(send.bodies) == [{"max_tokens", "response_format"}] * 2 + [{"max_tokens"}]


def test_what_one_host_taught_does_not_hold_for_another() -> None:
    memory: Memory = {}
    send = kit.FakeSend(kit.refusal("no response_format"), kit.reply(kit.chat()))
    _ask(send, STRANGER, memory)
    other = kit.FakeSend(kit.reply(kit.chat()))
    _ask(other, kit.openai("new-model", "http://other.test/v1"), memory)
    assert other.bodies[0]["response_format"]["type"] == "json_schema"


def test_a_server_that_refuses_for_ever_is_given_up() -> None:
    swap = kit.refusal("max_tokens and max_completion_tokens and response_format are wrong")
    send = kit.FakeSend(*[swap] * 20)
    failed = _ask(send, STRANGER)
    assert isinstance(failed, Failed)
    assert failed.fault is CallFault.BAD_REQUEST
    assert len(send.requests) <= MAX_DROPS + 1


def test_an_override_is_not_unlearned() -> None:
    send = kit.FakeSend(*[kit.refusal("no response_format")] * 9)
    failed = _ask(send, STRANGER, overrides={"openai:new-model": {"schema_mode": "json_schema"}})
    assert isinstance(failed, Failed)
    assert len(send.requests) == 2


STATUSES = [
    (401, CallFault.KEY_REJECTED),
    (403, CallFault.KEY_REJECTED),
    (402, CallFault.QUOTA_SPENT),
    (404, CallFault.MODEL_NOT_FOUND),
    (400, CallFault.BAD_REQUEST),
    (418, CallFault.BAD_REQUEST),
    (413, CallFault.TOO_LARGE),
    (301, CallFault.REDIRECTED),
]


@pytest.mark.parametrize(("status", "fault"), STATUSES)
def test_a_status_is_a_named_case_and_never_retried(status: int, fault: CallFault) -> None:
    send = kit.FakeSend(kit.refusal(f"Incorrect API key provided: {kit.SECRET_KEY}", status=status))
    failed = _ask(send)
    assert isinstance(failed, Failed)
    assert (failed.fault, failed.retryable) == (fault, False)
    assert kit.SECRET_KEY not in repr(failed)


@pytest.mark.parametrize(
    "response",
    [
        kit.refusal("You exceeded your current quota", code="insufficient_quota", status=429),
        kit.reply({"error": {"message": "Your credit balance is too low to access the API"}}, 400),
    ],
)
def test_an_empty_account_is_not_a_rate_limit(response: HttpResponse) -> None:
    failed = _ask(kit.FakeSend(response))
    assert isinstance(failed, Failed)
    assert (failed.fault, failed.retryable) == (CallFault.QUOTA_SPENT, False)


def test_a_content_filter_on_the_prompt_is_a_refusal() -> None:
    failed = _ask(kit.FakeSend(kit.refusal("filtered", "prompt", "content_filter")))
    assert isinstance(failed, Failed)
    assert failed.fault is Fault.REFUSED


@pytest.mark.parametrize("fault", [CallFault.TIMEOUT, CallFault.RATE_LIMITED, CallFault.SERVER_ERROR])
def test_what_may_work_later_says_so(fault: CallFault) -> None:
    failed = _ask(kit.FakeSend(Unanswered(fault, after=7.0, attempts=3)))
    assert isinstance(failed, Failed)
    assert (failed.fault, failed.retryable, failed.after, failed.spent.attempts) == (fault, True, 7.0, 3)


def test_the_repair_turn_gets_only_the_time_that_is_left() -> None:
    now = [0.0]
    given: list[float] = []

    def send(_request: Any, within: float) -> HttpResponse:
        given.append(within)
        now[0] += 20
        return kit.reply(kit.chat("junk"))

    ask(kit.openai(), kit.prompt(), send=send, memory={}, clock=lambda: now[0])
    assert given == [30, 10]


def test_usage_that_the_server_does_not_tell_is_estimated() -> None:
    asked = _ask(kit.FakeSend(kit.reply(kit.chat(usage=None))))
    assert isinstance(asked, Asked)
    assert asked.spent.usage.estimated
    assert asked.spent.usage.input > 500
    assert asked.spent.cost_usd > 0


def test_nothing_of_prompt_answer_or_key_is_logged_or_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    asked = _ask(kit.FakeSend(kit.reply(kit.chat("junk CONFIDENTIAL")), kit.reply(kit.chat())))
    failed = _ask(
        kit.FakeSend(kit.reply(kit.chat("junk CONFIDENTIAL")), kit.refusal("CONFIDENTIAL", status=401))
    )
    shown = caplog.text + repr(asked) + repr(failed)
    for secret in ("CONFIDENTIAL", "pool is exhausted", kit.SECRET_KEY):
        assert secret not in shown


def test_a_durable_step_can_store_what_comes_back() -> None:
    asked = _ask(kit.FakeSend(kit.reply(kit.chat())))
    failed = _ask(kit.FakeSend(kit.refusal("no", status=401)))
    assert pickle.loads(pickle.dumps(asked)) == asked
    assert pickle.loads(pickle.dumps(failed)) == failed
