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
        ("node", "Error", "Exceeded maximum connections for this API key", "Database"),
        (
            "php",
            "RuntimeException",
            "La tentative de connexion a échoué : identifiants incorrects",
            "Database",
        ),
        ("elixir", "BadMapError", "expected a map, got: {:ok, %Postgrex.Result{num_rows: 0}}", "Database"),
        (
            "elixir",
            "exit",
            ":gen_server.call(:pool, {:checkout, #Reference<0.1>, true}, 5000) ** (EXIT)",
            "Database",
        ),
        ("elixir", "MatchError", "no match of right hand side value: {:error, :invalid_token}", "Validation"),
        ("python", "ValueError", "Missing boundary for region DE-BY", "Validation"),
        ("python", "ParamValidationError", 'Missing required parameter in input: "Bucket"', "Validation"),
        ("csharp", "HttpBadRequestException", "Response from https://api.partner.com/v1: 400", "Validation"),
        (
            "python",
            "SMTPSenderRefused",
            "(530, b'5.7.0 Must issue a STARTTLS command first')",
            "Authentication",
        ),
        ("node", "Error", "Error sending email: connect ECONNREFUSED 10.0.0.5:5432", "Network"),
        ("go", "*net.OpError", "listen tcp 10.0.0.9:80: bind: cannot assign requested address", "Network"),
        (
            "node",
            "Error",
            "webhook-consumer: Cannot connect to https://api.example: ETIMEDOUT",
            "Infrastructure",
        ),
        ("python", "ValueError", "time out of range", "Network"),
        ("php", "RuntimeException", "block header not found in the template", "ThirdParty"),
        ("python", "AssertionError", "this line can't be reached", "Network"),
        ("python", "ValueError", "consensus could not be reached", "Network"),
        ("node", "Error", "the spider was not found in the web", "ThirdParty"),
        (
            "javascript",
            "TypeError",
            "Cannot read properties of undefined (reading 'refreshToken')",
            "Authentication",
        ),
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


@pytest.mark.parametrize(
    ("platform", "kind", "value", "files", "never"),
    [
        (
            "python",
            "JSONDecodeError",
            "Expecting value: line 1 column 1 (char 0)",
            [
                "sentry_sdk/integrations/django/views.py",
                "shop/views.py",
                "json/__init__.py",
                "json/decoder.py",
            ],
            "ThirdParty",
        ),
        (
            "node",
            "Error",
            "14 UNAVAILABLE: connect ECONNREFUSED 10.3.4.5:50051",
            ["node_modules/kafkajs/src/consumer/runner.js", "node_modules/@grpc/grpc-js/build/src/call.js"],
            "Infrastructure",
        ),
        (
            "python",
            "ValueError",
            "Missing scheme in request url: /next",
            ["shop/spiders/next.py", "scrapy/http/request/__init__.py"],
            "ThirdParty",
        ),
        (
            "java",
            "SftpException",
            "Permission denied",
            ["com.jcraft.jsch.ChannelSftp", "java.io.OutputStream"],
            "Infrastructure",
        ),
    ],
)
def test_a_library_in_the_stack_alone_decides_nothing(
    platform: str, kind: str, value: str, files: list[str], never: str
) -> None:
    frames = [{"filename": file, "function": "run"} for file in files]
    exception = [{"type": kind, "value": value, "stacktrace": {"frames": frames}}]
    event = {"platform": platform, "level": "error", "exception": exception}
    verdict = classify(digest_event(event))
    assert verdict.category != never or verdict.abstained, verdict
