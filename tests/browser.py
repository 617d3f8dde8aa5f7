"""A real Chromium of this machine, driven by Playwright, that remembers everything it complained about."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from .require import require

ARGUMENTS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def find_chromium() -> str:
    """Its path; the test ends here where there is none."""
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        require("chromium", "install it (apt install chromium)")
    return found


@dataclass
class Watched:
    """One page. ``complaints``: console errors and warnings (violations of the policy among them), uncaught
    exceptions, failed requests, and requests to other hosts."""

    page: Any
    host: str
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        self.page.on("requestfailed", self._failed)
        self.page.on("request", self._request)

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")

    def _failed(self, request: Any) -> None:
        if request.failure != "net::ERR_ABORTED":  # the page was left before its icon came
            self.complaints.append(f"failed: {request.url} {request.failure}")

    def _request(self, request: Any) -> None:
        parts = urlsplit(request.url)
        if parts.scheme != "data" and parts.netloc != self.host:
            self.complaints.append(f"elsewhere: {request.url}")


@contextmanager
def browser() -> Iterator[Any]:
    """A browser that downloads nothing and keeps nothing."""
    path = find_chromium()
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        try:
            yield chromium
        finally:
            chromium.close()


def watched(chromium: Any, base_url: str, **context: Any) -> Watched:
    """A page of a new profile; paths are relative to ``base_url``."""
    page = chromium.new_context(base_url=base_url, **context).new_page()
    page.set_default_timeout(20_000)
    return Watched(page, urlsplit(base_url).netloc)
