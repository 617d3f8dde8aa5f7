"""Words that a rule looks for, in errors of another kind: a broad phrase fails here."""

from __future__ import annotations

import pytest

from app.core.digest import digest_event
from app.core.offline import classify
from app.core.verdict import Verdict


def judge(platform: str, kind: str, value: str, **more: object) -> Verdict:
    exception = [{"type": kind, "value": value}]
    return classify(digest_event({"platform": platform, "level": "error", "exception": exception, **more}))


@pytest.mark.parametrize(
    ("platform", "kind", "value", "never"),
    [
        ("python", "RuntimeError", "MySQL server 5.7.8 lacks JSON support", "Authentication"),
        ("go", "ConnectionError", "dial tcp 10.5.7.8:443: connection refused", "Authentication"),
        ("python", "ImportError", "requires package foo>=5.7.9", "Authentication"),
        ("python", "ValueError", "Database connection name 'foo' must be a string", "Database"),
        ("python", "KeyError", "'database connection'", "Database"),
        ("go", "*errors.errorString", "running migrations: nothing to do", "Database"),
        ("python", "ExamClosed", "The submission deadline has elapsed", "Network"),
        ("python", "ValueError", "robot r2d2 unknown", "Database"),
        ("php", "ApiError", "VK_ERROR: captcha needed", "Infrastructure"),
        ("php", "RuntimeException", "File php extension not allowed", "Infrastructure"),
        ("python", "Exception", "killed", "Infrastructure"),
        ("python", "ValueError", "Target closed for donations", "Infrastructure"),
        ("csharp", "System.Exception", "Unprotect the worksheet first", "Infrastructure"),
        ("python", "IndexError", "Index 3 of the array does not exist", "ThirdParty"),
        ("python", "ValueError", "cannot edit: project is_archived", "ThirdParty"),
        ("python", "KeyError", "'getpwuid(): uid not found in /etc/passwd'", "Validation"),
        ("python", "AssertionError", "the latest test was not sent to sentry", "Unknown"),
        ("python", "ValueError", "bucket of paint: Access plan is denied a colour", "Authentication"),
        ("ruby", "RSolr::Error::Http", "400 Bad Request, URI: http://solr:8983/solr/select", "Network"),
        ("python", "ValueError", "transaction begin txt is empty", "Database"),
        ("javascript", "Error", "permissions missing in the form", "Authentication"),
    ],
)
def test_a_word_alone_decides_nothing(platform: str, kind: str, value: str, never: str) -> None:
    verdict = judge(platform, kind, value)
    assert verdict.category != never or verdict.abstained, verdict


@pytest.mark.parametrize(
    ("platform", "kind", "value"),
    [
        ("elixir", "ArgumentError", "unknown button :panic in alarm panel"),
        ("go", "*errors.errorString", "validate: field panic is required"),
        ("go", "*errors.errorString", "record not found"),
        ("java", "IllegalStateException", "Cannot parse user agent com.android.chrome"),
        ("java", "IllegalStateException", "unable to start service worker pool"),
        ("node", "Error", "Unhandled 'error' events are counted here"),
        ("elixir", "RuntimeError", "the application form exited: step 3"),
    ],
)
def test_what_did_not_end_the_process_is_not_critical(platform: str, kind: str, value: str) -> None:
    assert judge(platform, kind, value).severity != "critical"


def test_a_server_that_runs_on_vertx_is_no_mobile_app() -> None:
    frame = {"filename": "ContextImpl.java", "module": "io.vertx.core.impl.ContextImpl", "function": "run"}
    values = [{"type": "IllegalStateException", "value": "closed", "stacktrace": {"frames": [frame]}}]
    verdict = classify(digest_event({"platform": "java", "level": "error", "exception": {"values": values}}))
    assert verdict.severity != "critical"


def test_a_projects_name_does_not_overrule_its_environment() -> None:
    tags = {"project": "dev-portal"}
    kind, value = "OperationalError", "could not connect to server: Connection refused (port 5432)"
    assert judge("python", kind, value, environment="production", tags=tags).requires_immediate_action
    assert not judge("python", kind, value, tags=tags).requires_immediate_action
