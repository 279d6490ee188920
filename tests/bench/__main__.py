"""``make bench``: run the benchmarks, a JSON line a figure on standard output."""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pkgutil import iter_modules

import bench


def main() -> int:
    """Run the named benchmarks, or all of them; the exit status is 0 when each came to its end."""
    names = sorted(module.name for module in iter_modules(bench.__path__) if not module.name.startswith("_"))
    parser = argparse.ArgumentParser(prog="make bench", description="a JSON line a figure")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; all without any")
    chosen = parser.parse_args().names or names
    if unknown := sorted(set(chosen) - set(names)):
        parser.error(f"no such benchmark: {', '.join(unknown)}")
    for name in chosen:
        sys.stderr.write(f"bench: {name} ...\n")
        for figure in import_module(f"bench.{name}").run():
            sys.stdout.write(json.dumps({"bench": name, **figure}, ensure_ascii=False) + "\n")
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
