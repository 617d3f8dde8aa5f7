"""Everything that the environment decides, read once. Nothing else in the project reads the environment.

A value comes from the environment, then from ``.env``; ``NAME_FILE`` names a file that holds the value
(Docker and Kubernetes secrets). A value that is missing where it is needed is a ``UserError`` that says which
one, why, and where to get it.
"""

from __future__ import annotations

import tomllib
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from .core.policy import Policy
from .errors import UserError


class WriteMode(StrEnum):
    """``on`` writes into Sentry; ``shadow`` decides and stores everything and writes nothing."""

    ON = "on"
    SHADOW = "shadow"


class TriageMode(StrEnum):
    """``cascade``: the model answers what the offline classifier leaves open; ``model``: everything."""

    CASCADE = "cascade"
    MODEL = "model"
    OFFLINE = "offline"


WHERE_TO_GET = {
    "sentry_client_secret": (
        "Sentry signs webhooks with it: Settings → Developer Settings → your integration → Client Secret."
    ),
    "sentry_auth_token": (
        "Reading and writing issues needs it: Settings → Developer Settings → your integration → New Token."
    ),
    "sentry_org": "The organization's slug, as in https://SLUG.sentry.io or Settings → General.",
    "openai_api_key": "An OpenAI-compatible model needs it: https://platform.openai.com/api-keys.",
    "anthropic_api_key": "An Anthropic model needs it: https://platform.claude.com/settings/keys.",
}


def _env(*names: str, **kwargs: Any) -> Any:
    """A field read from the first of ``names`` that is set."""
    return Field(validation_alias=AliasChoices(*names), **kwargs)


class Settings(BaseSettings):
    """Frozen; made once at the edge and passed down."""

    model_config = SettingsConfigDict(
        frozen=True, env_file=".env", env_file_encoding="utf-8", extra="ignore", populate_by_name=True
    )

    sentry_url: str = _env(
        "SENTRY_URL",
        "SENTRY_BASE_URL",
        "SENTRY_HOST",
        default="https://sentry.io",
        description="Sentry's address: https://sentry.io, https://de.sentry.io or your own server.",
    )
    sentry_org: str = _env(
        "SENTRY_ORG", "SENTRY_ORGANIZATION", default="", description="The organization's slug."
    )
    sentry_auth_token: SecretStr = _env(
        "SENTRY_AUTH_TOKEN",
        "SENTRY_TOKEN",
        default=SecretStr(""),
        description="Token of the internal integration; reads and writes issues.",
    )
    sentry_client_secret: SecretStr = _env(
        "SENTRY_CLIENT_SECRET",
        "SENTRY_WEBHOOK_SECRET",
        default=SecretStr(""),
        description="Client Secret of the integration; several, separated by commas, while rotating.",
    )
    sentry_app_slug: str = _env(
        "SENTRY_APP_SLUG",
        default="",
        description="Slug of our integration; needed only where the organization has several.",
    )
    sentry_ingest_hosts: Annotated[tuple[str, ...], NoDecode] = _env(
        "SENTRY_INGEST_HOSTS",
        default=(),
        description="Hosts of a Relay of your own that the projects' DSNs point to, separated by commas.",
    )
    sentry_dsn: SecretStr = _env(
        "SENTRY_DSN",
        default=SecretStr(""),
        description="Where our own errors go; issues of that project are never triaged.",
    )
    database_url: str = _env(
        "DATABASE_URL",
        default="sqlite:///triage.db",
        description="sqlite:///FILE for one machine, postgresql://… for many.",
    )
    host: str = _env("HOST", default="0.0.0.0", description="Address to listen on.")  # noqa: S104
    port: int = _env("PORT", default=8000, ge=0, le=65535, description="Port to listen on.")
    web_concurrency: int = _env(
        "WEB_CONCURRENCY", default=2, ge=1, le=64, description="Web processes of `gunicorn`."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = _env(
        "LOG_LEVEL", default="INFO", description="DEBUG, INFO, WARNING or ERROR."
    )
    log_format: Literal["text", "json"] = _env("LOG_FORMAT", default="text", description="text or json.")

    triage_model: str = _env(
        "TRIAGE_MODEL",
        default="offline",
        pattern=r"^(offline|(openai|anthropic):\S+)$",
        description="offline, openai:NAME or anthropic:NAME.",
    )
    triage_mode: TriageMode = _env(
        "TRIAGE_MODE",
        default=TriageMode.CASCADE,
        description="cascade (the model answers what is left open), model (everything) or offline.",
    )
    triage_write: WriteMode = _env(
        "TRIAGE_WRITE",
        default=WriteMode.ON,
        description="on, or shadow: decide and store everything, write nothing to Sentry.",
    )
    triage_config: Path = _env(
        "TRIAGE_CONFIG", default=Path("triage.toml"), description="The team's own rules, routes and limits."
    )
    triage_public_url: str = _env(
        "TRIAGE_PUBLIC_URL",
        default="",
        description="Where this app is reached from outside; links in Sentry point there.",
    )
    triage_encryption_keys: Annotated[tuple[SecretStr, ...], NoDecode] = _env(
        "TRIAGE_ENCRYPTION_KEY",
        default=(),
        description="Fernet keys for payloads at rest, newest first; else made from the client secret.",
    )
    triage_worker_concurrency: int = _env(
        "TRIAGE_WORKER_CONCURRENCY", default=8, ge=1, le=256, description="Jobs at a time in each worker."
    )

    triage_language: str = _env(
        "TRIAGE_LANGUAGE", default="English", description="Language of root cause and fix by a model."
    )
    triage_budget_usd_month: float = _env(
        "TRIAGE_BUDGET_USD_MONTH", default=20.0, ge=0, description="Ceiling for model calls in a month."
    )
    triage_budget_usd_day: float = _env(
        "TRIAGE_BUDGET_USD_DAY", default=2.0, ge=0, description="Ceiling for model calls in a day."
    )
    triage_model_rpm: int = _env(
        "TRIAGE_MODEL_RPM", default=50, ge=1, description="Model calls a minute, over all workers."
    )
    triage_reconcile_seconds: int = _env(
        "TRIAGE_RECONCILE_SECONDS",
        default=300,
        ge=0,
        description="How often Sentry's list is compared with ours; 0 is never.",
    )
    triage_reconcile_first_hours: int = _env(
        "TRIAGE_RECONCILE_FIRST_HOURS",
        default=24,
        ge=0,
        description="How far back the very first comparison looks; older issues are for `backfill`.",
    )
    triage_retention_days: int = _env(
        "TRIAGE_RETENTION_DAYS", default=90, ge=1, description="How long payloads and finished jobs are kept."
    )
    triage_dashboard_token: SecretStr = _env(
        "TRIAGE_DASHBOARD_TOKEN",
        default=SecretStr(""),
        description="Opens the dashboard; without one the dashboard is off.",
    )
    triage_metrics_token: SecretStr = _env(
        "TRIAGE_METRICS_TOKEN",
        default=SecretStr(""),
        description="Bearer token for /metrics; without one it answers this machine only.",
    )
    triage_minutes_per_issue: float = _env(
        "TRIAGE_MINUTES_PER_ISSUE",
        default=15.0,
        ge=0,
        description="Minutes that sorting an issue by hand takes you; for the hours-saved estimate.",
    )

    openai_api_key: SecretStr = _env(
        "OPENAI_API_KEY", "LLM_API_KEY", default=SecretStr(""), description="May be empty for a local model."
    )
    openai_base_url: str = _env(
        "OPENAI_BASE_URL",
        "LLM_BASE_URL",
        default="https://api.openai.com/v1",
        description="Any OpenAI-compatible endpoint.",
    )
    anthropic_api_key: SecretStr = _env(
        "ANTHROPIC_API_KEY", default=SecretStr(""), description="For anthropic:NAME."
    )
    anthropic_base_url: str = _env(
        "ANTHROPIC_BASE_URL", default="https://api.anthropic.com", description="Anthropic's endpoint."
    )

    @field_validator("sentry_url", "triage_public_url", "openai_base_url", "anthropic_base_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        value = value.strip().rstrip("/").removesuffix("/api/0")
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value

    @field_validator("database_url")
    @classmethod
    def _is_database(cls, value: str) -> str:
        for short in ("postgres://", "postgresql://"):
            if value.startswith(short):
                return "postgresql+psycopg://" + value.removeprefix(short)
        if not value.startswith(("sqlite:///", "postgresql+psycopg://")):
            raise ValueError("must start with sqlite:/// or postgresql://")
        return value

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("triage_encryption_keys", "sentry_ingest_hosts", mode="before")
    @classmethod
    def _comma_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @property
    def client_secrets(self) -> tuple[str, ...]:
        """Every client secret that is valid now; the newest first."""
        return tuple(s.strip() for s in self.sentry_client_secret.get_secret_value().split(",") if s.strip())

    def require(self, *names: str) -> None:
        """Raise a ``UserError`` naming the first of ``names`` (fields) that is not set."""
        for name in names:
            value = getattr(self, name)
            if not (value.get_secret_value() if isinstance(value, SecretStr) else value):
                raise UserError(f"{env_name(name)} is not set.", hint=WHERE_TO_GET.get(name, ""))

    def policy(self) -> Policy:
        """The team's ``triage.toml``; the defaults where there is no such file."""
        return load_policy(self.triage_config)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, _NamedFiles(settings_cls, env_settings), dotenv_settings)


class _NamedFiles(PydanticBaseSettingsSource):
    """``NAME_FILE=/run/secrets/x``: the value of NAME is that file's content."""

    def __init__(self, settings_cls: type[BaseSettings], env: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        self._vars: dict[str, str | None] = dict(getattr(env, "env_vars", {}))

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        for alias in _aliases(field, field_name):
            path = self._vars.get(f"{alias.lower()}_file")
            if path:
                try:
                    return Path(path).read_text(encoding="utf-8").strip(), alias, False
                except OSError as error:
                    raise UserError(
                        f"{alias}_FILE names {path}, which cannot be read: {error.strerror}.",
                        hint=f"Mount the file, or set {alias} itself.",
                    ) from error
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, field in self.settings_cls.model_fields.items():
            value, key, _ = self.get_field_value(field, name)
            if value is not None:
                found[key] = value
        return found


def _aliases(field: Any, field_name: str) -> tuple[str, ...]:
    alias = field.validation_alias
    return tuple(str(a) for a in alias.choices) if isinstance(alias, AliasChoices) else (field_name.upper(),)


def env_name(field_name: str) -> str:
    """The environment variable that people are told to set for a field."""
    return _aliases(Settings.model_fields[field_name], field_name)[0]


def load_settings(**overrides: Any) -> Settings:
    """Read the environment. Raises ``UserError`` with one sentence on the first malformed value."""
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0]) if first["loc"] else "settings"
        name = env_name(where) if where in Settings.model_fields else where
        described = next(
            (f.description for n, f in Settings.model_fields.items() if name in _aliases(f, n)), ""
        )
        reason = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{name} is not valid: {reason}.", hint=described or "") from None


class _Fixed(Settings):
    """Reads nothing from outside."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings,)


def fixed_settings(**values: Any) -> Settings:
    """Settings of exactly these values and the defaults: neither the environment nor ``.env`` is read."""
    return _Fixed(**values)


def load_policy(path: Path) -> Policy:
    """Read ``triage.toml``. Raises ``UserError`` naming the table and what is wrong with it."""
    if not path.exists():
        return Policy()
    try:
        return Policy.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid TOML: {error}.", hint="Check that line.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{path}: [{where}] {first['msg']}.", hint="docs/configuration.md lists every table."
        ) from None
