"""Both adapters as data ▸ data: what they send, what they read."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from app.core.answer import BadAnswer, Fault
from app.errors import UserError
from app.models import ADAPTERS, make_model
from app.models.base import Finish, HttpRequest, Model, Usage, parse_model_id
from app.models.capabilities import Capability, capability_of, table

from . import model_kit as kit


def _request(model: Model, **capability: Any) -> tuple[HttpRequest, dict[str, Any]]:
    wanted = Capability(**capability) if capability else capability_of(model)
    request = ADAPTERS[model.provider].build_request(model, kit.prompt(), wanted, max_tokens=900)
    return request, json.loads(request.body)


def test_openai_sends_what_current_models_take() -> None:
    request, body = _request(kit.openai())
    assert request.url == "https://api.openai.com/v1/chat/completions"
    assert request.headers["Authorization"] == f"Bearer {kit.SECRET_KEY}"
    assert [m["role"] for m in body["messages"]] == ["system", "user"]
    assert body["max_completion_tokens"] == 900
    assert body["reasoning_effort"] == "low"
    assert body["response_format"]["json_schema"]["strict"] is True
    assert not {"temperature", "top_p", "max_tokens", "tools", "tool_choice"} & set(body)


def test_anthropic_sends_what_current_models_take() -> None:
    request, body = _request(kit.anthropic())
    assert request.url == "https://api.anthropic.com/v1/messages"
    assert request.headers["x-api-key"] == kit.SECRET_KEY
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert body["max_tokens"] == 900
    assert body["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert body["output_config"]["format"]["type"] == "json_schema"
    assert body["output_config"]["effort"] == "low"
    assert [m["role"] for m in body["messages"]] == ["user"], "no prefill"
    assert not {"temperature", "top_p", "top_k", "tools", "tool_choice", "thinking"} & set(body)


@pytest.mark.parametrize(
    ("mode", "sent"), [("json_schema", "json_schema"), ("json_object", "json_object"), ("plain", None)]
)
def test_the_schema_ladder_of_openai(mode: str, sent: str | None) -> None:
    _, body = _request(kit.openai(), schema_mode=mode)
    assert body.get("response_format", {}).get("type") == sent


@pytest.mark.parametrize("mode", ["json_object", "plain"])
def test_anthropic_without_schema_sends_no_format(mode: str) -> None:
    assert "output_config" not in _request(kit.anthropic(), schema_mode=mode)[1]


@pytest.mark.parametrize(
    ("base", "url"),
    [
        ("http://localhost:11434", "http://localhost:11434/v1/chat/completions"),
        ("http://localhost:11434/v1/", "http://localhost:11434/v1/chat/completions"),
        ("https://x.openai.azure.com/openai/v1", "https://x.openai.azure.com/openai/v1/chat/completions"),
        ("https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1/chat/completions"),
        ("https://proxy.test/v1/chat/completions", "https://proxy.test/v1/chat/completions"),
    ],
)
def test_openai_base_urls(base: str, url: str) -> None:
    assert _request(kit.openai(url=base))[0].url == url


@pytest.mark.parametrize(
    "base", ["https://p.test", "https://p.test/", "https://p.test/v1", "https://p.test/v1/messages"]
)
def test_anthropic_base_urls(base: str) -> None:
    assert _request(kit.anthropic(url=base))[0].url == "https://p.test/v1/messages"


def test_azure_gets_its_own_key_header_and_an_empty_key_sends_none() -> None:
    assert (
        _request(kit.openai(url="https://x.openai.azure.com/openai/v1"))[0].headers["api-key"]
        == kit.SECRET_KEY
    )
    bare = make_model("openai:llama3:8b", base_url="http://localhost:11434/v1")
    assert not {"Authorization", "api-key"} & set(_request(bare)[0].headers)


def test_no_key_and_no_prompt_in_any_repr() -> None:
    for model in (kit.openai(), kit.anthropic()):
        request, _ = _request(model)
        shown = repr((model, request, kit.prompt(), kit.reply(kit.chat())))
        assert kit.SECRET_KEY not in shown
        assert "CONFIDENTIAL" not in shown
        assert "pool" not in shown


def test_openai_reads_text_usage_and_the_model_that_answered() -> None:
    done = ADAPTERS["openai"].parse(kit.reply(kit.chat("hi")))
    assert (done.text, done.finish) == ("hi", Finish.STOP)
    assert done.usage == Usage(1000, 200, 400)
    assert done.model == "gpt-6-luna-2026-09-22"


def test_anthropic_picks_blocks_by_type_and_adds_cached_tokens() -> None:
    done = ADAPTERS["anthropic"].parse(kit.reply(kit.message("hi")))
    assert (done.text, done.finish) == ("hi", Finish.STOP)
    assert done.usage == Usage(1000, 200, 400)


OPENAI_BODIES: list[tuple[dict[str, Any], str, Finish]] = [
    (kit.chat(None), "", Finish.STOP),
    (kit.chat("x", finish_reason="length"), "x", Finish.LENGTH),
    (kit.chat("", finish_reason="content_filter"), "", Finish.REFUSED),
    (kit.chat(message={"content": None, "refusal": "I cannot"}), "", Finish.REFUSED),
    (
        kit.chat(message={"content": [{"type": "text", "text": "a"}, {"type": "image"}, "b"]}),
        "a",
        Finish.STOP,
    ),
    (kit.chat('<think>{"category": 1}</think>\n{}'), "\n{}", Finish.STOP),
    (kit.chat("x", usage=None, model=None, id=7), "x", Finish.STOP),
]


@pytest.mark.parametrize(("body", "text", "finish"), OPENAI_BODIES)
def test_openai_reads_every_shape(body: dict[str, Any], text: str, finish: Finish) -> None:
    done = ADAPTERS["openai"].parse(kit.reply(body))
    assert (done.text, done.finish) == (text, finish)


ANTHROPIC_BODIES: list[tuple[dict[str, Any], str, Finish]] = [
    (kit.message("x", stop_reason="max_tokens"), "x", Finish.LENGTH),
    (kit.message("x", stop_reason="refusal"), "x", Finish.REFUSED),
    (kit.message(content=[]), "", Finish.STOP),
    (kit.message(content=[{"type": "tool_use", "text": "no"}, None, {"type": "text"}]), "", Finish.STOP),
]


@pytest.mark.parametrize(("body", "text", "finish"), ANTHROPIC_BODIES)
def test_anthropic_reads_every_shape(body: dict[str, Any], text: str, finish: Finish) -> None:
    done = ADAPTERS["anthropic"].parse(kit.reply(body))
    assert (done.text, done.finish) == (text, finish)


BROKEN = [
    (b"", Fault.EMPTY),
    (b"  ", Fault.EMPTY),
    (b"<html>bad gateway</html>", Fault.HTML_ERROR_PAGE),
    (b"\xff\xfe garbage", Fault.NOT_JSON),
    (b"[]", Fault.NOT_JSON),
    (b"[" * 100_000, Fault.NOT_JSON),
    (b'{"error": {"message": "no"}}', Fault.ERROR_OBJECT),
    (b'{"type": "error", "error": {"type": "overloaded_error"}}', Fault.ERROR_OBJECT),
    (b'{"choices": [], "content": null}', Fault.EMPTY),
    (b"{}", Fault.EMPTY),
]


@pytest.mark.parametrize("provider", ADAPTERS)
@pytest.mark.parametrize(("body", "fault"), BROKEN)
def test_a_200_that_is_no_completion_is_a_named_case(provider: str, body: bytes, fault: Fault) -> None:
    with pytest.raises(BadAnswer) as caught:
        ADAPTERS[provider].parse(kit.reply(body))
    assert caught.value.fault is fault


def test_model_ids() -> None:
    assert parse_model_id("openai:llama3:8b") == ("openai", "llama3:8b")
    assert parse_model_id(" Anthropic:claude-haiku-5-5 ") == ("anthropic", "claude-haiku-5-5")
    for bad in ("gpt-4o", "openai:", "openai: a b", ""):
        with pytest.raises(UserError, match="names no model"):
            parse_model_id(bad)


def test_a_wrong_setting_is_a_sentence_with_a_hint() -> None:
    with pytest.raises(UserError) as caught:
        make_model("mistral:large")
    assert "openai:NAME" in caught.value.hint
    with pytest.raises(UserError, match="http"):
        make_model("openai:x", base_url="localhost:11434")


def test_the_table_is_dated_and_every_default_is_in_it() -> None:
    for name in ("openai:gpt-6-luna", "anthropic:claude-haiku-5-5"):
        entry = table()[name]
        assert entry.price_date is not None
        assert entry.price_in > 0
        assert entry.shutdown is None
    assert table()["openai:gpt-4o-mini"].shutdown == date(2027, 1, 14)
    assert all(e.price_date for e in table().values() if e.price_in)


def test_the_longest_fitting_entry_holds_and_triage_toml_is_over_it() -> None:
    assert capability_of(kit.openai("gpt-6-luna-2026-09-22")).effort == "low"
    assert capability_of(kit.openai("never-heard-of")) == Capability()
    own = {"openai:gpt-6*": {"price_in": 9.0, "effort": ""}}
    assert capability_of(kit.openai(), own).price_in == 9.0
    with pytest.raises(UserError, match="schema_mode"):
        capability_of(kit.openai(), {"openai:gpt-6-luna": {"schema_mode": "yaml"}})
    with pytest.raises(UserError, match="tempreature"):
        capability_of(kit.openai(), {"openai:gpt-6-luna": {"tempreature": 0}})


def test_cost_counts_cached_tokens_at_their_own_price() -> None:
    capability = Capability(price_in=1.0, price_cached=0.1, price_out=5.0)
    assert capability.cost_usd(Usage(1000, 200, 400)) == pytest.approx((600 * 1 + 400 * 0.1 + 200 * 5) / 1e6)
    assert Capability(price_in=1.0).cost_usd(Usage(1000, 0, 400)) == pytest.approx(0.001)


def test_the_most_a_turn_can_cost() -> None:
    assert table()["openai:gpt-6-luna"].most_usd(1_500) == pytest.approx((1_500 * 0.10 + 2_000 * 0.50) / 1e6)


@pytest.mark.parametrize(
    ("today", "said"),
    [
        (date(2026, 11, 1), ""),
        (date(2026, 11, 23), "ends this model on 2027-01-14"),
        (date(2027, 2, 1), "ended this"),
    ],
)
def test_an_announced_end_is_said(today: date, said: str) -> None:
    ending = table()["openai:gpt-4o-mini"].ending(today)
    assert said in ending
    assert bool(ending) is bool(said)
    assert table()["openai:gpt-6-luna"].ending(today) == ""
