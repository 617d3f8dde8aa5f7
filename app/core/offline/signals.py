"""Circumstances that decide how bad an error is, each a small question to the facts with a name.

Rules may name them in ``require.signal`` and ``unless.signal``; ``circumstances.py`` lists them.
"""

from __future__ import annotations

import re

from .facts import Facts

_NON_PRODUCTION = frozenset(
    re.findall(
        r"\w+",
        "staging stage stg dev devel develop development local localhost test testing tests qa uat "
        "alpha sandbox "
        "ci preview preprod preproduction demo debug integration review nonprod",
    )
)
_WORDS = re.compile(r"[a-z]+")


def seek(*alternatives: str) -> re.Pattern[str]:
    """One pattern of several, whatever the case."""
    return re.compile("|".join(alternatives), re.IGNORECASE)


_JOB = seek(
    r"\b(?:rake|sidekiq|active_?job|resque|delayed_?job|good_job|celery|dramatiq|huey|rq|oban|"
    r"broadway|quartz|hangfire)\b",
    r"\b(?:cron|crontab|schedul\w*|worker|consumer|queue|background|daemon|batch|periodic|sync\w*|"
    r"import\w*)\b",
    r"(?:job|worker|task|consumer|scheduler|poller|sync|importer|command|listener)s?(?:#|::|\.|\\|/|$|\n)",
    r"(?:console|commands|jobs|tasks|workers)[\\/.]",
    r"management/commands",
)
_JOB_STACK = seek(
    r"celery/app/(?:trace|task)",
    r"billiard/",
    r"\brq/(?:worker|job)",
    r"sidekiq/(?:processor|job)",
    r"lib/(?:active_job|rake|resque|delayed)",
    r"console[\\/]commands?[\\/]",
    r"management/commands",
    r"illuminate[\\/](?:queue|console)",
    r"oban/",
    r"apscheduler",
    r"org\.quartz|ScheduledThreadPool|SchedulingRunnable|ScheduledMethodRunnable|"
    r"DelegatingErrorHandlingRunnable",
    r"hangfire|quartz\.(?:core|impl)",
    r"\b(?:cron|scheduler|poller|periodic)\w*\.",
    r"(?:sync|import|fetch|refresh|update|poll)\w*(?:job|task|worker|command|manager)\b",
)
_REQUEST_STACK = seek(
    r"django/core/handlers|flask/app|starlette/|fastapi/|tornado/web|werkzeug/|aiohttp/web|pyramid/|"
    r"bottle\.py|sanic/",
    r"action_controller|action_dispatch|actionpack|lib/rack|sinatra|puma|unicorn|passenger",
    r"express/lib|koa|fastify|@nestjs|next/dist|hapi",
    r"javax?\.servlet|jakarta\.servlet|springframework\.web|DispatcherServlet|catalina|undertow|"
    r"jetty|netty\.channel",
    r"Illuminate[\\/](?:Routing|Foundation[\\/]Http|Pipeline)|symfony/http-kernel|HttpKernel|slim/",
    r"net/http|gin-gonic|labstack/echo|gofiber|go-chi|gorilla/mux|grpc\.\(\*Server\)",
    r"AspNetCore|Kestrel|System\.Web\.Mvc",
    r"phoenix|plug/|cowboy|bandit",
    r"actix|axum|rocket|warp|hyper",
)
_PERMISSION = "android.permission."
_MOBILE = seek(
    r"com\.facebook\.react|\bandroid[.x]|\bandroidx\.|dalvik|libart|zygoteinit|on a null object reference|"
    r"\bactivity\b|"
    r"(?:fragment|viewmodel|activity)\.(?:java|kt)\b|android\.app\.ContextImpl|ActivityThread\.java|android\.os\.Looper|UIApplication|UIKit|\.mm?:|\.swift\b"
)
_MOBILE_PLACE = seek(r"(?:activity|fragment|viewmodel)\b")
_DART_SERVER = seek(r"\b(?:shelf|dart_frog|serverpod|alfred|angel)\b")
_TELEMETRY = seek(
    r"\b(?:raven|sentry[_-]?sdk|sentry_raven|rollbar|bugsnag|airbrake|honeybadger|newrelic|new_relic|"
    r"ddtrace|datadog|"
    r"opentelemetry|statsd|segment|mixpanel|amplitude|analytics|prometheus_client|appsignal|instrumentation|"
    r"applicationinsights|logstash|raygun|scout_apm|skylight|elastic[-_]apm|@sentry/\w+)\b"
)
_PAYMENT = seek(
    r"(?:stripe|payment|billing|paypal|braintree|adyen|checkout|invoice|subscription|charge|razorpay|mollie|"
    r"paddle|klarna)"
)
_WEBHOOK = seek(
    r"web_?-?hook|\bipn\b|\btxn_id\b",
    r"(?:paypal|stripe|payment|checkout)\w*_(?:callback|notify|notification|complete|return)\b",
    r"\b(?:callback|notify|notification|complete|return)_\w*(?:paypal|stripe|payment)",
)
_REMOTE = seek(
    r"requests/(?:models|sessions|api)|httpx/|aiohttp/client|urllib3|httparty|faraday|rest-?client|"
    r"typhoeus|guzzle",
    r"node-fetch|node_modules/(?:axios|got|request|superagent|undici)|okhttp|retrofit|resttemplate|"
    r"webclient|feign",
    r"(?:api|http|rest|graphql)[_-]?client|[\\/]clients?[\\/.]|tesla|httpoison|/oauth|net/http\.rb|googleapiclient|"
    r"botocore|slack",
)
_REMOTE_LINE = seek(
    r"\b(?:res|resp|response|result|reply|answer|r|req)\.(?:json|text|content|body|read)\b|urlopen|"
    r"requests\.|fetch\("
)
_HTML = seek(
    r"<!doctype|<html|<\?xml|unexpected token '?<|parsing value: <|bad gateway|"
    r"something went wrong|unexpected mimetype"
)
_BODY = seek(
    r"body-parser|raw-body|express/lib/middleware/json|co-body|fastify/lib/contentTypeParser|"
    r"rest_framework/parsers",
    r"flask/wrappers|werkzeug/wrappers|starlette/requests|params_parser|"
    r"action_dispatch/http/parameters|plug/parsers",
    r"RequestResponseBody|readWithMessageConverters|AspNetCore\.Mvc\.Formatters|request_forgery|lib/rack/",
)
_BODY_LINE = seek(
    r"request\.(?:body|data|json|get_json|raw_post|content|params|POST|GET)|req\.body|php://input"
)
_TEST = seek(
    r"\b(?:test|sample|example|demo|dummy|fake) (?:error|exception|crash|event|message|issue)\b",
    r"\b(?:this is a|my first|first|just a|sentry|a) (?:sentry )?test\b",
    r"\btest(?:ing)? sentry\b|sentry (?:test|works?)\b",
    r"\bsendAnError\b|sentry example|example (?:api|frontend) (?:route )?error|SentryExample",
    r"\btest(?:_| )?(?:sentry|exception|error|crash)\b",
)


def non_production(facts: Facts) -> bool:
    """The environment is named staging, dev, test, …"""
    d = facts.digest
    told = (d.environment, d.tags.get("env", ""), d.tags.get("stage", ""))
    named = " ".join(told if any(told) else (d.tags.get("project", ""),)).lower()
    return not _NON_PRODUCTION.isdisjoint(_WORDS.findall(named))


def background(facts: Facts) -> bool:
    """A job, scheduled task, queue consumer or console command, not a request."""
    return bool(_JOB.search(facts.place) or _JOB_STACK.search(facts.stack))


def request(facts: Facts) -> bool:
    """Inside the handling of an HTTP request."""
    d = facts.digest
    return bool(d.request_url or d.request_method or _REQUEST_STACK.search(facts.stack))


def react_native(facts: Facts) -> bool:
    d = facts.digest
    told = f"{d.tags.get('runtime', '')} {d.contexts.get('runtime', '')} {d.sdk}".lower()
    return "react-native" in told or "react native" in told or "index.android.bundle" in facts.stack


def browser(facts: Facts) -> bool:
    """JavaScript on a person's device: one view of one user breaks, not the service."""
    return facts.digest.platform in ("javascript", "javascript-browser")


def server(facts: Facts) -> bool:
    """Not on a person's device."""
    return not browser(facts) and not mobile(facts)


def remote_answer(facts: Facts) -> bool:
    """What was being read is the answer of another service, as far as frames and source lines tell."""
    if _REMOTE.search(facts.stack) or _REMOTE_LINE.search(facts.code) or _HTML.search(facts.text[:1500]):
        return not request_body(facts)
    return False


def request_body(facts: Facts) -> bool:
    """What was being read came in with a request, as far as frames and source lines tell."""
    return bool(_BODY.search(facts.stack) or _BODY_LINE.search(facts.code))


def redacted(facts: Facts) -> bool:
    """The message was replaced by a redaction mark (Go's ``redact`` writes ``×``)."""
    return "×" in facts.text


def mobile(facts: Facts) -> bool:
    """A native app on a person's device, where an unhandled exception ends the process."""
    d = facts.digest
    system = f"{d.tags.get('os', '')} {d.tags.get('os.name', '')} {d.contexts.get('os', '')} {d.sdk}".lower()
    if d.platform in ("cocoa", "objc", "swift"):
        return True
    if any(name in system for name in ("android", "ios", "ipados", "watchos", "tvos")):
        return True
    if d.platform in ("dart", "flutter"):
        return not _DART_SERVER.search(facts.stack)
    jvm = d.platform in ("java", "kotlin", "android")
    return jvm and bool(
        d.tags.get("device")
        or d.tags.get("device.family")
        or _MOBILE_PLACE.search(facts.place)
        or _MOBILE.search(facts.stack)
        or "null object reference" in facts.text
        or _PERMISSION in facts.text
    )


def handled(facts: Facts) -> bool:
    """Somebody caught it and logged it below ``error``."""
    return facts.digest.level in ("warning", "warn", "info", "debug", "notice")


def telemetry(facts: Facts) -> bool:
    """Raised inside error reporting, metrics or analytics: beside the work, not in it."""
    library = [frame for frame in facts.frames[-2:] if not frame.in_app]
    inner = "\n".join(f"{frame.filename} {frame.module}" for frame in library)
    return bool(_TELEMETRY.search(inner))


def interactive(facts: Facts) -> bool:
    """Typed into a shell or notebook."""
    return any(
        frame.filename in ("<stdin>", "<console>", "<ipython-input>", "(irb)") for frame in facts.frames[-2:]
    )


def payment_webhook(facts: Facts) -> bool:
    """While a payment provider's webhook was being handled."""
    told = f"{facts.place}\n{facts.stack}\n{facts.text}"
    return bool(_WEBHOOK.search(told) and _PAYMENT.search(told))


def payment(facts: Facts) -> bool:
    return bool(_PAYMENT.search(f"{facts.place}\n{facts.stack[-600:]}"))


def test_event(facts: Facts) -> bool:
    """The event says of itself that it is a test."""
    return bool(_TEST.search(facts.text[:400]))
