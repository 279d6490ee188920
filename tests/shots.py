"""Pictures of every page, to look at: ``python tests/shots.py FOLDER [--pages wall,list] [--schools 40]``.

Each in both languages, on a phone, a laptop and a wall, dark; with ``--light`` on light ground.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from page_backend import lively, served
from page_paths import acting, watching
from page_real import real_page
from parts.chromium import chromium
from playwright.sync_api import Browser
from receivers import receiver

SIZES = {"phone": (390, 844), "laptop": (1366, 768), "wall": (1920, 1080)}
LANGUAGES = ("vi", "en")
SETTLED = "() => !document.querySelector('.loading:not([hidden])') && document.fonts.status === 'loaded'"


def shoot(
    browser: Browser, address: str, pages: dict[str, str], folder: Path, *, theme: str = "dark"
) -> Iterator[Path]:
    """Takes the pictures, giving the path of each."""
    for size, (width, height) in SIZES.items():
        context = browser.new_context(
            viewport={"width": width, "height": height}, timezone_id="Asia/Ho_Chi_Minh"
        )
        for language in LANGUAGES:
            for name, path in pages.items():
                page = context.new_page()
                joint = "&" if "?" in path else "?"
                page.goto(f"{address}{path}{joint}lang={language}&theme={theme}")
                page.wait_for_selector("#pulse[data-state=live], #pulse[hidden]", state="attached")
                page.wait_for_function(SETTLED)
                page.wait_for_load_state("networkidle") if name.startswith("school") else None
                picture = folder / f"{name}-{language}-{size}-{theme}.png"
                page.screenshot(path=picture, full_page=size != "wall" and name != "wall")
                yield picture
                page.close()
        context.close()


def main() -> int:
    """Take them all."""
    parser = argparse.ArgumentParser(description="pictures of every page")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pages", default="", help="names, comma-separated; all without it")
    parser.add_argument("--schools", type=int, default=40)
    parser.add_argument("--light", action="store_true")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    wanted = set(args.pages.split(",")) if args.pages else None
    theme = "light" if args.light else "dark"

    def chosen(pages: dict[str, str]) -> dict[str, str]:
        return {name: path for name, path in pages.items() if wanted is None or name in wanted}

    backend = lively(args.schools)
    with chromium() as browser:
        with served(backend) as address:
            for picture in shoot(browser, address, chosen(watching(backend)), args.folder, theme=theme):
                sys.stdout.write(f"{picture}\n")
        with (
            TemporaryDirectory() as folder,
            receiver() as told,
            real_page(Path(folder), webhook=told.url) as page,
            page.simulated(),
        ):
            told.wait_for(lambda calls: len(calls) > 0, 120)
            for picture in shoot(browser, page.address, chosen(acting(page)), args.folder, theme=theme):
                sys.stdout.write(f"{picture}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
