"""A browser for the tests of the page, and a page in it that must not complain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from page_backend import Backend, lively, served
from page_real import RealPage, real_page
from parts.chromium import chromium
from playwright.sync_api import Browser, BrowserContext, Page, expect
from receivers import Receiver, receiver

DEADLINE_MS = 30_000
WALL = (1920, 1080)

CUT_AT_S = 20
ON_THE_WALL = """() => new Promise((resolve) => {
  const look = () => {
    const tile = document.querySelector('.tile[data-status="down"]');
    if (!tile) return false;
    resolve({ at: Date.now(), school: tile.closest("[data-school]").dataset.school });
    return true;
  };
  if (!look()) new MutationObserver((_, seen) => look() && seen.disconnect())
    .observe(document.body, { subtree: true, attributes: true, childList: true });
})"""
"""When a school first stands on the wall as down, and which."""

expect.set_options(timeout=DEADLINE_MS)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": WALL[0], "height": WALL[1]}, timezone_id="America/Lima")
    context.set_default_timeout(DEADLINE_MS)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page that must not complain, neither of our scripts nor of what the policy forbids."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console",
        lambda message: complaints.append(message.text) if message.type in {"error", "warning"} else None,
    )
    yield page
    # Not ours: a server that was stopped on purpose, what it refuses, and that tests look at pixels.
    expected = ("ERR_", "getImageData", "the server responded with a status of 4")
    assert [one for one in complaints if not any(word in one for word in expected)] == []


@pytest.fixture(scope="package")
def told() -> Iterator[Receiver]:
    with receiver() as found:
        yield found


@pytest.fixture(scope="package")
def real(tmp_path_factory: pytest.TempPathFactory, told: Receiver) -> Iterator[RealPage]:
    """A collector that knows its district; the tests below start it living, each goes on from the other."""
    folder = tmp_path_factory.mktemp("real")
    with real_page(folder, webhook=told.url, cut_at_s=CUT_AT_S) as found:
        yield found


@pytest.fixture(scope="package")
def outage(real: RealPage, browser: Browser) -> Iterator[tuple[str, int]]:
    """An outage as it appears on a wall that was open before: the school, and when by the browser's clock."""
    context = browser.new_context(viewport={"width": 1920, "height": 1080})
    wall = context.new_page()
    wall.goto(real.address)
    expect(wall.locator(".tile")).to_have_count(12)
    wall.set_default_timeout(120_000)
    with real.simulated():
        seen = wall.evaluate(ON_THE_WALL)
        yield seen["school"], seen["at"]
    context.close()


@pytest.fixture
def backend() -> Backend:
    return lively(40)


@pytest.fixture
def address(backend: Backend) -> Iterator[str]:
    with served(backend) as found:
        yield found
