"""Settings: each name people know, and one sentence for what is wrong."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import pytest

from app.core.policy import TagMode
from app.core.vocabulary import Category
from app.errors import UserError
from app.policy_file import load_policy
from app.settings import Settings, env_name, fixed_settings, load_settings


@pytest.mark.parametrize(
    ("names", "field"),
    [
        (("SENTRY_URL", "SENTRY_BASE_URL", "SENTRY_HOST"), "sentry_url"),
        (("SENTRY_CLIENT_SECRET", "SENTRY_WEBHOOK_SECRET"), "sentry_client_secret"),
        (("OPENAI_API_KEY", "LLM_API_KEY"), "openai_api_key"),
        (("OPENAI_BASE_URL", "LLM_BASE_URL"), "openai_base_url"),
        (("SENTRY_AUTH_TOKEN", "SENTRY_TOKEN"), "sentry_auth_token"),
    ],
)
def test_every_alias_is_read(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], field: str) -> None:
    for name in names:
        with monkeypatch.context() as patched:
            patched.setenv(name, "https://x.example")
            value = getattr(load_settings(), field)
            assert (value.get_secret_value() if hasattr(value, "get_secret_value") else value) == (
                "https://x.example"
            )


def test_dotenv_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("SENTRY_ORG=from-file\nPORT=9000\n")
    monkeypatch.setenv("PORT", "9001")
    settings = load_settings()
    assert (settings.sentry_org, settings.port) == ("from-file", 9001)


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret\n")
    monkeypatch.setenv("SENTRY_CLIENT_SECRET_FILE", str(file))
    assert load_settings().client_secrets == ("s3cret",)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match=r"SENTRY_CLIENT_SECRET_FILE names .*: it is not UTF-8"):
        load_settings()
    monkeypatch.setenv("SENTRY_CLIENT_SECRET_FILE", str(tmp_path / "none"))
    with pytest.raises(UserError, match=r"SENTRY_CLIENT_SECRET_FILE names .* cannot be read"):
        load_settings()


@pytest.mark.parametrize(
    ("environment", "dotenv", "holds"),
    [
        ({}, "SENTRY_AUTH_TOKEN_FILE=one", "1"),
        ({}, "SENTRY_TOKEN_FILE=one", "1"),
        ({}, "SENTRY_TOKEN=itself\nSENTRY_AUTH_TOKEN_FILE=one", "itself"),
        ({"SENTRY_TOKEN": "outer"}, "SENTRY_AUTH_TOKEN_FILE=one", "outer"),
        ({"SENTRY_TOKEN_FILE": "two"}, "SENTRY_AUTH_TOKEN=itself", "2"),
        ({"SENTRY_TOKEN_FILE": "two"}, "SENTRY_AUTH_TOKEN_FILE=one", "2"),
    ],
)
def test_dotenv_may_name_a_file_and_the_environment_wins(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], dotenv: str, holds: str
) -> None:
    Path("one").write_text("1\n")
    Path("two").write_text("2\n")
    Path(".env").write_text(dotenv)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert load_settings().sentry_auth_token.get_secret_value() == holds


def test_secrets_rotate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRY_CLIENT_SECRET", "new, old ,")
    assert load_settings().client_secrets == ("new", "old")


@pytest.mark.parametrize(
    "field", ["sentry_client_secret", "sentry_auth_token", "sentry_org", "openai_api_key"]
)
def test_what_is_missing_is_named_with_where_to_get_it(field: str) -> None:
    with pytest.raises(UserError, match=f"{env_name(field)} is not set") as caught:
        load_settings().require(field)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "http", "PORT is not valid"),
        ("SENTRY_URL", "sentry.example", "http"),
        ("DATABASE_URL", "mysql://x", "sqlite:///"),
        ("DATABASE_URL", "sqlite:///:memory:", "names no file"),
        ("DATABASE_URL", "sqlite:///file::memory:?uri=true", "names no file"),
        ("DATABASE_URL", "postgresql://h:port/d", "HOST:PORT/NAME"),
        ("DATABASE_URL", "postgresql://h/d?user=u&password=x", "before the @"),
        ("TRIAGE_MODEL", "gpt-6", "TRIAGE_MODEL"),
        ("TRIAGE_WRITE", "maybe", "TRIAGE_WRITE"),
    ],
)
def test_what_is_malformed_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, says: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=says) as caught:
        load_settings()
    assert str(caught.value).startswith(name)
    assert value not in caught.value.hint


@pytest.mark.parametrize("written", ["pa%40ss", "pa:ss", "pa/ss"])
def test_a_password_of_the_database_is_a_secret_as_it_is_used(written: str) -> None:
    settings = fixed_settings(database_url=f"postgresql://triage:{written}@db:5432/triage")
    assert unquote(written) in settings.secrets()


@pytest.mark.parametrize("rest", ["triage@db:hunter2/triage", "triage:pa@hunter2@db/triage"])
def test_a_database_url_that_cannot_be_read_shows_nothing_of_the_password(rest: str) -> None:
    with pytest.raises(UserError, match="written %40") as caught:
        load_settings(DATABASE_URL=f"postgresql://{rest}")
    assert "hunter2" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.parametrize("short", ["postgres://u:p@h/db", "postgresql://u:p@h/db"])
def test_postgres_urls_are_understood(short: str) -> None:
    assert fixed_settings(database_url=short).database_url == "postgresql+psycopg://u:p@h/db"


def test_no_secret_is_printed() -> None:
    settings = fixed_settings(sentry_client_secret="s3cret", sentry_auth_token="t0ken", openai_api_key="k3y")
    assert not {"s3cret", "t0ken", "k3y"} & set(repr(settings).replace("'", " ").split())


def test_settings_are_frozen() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load_settings().port = 1  # type: ignore[misc]


def test_fixed_settings_read_nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRY_ORG", "outside")
    Path(".env").write_text("PORT=9000\n")
    assert (fixed_settings().sentry_org, fixed_settings().port) == ("", 8000)


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_policy_of_a_team(tmp_path: Path) -> None:
    file = tmp_path / "triage.toml"
    file.write_text(
        """
[[route]]
category = "Database"
owner = "team:payments"

[project."shop-web"]
tags = { mode = "off" }
"""
    )
    policy = load_policy(file, optional=False)
    assert policy.route[0].category is Category.DATABASE
    assert policy.for_project("shop-web").tags.mode is TagMode.OFF
    assert policy.for_project("shop-api").tags.mode is TagMode.ANNOTATE


def test_a_key_for_annotation_events_is_not_shown_by_accident(tmp_path: Path) -> None:
    file = tmp_path / "triage.toml"
    file.write_text('[project."shop-api"]\ntags = { dsn = "https://hunter2@o1.ingest.us.sentry.io/7" }\n')
    policy = load_policy(file, optional=False)
    assert policy.for_project("shop-api").tags.dsn == "https://hunter2@o1.ingest.us.sentry.io/7"
    assert policy.for_project("shop-web").tags.dsn is None
    assert "hunter2" not in repr(policy)


def test_no_policy_file_means_the_defaults() -> None:
    assert load_settings().policy().assign.enabled


@pytest.mark.parametrize("path", ["missing.toml", "triage.toml"])
def test_a_policy_file_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """Else a mistyped path would send what ``[privacy]`` keeps."""
    monkeypatch.setenv("TRIAGE_CONFIG", path)
    with pytest.raises(UserError, match=rf"^{path}, the file of TRIAGE_CONFIG, cannot be read") as caught:
        load_settings().policy()
    assert caught.value.hint


def test_a_link_to_a_policy_file_that_is_gone_is_no_missing_one() -> None:
    """A volume that is not mounted must not mean the defaults, which let everything out."""
    Path("triage.toml").symlink_to("/gone/triage.toml")
    with pytest.raises(UserError, match=r"^triage\.toml, .* No such file"):
        load_settings().policy()


def test_a_policy_file_that_cannot_be_read_is_named() -> None:
    Path("triage.toml").mkdir()
    with pytest.raises(UserError, match=r"^triage\.toml, .* directory"):
        load_settings().policy()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tags\n", "not valid TOML"),
        ('[tags]\nmode = "loud"\n', r"\[tags.mode\]"),
        ("[tag]\n", r"\[tag\]"),
        ('[[route]]\nowner = "payments"\n', r"\[route.0.owner\]"),
    ],
)
def test_a_bad_policy_is_named(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "triage.toml"
    file.write_text(text)
    with pytest.raises(UserError, match=says) as caught:
        load_policy(file, optional=False)
    assert caught.value.hint
