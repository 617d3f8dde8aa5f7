"""Take the screenshots of the documentation from the demo's real errors: ``python tools/screenshots.py``.

Needs the ``test`` extra and a Chromium on the PATH. Writes ``docs/screenshots/dashboard-*.png``.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from werkzeug.serving import make_server

from app import create_app
from app.demo.run import break_things, running
from app.settings import fixed_settings

FOLDER = Path(__file__).parents[1] / "docs" / "screenshots"
TOKEN = "screenshots"
ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--hide-scrollbars",
    "--force-device-scale-factor=1",
]
SHOTS = (
    ("issues", "/", 1280, 720, "light"),
    ("issue", "Database", 1280, 860, "light"),
    ("issue-small", "Database", 360, 740, "dark"),
)
"""File name, path or the category of the issue to open, width and height in pixels, colour scheme."""


@contextmanager
def dashboard() -> Iterator[str]:
    """The demo, triaged to its end, with a dashboard over its database."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as demo:
        break_things(demo, lambda _: None)
        deadline = time.monotonic() + 120
        while not demo.done() and time.monotonic() < deadline:
            time.sleep(0.2)
        settings = fixed_settings(
            sentry_client_secret=demo.sandbox.sandbox.client_secret,
            sentry_url=demo.sandbox.url,
            sentry_org="acme",
            database_url=f"sqlite:///{folder}/triage.db",
            triage_dashboard_token=TOKEN,
        )
        server = make_server("127.0.0.1", 0, create_app(settings), threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def shoot(page: Page, what: str, file: Path) -> None:
    """Sign in, go where the picture is, take it."""
    page.goto("/sign-in")
    page.fill("#name", "Maya")
    page.fill("#token", TOKEN)
    page.click("button.primary")
    if what.startswith("/"):
        page.goto(what)
    else:
        page.goto(f"/?category={what}")
        page.click("table.list a.title")
    page.wait_for_load_state("networkidle")
    page.screenshot(path=file)


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with dashboard() as url, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        for name, what, width, height, scheme in SHOTS:
            size = {"width": width, "height": height}
            page = chromium.new_page(base_url=url, viewport=size, color_scheme=scheme)
            shoot(page, what, FOLDER / f"dashboard-{name}.png")
        chromium.close()


if __name__ == "__main__":
    main()
