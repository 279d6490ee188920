"""A browser for the tests of the page, and a page in it that must not complain."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from parts.chromium import chromium
from playwright.sync_api import Browser, BrowserContext, Page, expect

DEADLINE_MS = 30_000
WALL = (1920, 1080)

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
