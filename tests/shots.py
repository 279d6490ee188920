"""Pictures of every page, to look at: ``python tests/shots.py FOLDER [--pages wall,list] [--schools 40]``.

Each in both languages, on a phone, a laptop and a wall, dark; with ``--light`` on light ground.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from page_backend import lively, served
from page_paths import ACTING, STRANGE, acting, strange, watching
from page_real import real_page
from parts.chromium import chromium
from playwright.sync_api import Browser
from receivers import receiver

SIZES = {"phone": (390, 844), "laptop": (1366, 768), "wall": (1920, 1080)}
LANGUAGES = ("vi", "en")
LOADED = "#pulse[data-state=live], #pulse[hidden], .login form"
SETTLED = "() => !document.querySelector('.loading:not([hidden])') && document.fonts.status === 'loaded'"


def shoot(
    browser: Browser,
    address: str,
    pages: dict[str, str],
    folder: Path,
    *,
    theme: str = "dark",
    sizes: str = "",
) -> Iterator[Path]:
    """Takes the pictures, giving the path of each; of `sizes` only, where they are named."""
    for size, (width, height) in SIZES.items():
        if not pages or (sizes and size not in sizes.split(",")):
            continue
        context = browser.new_context(
            viewport={"width": width, "height": height}, timezone_id="Asia/Ho_Chi_Minh"
        )
        for language in LANGUAGES:
            for name, path in pages.items():
                page = context.new_page()
                joint = "&" if "?" in path else "?"
                page.goto(f"{address}{path}{joint}lang={language}&theme={theme}")
                page.wait_for_selector(LOADED, state="attached")
                page.wait_for_function(SETTLED)
                page.wait_for_load_state("networkidle") if name.startswith("school") else None
                picture = folder / f"{name}-{language}-{size}-{theme}.png"
                page.screenshot(path=picture, full_page=size != "wall")
                yield picture
                page.close()
        context.close()


def scenes(
    stack: ExitStack, schools: int, wanted: Callable[[str], bool]
) -> Iterator[tuple[str, dict[str, str]]]:
    """What lies behind the wanted pages, one district after the other: its address, and the paths there."""

    def chosen(pages: dict[str, str]) -> dict[str, str]:
        return {name: path for name, path in pages.items() if wanted(name)}

    backend = lively(schools)
    if pages := chosen(watching(backend)):
        yield stack.enter_context(served(backend)), pages
    for name in filter(wanted, STRANGE):
        stranger, path = strange(name)
        yield stack.enter_context(served(stranger)), {name: path}
    if any(map(wanted, ACTING)):
        folder, told = Path(stack.enter_context(TemporaryDirectory())), stack.enter_context(receiver())
        page = stack.enter_context(real_page(folder, webhook=told.url))
        stack.enter_context(page.simulated())
        told.wait_for(lambda calls: len(calls) > 0, 120)
        yield page.address, chosen(acting(page))


def main() -> int:
    """Take them all."""
    parser = argparse.ArgumentParser(description="pictures of every page")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", default="", help="names, comma-separated; all without it")
    parser.add_argument("--sizes", default="", help="phone, laptop or wall, comma-separated; all without it")
    parser.add_argument("--schools", type=int, default=40)
    parser.add_argument("--light", action="store_true")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    named = set(args.pages.split(",")) if args.pages else None
    theme = "light" if args.light else "dark"
    with chromium() as browser, ExitStack() as stack:
        for address, pages in scenes(stack, args.schools, lambda name: named is None or name in named):
            for picture in shoot(browser, address, pages, args.folder, theme=theme, sizes=args.sizes):
                sys.stdout.write(f"{picture}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
