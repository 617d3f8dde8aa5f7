"""What each category and severity means, in the words our data was labelled with."""

from __future__ import annotations

from collections.abc import Mapping

from .vocabulary import Category, Severity

CATEGORY_RULES: Mapping[Category, str] = {
    Category.UNKNOWN: (
        "nothing to go on: no meaningful type, message or frame; a deliberate test error. A bare "
        "meaningful type (ChunkLoadError) is not Unknown."
    ),
    Category.AUTHENTICATION: (
        "identity or permission rejected or expired: 401/403, JWT, CSRF, session, permission policy, "
        "our credentials refused by whichever side. DB login refused is Database; quota or 429 is "
        "ThirdParty; EACCES is Infrastructure."
    ),
    Category.DATABASE: (
        "the DB client, ORM, driver or pool raised it: unreachable, pool exhausted, deadlock, timeout, "
        "constraint, missing table or column, SQL syntax. Not Redis. Lookups with the wrong number of "
        "rows are Logic; model validation is Validation."
    ),
    Category.INFRASTRUCTURE: (
        "our own runtime failed: memory, disk, file descriptors, worker killed, pod, our "
        "Redis/broker/search, file permissions, missing binary, an asset or chunk missing after a "
        "deploy."
    ),
    Category.THIRD_PARTY: (
        "an external service answered with an error, or its SDK raised an API error: 4xx (not 401/403),"
        " 429, quota, 5xx, declined card, unparsable answer."
    ),
    Category.NETWORK: (
        "transport failed before any application answer: timeout, refused, reset, unreachable, external"
        " DNS, TLS, EOF."
    ),
    Category.VALIDATION: (
        "data from outside fails a format, schema, parse or model rule. Validation of our own output is"
        " Logic."
    ),
    Category.LOGIC: "a bug in code: null access, index, key, type, division by zero, wrong lookup, panic.",
}
"""In the order in which they are tried: the first that fits decides."""

SEVERITY_RULES: Mapping[Severity, str] = {
    Severity.CRITICAL: (
        "data loss; money; auth bypass; the process crashes or is killed (OOM, fatal, native crash); "
        "database or broker unreachable or pool exhausted; missing table or column in production."
    ),
    Severity.HIGH: (
        "unhandled in a request or job and will happen again: logic bugs, deadlock, statement timeout, "
        "constraint in a write, our credentials rejected, quota exhausted."
    ),
    Severity.MEDIUM: (
        "partial or transient: external failure with natural retry, background sync, UI-only, chunk load; "
        "a high one in a non-production environment."
    ),
    Severity.LOW: (
        "expected user-caused rejection, or handled, or warning level: CSRF, expired login, permission "
        "denied, bad input, declined card."
    ),
    Severity.INFO: "no failure: test event, notice, contentless noise.",
}

ACTION_RULE = (
    "every critical; and high errors whose cause persists by itself for all users (credentials "
    "rejected, quota exhausted, schema mismatch, expired certificate). Not in staging, dev or test "
    "unless data is lost."
)
