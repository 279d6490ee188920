"""axe-core on every page, in both languages, on dark and light ground: no serious problem."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
from page_backend import lively, served
from page_paths import ACTING, STRANGE, acting, strange, watching
from page_real import RealPage
from playwright.sync_api import Page

WATCHING = ("wall", "list", "map", "school", "incidents", "incident", "health")
SETTLED = (
    "() => document.querySelector('#pulse[data-state=live], #pulse[hidden], .login form')"
    " && !document.querySelector('.loading:not([hidden])')"
)
LOOK = """async (rules) => {
  const options = { resultTypes: ["violations"] };
  if (rules) options.runOnly = rules;
  const { violations } = await window.axe.run(document, options);
  return violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => [id, nodes.slice(0, 4).map(({ html, any }) => [html, any[0]?.message])]);
}"""
"""What axe calls serious or worse. On the other ground only colours differ, so only they are looked at."""


def problems(page: Page, address: str) -> list[Any]:
    """What axe has against the page there. Colours do not depend on the language."""
    script = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
    found = []
    for language in ("vi", "en"):
        joint = "&" if "?" in address else "?"
        page.goto(f"{address}{joint}lang={language}&theme=dark")
        page.wait_for_function(SETTLED)
        page.evaluate(script)
        found += page.evaluate(LOOK, None)
    page.locator("#theme").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    found += page.evaluate(LOOK, ["color-contrast", "link-in-text-block"])
    page.evaluate("localStorage.clear()")
    return found


@pytest.fixture(scope="module")
def watched() -> Iterator[dict[str, str]]:
    backend = lively(40)
    with served(backend) as address:
        yield {name: address + path for name, path in watching(backend).items()}


@pytest.mark.parametrize("name", WATCHING)
def test_a_page_that_shows_has_no_serious_problem(page: Page, watched: dict[str, str], name: str) -> None:
    assert problems(page, watched[name]) == []


@pytest.mark.parametrize("name", STRANGE)
def test_a_page_for_strangers_has_no_serious_problem(page: Page, name: str) -> None:
    backend, path = strange(name)
    with served(backend) as address:
        assert problems(page, address + path) == []


@pytest.mark.parametrize("name", ACTING)
def test_a_page_to_act_on_has_no_serious_problem(
    page: Page, real: RealPage, outage: tuple[str, int], name: str
) -> None:
    assert outage
    assert problems(page, real.address + acting(real)[name]) == []


def test_dialogues_and_refusals_have_no_serious_problem(page: Page, real: RealPage) -> None:
    script = (files("axe_playwright_python") / "axe.min.js").read_text("utf-8")
    asked = {"/maintenance": "Announce work", "/users": "Add somebody"}
    for path, button in asked.items():
        page.goto(f"{real.address}{path}?lang=en")
        page.get_by_role("button", name=button).click()
        dialog = page.get_by_role("dialog")
        for field in dialog.locator("[required]").all():
            field.fill("2026-01-01T10:00" if "datetime" in str(field.get_attribute("type")) else "x")
        dialog.get_by_role("button", name=button).click()
        dialog.get_by_role("alert").wait_for()
        page.evaluate(script)
        assert page.evaluate(LOOK, None) == []


def test_a_code_that_is_shown_has_no_serious_problem(page: Page, real: RealPage) -> None:
    page.goto(f"{real.address}/agents?lang=en")
    row = page.locator(f'#table tr[data-key="{real.district.schools[2].agent_id}"]')
    row.get_by_role("button", name="New code").click()
    page.get_by_role("dialog").get_by_role("button", name="Make an enrolment code").click()
    page.locator("dialog .code").wait_for()
    page.evaluate((files("axe_playwright_python") / "axe.min.js").read_text("utf-8"))
    assert page.evaluate(LOOK, None) == []
