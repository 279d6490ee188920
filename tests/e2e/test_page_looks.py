"""Wall and school page fit every screen, stand out from their ground, and keep still where that is wished."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from page_backend import Backend, lively, served
from page_paths import COLOURS, online, with_status
from playwright.sync_api import Browser, Page, expect

from schoolpulse.incidents.model import Cause, IncidentKind, SchoolStatus

WALL, LAPTOP, PHONE = (1920, 1080), (1366, 768), (390, 844)


@pytest.mark.parametrize(
    ("schools", "size", "language"),
    [
        (40, WALL, "vi"),
        (40, WALL, "en"),
        (40, LAPTOP, "en"),
        (40, PHONE, "vi"),
        (40, PHONE, "en"),
        (200, WALL, "vi"),
        (200, LAPTOP, "vi"),
        (200, PHONE, "en"),
    ],
)
def test_it_fits_every_screen(
    page: Page, tmp_path: Path, size: tuple[int, int], schools: int, language: str
) -> None:
    backend = lively(schools)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    with served(backend) as address:
        page.goto(f"{address}/?lang={language}")
        expect(page.locator(".tile")).to_have_count(schools)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        if size != PHONE:
            assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        if size == WALL:
            assert page.evaluate(OUTSIDE) == []
        page.screenshot(path=tmp_path / f"wall-{schools}-{language}.png")
        page.goto(f"{address}/schools/{with_status(backend, SchoolStatus.DOWN).id}")
        page.wait_for_function(COLOURS, arg="#chart-latency canvas")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


OUTSIDE = """() => {
  const board = document.querySelector(".board").getBoundingClientRect();
  return [...document.querySelectorAll(".tile")]
    .filter((tile) => {
      const box = tile.getBoundingClientRect();
      const name = tile.querySelector(".name");
      return box.bottom > board.bottom + 1 || box.right > board.right + 1
        || name.scrollHeight > name.clientHeight + 2 || parseFloat(getComputedStyle(name).fontSize) < 12;
    })
    .map((tile) => tile.textContent);
}"""
"""Tiles that stick out, cut their name off, or are written too small for a wall."""


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_every_text_stands_out_from_its_ground(page: Page, address: str, theme: str) -> None:
    """WCAG AA: 4.5 to 1, or 3 to 1 for large letters."""
    page.goto(f"{address}/?theme={theme}")
    expect(page.locator(".tile")).to_have_count(40)
    assert page.evaluate(FAINT) == []
    for status in ("down", "on_backup", "degraded", "online", "unknown"):
        page.goto(f"{address}/?theme={theme}")
        page.locator(f'.tile[data-status="{status}"]').first.click()
        page.evaluate("(theme) => localStorage.setItem('theme', theme)", theme)
        page.reload()
        expect(page.locator(f'#hero[data-status="{status}"]')).to_be_visible()
        expect(page.locator("#reach dd").first).to_be_visible()
        assert page.evaluate(FAINT) == [], status


FAINT = """() => {
  const scratch = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (text) => {
    scratch.clearRect(0, 0, 1, 1);
    scratch.fillStyle = text;
    scratch.fillRect(0, 0, 1, 1);
    return [...scratch.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => {
    const linear = (c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    const [r, g, b] = color.map((c) => linear(c / 255));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const grounds = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      const stripes = style.backgroundImage.match(/rgba?\\([^)]*\\)/g);
      if (stripes) return stripes.map(rgba);
      const color = rgba(style.backgroundColor);
      if (color[3] === 255) return [color];
    }
    return [[255, 255, 255, 255]];
  };
  const faint = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = texts.nextNode(); node; node = texts.nextNode()) {
    const element = node.parentElement;
    if (!node.data.trim() || !element.checkVisibility() || element.tagName === "NOSCRIPT") continue;
    const style = getComputedStyle(element);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 600) ? 3 : 4.5;
    for (const ground of grounds(element)) {
      const [a, b] = [light(rgba(style.color).slice(0, 3)), light(ground.slice(0, 3))];
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < needed) faint.push(`${node.data.trim()}: ${ratio.toFixed(2)}`);
    }
  }
  return [...new Set(faint)];
}"""
"""Texts whose contrast to what lies below them is too small."""


def test_who_wants_no_motion_gets_none(browser: Browser, backend: Backend, address: str) -> None:
    context = browser.new_context(reduced_motion="reduce")
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(address)
    school = online(backend)
    expect(page.locator(f'[data-school="{school.id}"] .tile')).to_be_visible()
    backend.opens(school, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.LINE_CUT)
    expect(page.locator(f'[data-school="{school.id}"] .tile')).to_have_class(re.compile("changed"))
    assert page.evaluate("document.getAnimations().length") == 0
    context.close()
