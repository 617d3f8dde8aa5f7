"""The dashboard in a real Chromium, over the real processes: signing in, finding, correcting, by mouse and by
keyboard, on a desk and on a telephone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from app.sandbox.sandbox import SandboxSentry
from app.sandbox.server import SandboxServer
from app.store import Store
from app.store.vault import Vault, derived_key

from .browser import Watched, browser, watched
from .live import Live, wait_until
from .test_e2e import CATEGORY, error, triaged

TOKEN = "a-token-of-the-team"
PAGES = ("/", "/?when=all&category=Logic", "/scorecard", "/operations")
ISSUES = 5


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(SandboxSentry()) as server:
        server.sandbox.hooks.timeout = 15.0  # the machine may be busy with other tests
        yield server


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory, sandbox: SandboxServer, chromium: Any) -> Iterator[Live]:
    """Web and worker with some triaged issues."""
    folder: Path = tmp_path_factory.mktemp("live")
    url = f"sqlite:///{folder / 'triage.db'}"
    with Live(folder, sandbox, url, TRIAGE_DASHBOARD_TOKEN=TOKEN) as live:
        live.release()
        live.web()
        live.worker("only")
        for number in range(ISSUES):
            sandbox.sandbox.capture("shop-api", error(number))
        wait_until(lambda: len(triaged(sandbox)) == ISSUES, 90, "all are triaged")
        yield live


@pytest.fixture
def store(live: Live) -> Iterator[Store]:
    key = derived_key(live.environment["SENTRY_CLIENT_SECRET"])
    opened = Store.open(live.environment["DATABASE_URL"], Vault([key]))
    yield opened
    opened.close()


@pytest.fixture
def desk(chromium: Any, live: Live) -> Iterator[Watched]:
    seen = watched(chromium, live.url, viewport={"width": 1280, "height": 800})
    yield seen
    seen.page.context.close()


def sign_in(seen: Watched, path: str = "/") -> None:
    seen.page.goto(path)
    seen.page.get_by_label("Your name").fill("Maya")
    seen.page.get_by_label("Token").fill(TOKEN)
    seen.page.get_by_role("button", name="Sign in").click()
    seen.page.get_by_role("button", name="Sign out").wait_for()
    seen.page.wait_for_load_state()  # the style sheet too


def test_sign_in_filter_open_correct(desk: Watched, store: Store, sandbox: SandboxServer) -> None:
    page = desk.page
    sign_in(desk)
    assert page.locator("table.list tbody tr").count() == ISSUES
    page.get_by_label("Category").select_option("Logic")
    page.get_by_label("Text").fill("keyerror")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**category=Logic**")
    page.get_by_role("link", name="KeyError: 'quantity'").click()
    assert page.get_by_role("heading", level=1).inner_text() == "KeyError: 'quantity'"
    short_id = page.locator(".crumbs .mono").inner_text()
    page.get_by_label("Category").select_option("Validation")
    page.get_by_label("Severity").select_option("low")
    page.get_by_role("button", name="Store the correction").click()
    page.get_by_role("status").wait_for()
    stored = "Your correction is stored: category Validation, severity low."
    assert stored in page.get_by_role("status").inner_text()
    issue_id = page.url.rpartition("/")[2]
    jobs = store.reports.pages.jobs(issue_id)
    assert [job.trigger for job in jobs if job.kind == "correct"] == ["dashboard"]
    wait_until(lambda: shown(sandbox, short_id) == "Validation", 60, "Sentry shows the correction")
    wait_until(lambda: _settled(store, issue_id), 60, "the job has ended")
    page.reload()
    history = page.locator("section", has=page.get_by_role("heading", name="History")).inner_text()
    assert "Validation, low, 100% by human" in history
    said = page.locator("section", has=page.get_by_role("heading", name="Correct it")).inner_text()
    assert "Logic → Validation" in said
    assert "Maya, dashboard" in said
    page.goto("/scorecard")
    assert page.locator("td.miss", has_text="1").count() >= 1
    assert desk.complaints == []


def _settled(store: Store, issue_id: str) -> bool:
    return all(job.state == "done" for job in store.reports.pages.jobs(issue_id))


def shown(sandbox: SandboxServer, short_id: str) -> str:
    """The category that the sandbox shows on an issue."""
    (issue,) = [one for one in sandbox.sandbox.issues() if one["short_id"] == short_id]
    return str(issue["tags"].get(CATEGORY, ""))


def test_an_issue_is_run_again(desk: Watched, store: Store, sandbox: SandboxServer) -> None:
    sign_in(desk)
    desk.page.get_by_role("link", name="OSError").click()
    desk.page.get_by_role("button", name="Run again").click()
    desk.page.get_by_role("status").wait_for()
    issue_id = desk.page.url.rpartition("/")[2]

    def done() -> bool:
        jobs = store.reports.pages.jobs(issue_id)
        return any(job.trigger == "dashboard" and job.outcome == "triaged" for job in jobs)

    wait_until(done, 60, "it was triaged again")
    assert desk.complaints == []


def test_the_mark_in_sentry_leads_to_the_verdict(desk: Watched, sandbox: SandboxServer) -> None:
    """The link that Sentry gives people, from not being signed in to the page."""
    issue = sandbox.sandbox.issues()[0]
    shown = requests.get(
        f"{sandbox.url}/api/0/organizations/acme/issues/{issue['id']}/",
        headers={"Authorization": f"Bearer {sandbox.sandbox.token}"},
        timeout=5,
    ).json()
    (mark,) = shown["annotations"]
    sign_in(desk, mark["url"])
    assert desk.page.locator(".crumbs .mono").inner_text() == issue["short_id"]
    assert desk.complaints == []


def test_every_page_in_both_schemes_without_a_complaint(chromium: Any, live: Live) -> None:
    for scheme in ("light", "dark"):
        seen = watched(chromium, live.url, color_scheme=scheme)
        sign_in(seen)
        grounds = set()
        for path in PAGES:
            assert seen.page.goto(path).status == 200
            assert seen.page.locator("h1").count() == 1
            grounds.add(seen.page.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert len(grounds) == 1, "the style sheet was applied everywhere"
        assert ("rgb(248, 247, 250)" in grounds) == (scheme == "light")
        assert seen.complaints == []
        seen.page.context.close()


def test_the_charts_have_their_colours_from_the_style_sheet(desk: Watched) -> None:
    sign_in(desk, "/operations")
    bar = desk.page.locator("svg.chart .series rect").first
    assert bar.evaluate("bar => getComputedStyle(bar).fill") == "rgb(81, 54, 196)"
    assert desk.page.locator("svg.chart style, svg.chart script").count() == 0


def test_a_violation_of_the_policy_would_be_seen(desk: Watched) -> None:
    """The other tests rest on this: what the policy forbids is complained about."""
    sign_in(desk)
    desk.page.evaluate("document.body.setAttribute('style', 'color: red')")
    wait_until(lambda: any("Content Security Policy" in one for one in desk.complaints), 5, "a complaint")


def test_everything_can_be_reached_by_keyboard(desk: Watched) -> None:
    page = desk.page
    page.goto("/")
    assert page.evaluate("document.activeElement.id") == "token", "the only thing to do has the focus"
    page.keyboard.type(TOKEN)
    page.keyboard.press("Enter")
    page.locator("table.list").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.evaluate("document.activeElement.getBoundingClientRect().top") >= 0, "it shows when focused"
    page.keyboard.press("Enter")
    wanted = page.locator("table.list a.title").first.get_attribute("href")
    for _ in range(40):
        page.keyboard.press("Tab")
        here = page.evaluate(
            """() => { const e = document.activeElement, s = getComputedStyle(e);
            return {href: e.getAttribute('href'), outline: s.outlineStyle,
                    width: parseFloat(s.outlineWidth)} }"""
        )
        assert here["outline"] != "none", f"no visible focus on {here['href']}"
        assert here["width"] >= 1
        if here["href"] == wanted:
            break
    else:
        pytest.fail("the first issue was not reached in 40 steps")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Verdict").wait_for()
    assert desk.complaints == []


@pytest.mark.parametrize("width", [360, 768])
def test_narrow_screens_do_not_scroll_sideways(chromium: Any, live: Live, width: int) -> None:
    seen = watched(chromium, live.url, viewport={"width": width, "height": 740})
    page = seen.page
    sign_in(seen)
    first = page.locator("table.list a.title").first.get_attribute("href")
    for path in (*PAGES, first):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        small = page.evaluate(
            """() => [...document.querySelectorAll('button, .button, select, input:not([type=hidden])')]
            .filter(e => e.type !== 'checkbox' && e.getBoundingClientRect().height < 24).length"""
        )
        assert small == 0, f"{path}: something is too small for a finger"
    assert seen.complaints == []
    page.context.close()


def test_every_control_and_picture_has_a_name(desk: Watched) -> None:
    page = desk.page
    sign_in(desk)
    first = page.locator("table.list a.title").first.get_attribute("href")
    for path in (*PAGES, first):
        page.goto(path)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('a, button, select, input:not([type=hidden]), svg, meter')]
            .filter(e => !(e.textContent.trim() && e.matches('a, button')) && !e.getAttribute('aria-label')
                && !(e.labels && e.labels.length)).map(e => e.outerHTML.slice(0, 120))"""
        )
        assert nameless == [], path
