"""The signals that tell whether an error ended the process, and with it everything the process did."""

from __future__ import annotations

from .facts import Facts
from .signals import mobile, seek

_RECOVERED = seek(
    r"net/http\.\(\*conn\)\.serve|net/http\.HandlerFunc|net/http\.serverHandler|\bServeHTTP\b|"
    r"\brecover(?:y|er)?\b|"
    r"RecoveryHandler|gin-gonic/gin|labstack/echo|grpc_recovery|go-chi|gofiber",
    r"tokio\w*[:/]|tokio-runtime-worker|rocket-worker|hyper[:/]|actix|axum|rocket[:/]|tower|"
    r"catch_unwind|std::panicking::try|rayon",
)
_RECOVERED_THREAD = seek(
    r"panic serving|thread '(?:tokio-|actix-|rocket-|hyper-|rayon|async-std|blocking-)|"
    r"\btask \d+ panicked|^reconciler error",
)
_GO_PANIC = seek(
    r"^panic\b|\npanic\b|panicked|runtime\.gopanic|runtime error|runtime\.\w*error|"
    r"nil pointer dereference|fatal error:|goroutine \d"
)
_ENDED = seek(
    r"^panic\b|\npanic\b|panicked at|kernel pid terminated|application_start_failure|"
    r"^application \w+ exited: "
)
_ANDROID_ENDED = seek(
    r"unable to (?:start|resume|create|instantiate|destroy) (?:activity|service|application) "
    r"(?:ComponentInfo\{|\w+\.\w+)"
)
_NODE_ENDED = seek(r"throw er; // Unhandled 'error' event|triggerUncaughtException\(")


def app_crash(facts: Facts) -> bool:
    """On a mobile platform where an unhandled exception ends the process (in Flutter it does not)."""
    return facts.digest.platform not in ("dart", "flutter") and mobile(facts)


def native(facts: Facts) -> bool:
    """A crash of the process itself: signal, Mach exception, minidump."""
    if facts.digest.platform in ("native", "c", "cocoa") and facts.digest.level in ("fatal", "error", ""):
        return True
    crash = {"mach", "signalhandler", "minidump", "signal", "nsexception", "applicationexitinfo"}
    return any(one.mechanism.lower() in crash for one in facts.digest.exceptions)


def panic(facts: Facts) -> bool:
    """A Go or Rust panic that no frame recovers from, on a thread that does not go on without it."""
    tags = facts.digest.tags
    told = f"{facts.stack}\n{tags.get('thread', '')} {tags.get('thread.name', '')}"
    if facts.digest.platform == "go" and not _GO_PANIC.search(f"{facts.text[:2000]}\n{facts.stack}"):
        return False  # an error that somebody reported, and went on
    recovered = _RECOVERED.search(told) or _RECOVERED_THREAD.search(facts.text[:400])
    return facts.digest.platform in ("go", "rust") and not recovered


def ended(facts: Facts) -> bool:
    """A panic or a failed start, whatever its cause, that ended the process."""
    if facts.digest.platform in ("java", "kotlin", "android"):
        return bool(_ANDROID_ENDED.search(facts.text[:1000]))
    if facts.digest.platform == "node":
        said = "\n".join(frame.context_line for frame in facts.frames if frame.context_line)
        return bool(_NODE_ENDED.search(f"{said}\n{facts.text[:2000]}"))
    return bool(_ENDED.search(facts.text[:400])) and (facts.digest.platform == "elixir" or panic(facts))
