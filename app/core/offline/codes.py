"""Well-known codes in free text: HTTP status, SQLSTATE, gRPC, curl, MySQL, Oracle, SQL Server, exit codes.

Each becomes a token such as ``http:401``, ``sqlstate:23505``, ``grpc:unavailable``, ``curl:28``,
``mysql:1213``, ``ora:12541``, ``mssql:1205``, ``exit:137``, ``signal:9``. Families stand beside them:
``http:4xx``, ``sqlstate:23``; ports of servers as ``port:5432``.
"""

from __future__ import annotations

import re

_SCAN = 2000
_REASONS = (
    "bad request|unauthorized|payment required|forbidden|not found|method not allowed|conflict|gone|"
    "request timeout|payload too large|request entity too large|unprocessable|too many requests|"
    "internal server error|internal error|bad gateway|service unavailable|service temporarily|gateway time|"
    "client error|server error|error|timeout"
)
_SAID = (
    r"status(?:[ _]?code)?(?: of| is| was)?|statuscode|response code|error code|"
    r"http(?:/\d(?:\.\d)?)?(?: error| status)?|status error|"
    r"returned(?: an?)?|responded with(?: an?)?|respcode|code|failed with|got(?: an?)?|response|"
    r"received(?: an?)?"
)
_HTTP = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b(?:{_SAID})[\"']?[ :=,(>\"'\[]{{0,4}}([1-5]\d\d)(?!\.?\d)",
        rf"(?<![\d.:])([45]\d\d)[\"'\])]?[\s:,-]{{1,3}}[\"']?(?:{_REASONS})",
        r"\A\W{0,3}([45]\d\d)(?=\s|\Z|:|\{|,)",
        r"\b(?:errors?|http|status)_?([45]\d\d)\b",
    )
)
_GRPC_NAMES = (
    "unavailable|deadline_exceeded|unauthenticated|permission_denied|resource_exhausted|invalid_argument|"
    "failed_precondition"
)
_CODED = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("sqlstate", r"\bsqlstate(?:\[| ?[:=] ?| \(?)[\"']?([0-9a-z]{5})\b"),
        ("sqlstate", r"\A\W?((?:0[18]|2[1-8]|3[48d]|4[024]|5[3-8]|xx)[0-9a-z]{3}):"),
        ("sqlstate", r"\b(?:pg code|db error code|code)[\"' :=]{1,4}[\"'`]?([0-9][0-9a-z]{4})\b"),
        ("grpc", r"\bcode ?= ?([a-z_]{2,20})\b"),
        ("grpc", r"\bstatuscode[.=\"]{1,2}([a-z_]{2,20})\b"),
        ("grpc", rf"\bgrpc[^\n]{{0,30}}?\b({_GRPC_NAMES})\b"),
        ("grpc", rf"(?:\A|[ :])(?:\d\d? )?({_GRPC_NAMES})(?=:)"),
        ("curl", r"\bcurl (?:error|errno)[ :(]{1,3}(\d{1,2})\b"),
        ("mysql", r"\berror:? ([1-4]\d{3})(?: \(|:|\))"),
        ("mysql", r"\A\(?(1\d{3}|20\d\d|3\d{3}), ?[\"']"),
        ("mysql", r"\bsqlstate\[\w{5}\](?: ?\[|: [^:\n]{3,40}: )(\d{4})\b"),
        ("ora", r"\bora-0{0,2}(\d{3,5})\b"),
        ("mssql", r"\b(?:error number|number)[:= ]{1,2}(\d{3,5})\b.{0,60}\bstate\b"),
        ("exit", r"\bexit(?:ed with)?(?: with)?[ _]?(?:code|status)?[ :=]{1,2}(\d{1,3})\b"),
        ("port", r"(?::|\bport[ =:]{1,2})(\d{4,5})\b"),
        ("signal", r"\bsignal:? (\d{1,2})\b"),
    )
)
_UNNUMBERED = tuple(one for one in _CODED if one[0] == "grpc")
_DIGIT = re.compile(r"\d")


def codes_in(text: str) -> frozenset[str]:
    """All codes named in the first 2,000 characters of ``text``."""
    text = text[:_SCAN]
    found = set()
    numbered = _DIGIT.search(text) is not None
    for pattern in _HTTP if numbered else ():
        for status in pattern.findall(text):
            found |= {f"http:{status}", f"http:{status[0]}xx"}
    for kind, pattern in _CODED if numbered else _UNNUMBERED:
        for code in pattern.findall(text):
            found.add(f"{kind}:{code.lower().replace('_', '')}")
            if kind == "sqlstate":
                found.add(f"sqlstate:{code[:2].lower()}")
    return frozenset(found)
