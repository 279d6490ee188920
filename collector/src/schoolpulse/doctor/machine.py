"""This machine and the collector on it: clock, room on the disk, whether every part is ready."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator

import urllib3

from schoolpulse.config import Config
from schoolpulse.doctor.findings import Finding, bad, ok, warn

TIMEOUT_S = 5.0


def look_at_clock() -> Finding:
    """Whether the kernel's clock is kept right by somebody."""
    program = shutil.which("timedatectl")
    if program is None:
        return warn("clock", "nothing here says whether the clock is right", "see that NTP runs")
    command = [program, "show", "--property=NTPSynchronized", "--value"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)  # noqa: S603 -- a fixed command
    if result.stdout.strip() == "yes":
        return ok("clock", "it is synchronised")
    return warn(
        "clock", "it is not synchronised", "timedatectl set-ntp true: samples ahead of it are refused"
    )


def look_at_disk(config: Config) -> Finding:
    """Whether the journal may grow as far as it is allowed to."""
    folder = next(path for path in (config.data_dir, *config.data_dir.parents) if path.exists())
    free = shutil.disk_usage(folder).free
    may_take = config.ingest.max_journal_bytes
    seen = f"{free / 2**30:.1f} GiB are free for the journal, which may take {may_take / 2**30:.1f}"
    if free < may_take // 10:
        return bad("disk", seen, "make room: at the end of it nothing is taken any more")
    if free < may_take:
        return warn("disk", seen, "make room, or lower [ingest] max_journal_bytes")
    return ok("disk", seen)


def look_at_collector(config: Config) -> Iterator[Finding]:
    """What the running collector says of its parts."""
    url = f"http://{config.http.host}:{config.http.port}/readyz"
    try:
        answer = urllib3.request("GET", url, timeout=TIMEOUT_S, retries=False)
        said = json.loads(answer.data)
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        yield bad(
            "collector", f"it does not answer at {url} ({type(error).__name__})", "start it, look at its log"
        )
        return
    parts = said.get("parts", said) if isinstance(said, dict) else {}
    trouble = {
        name: state
        for name, state in parts.items()
        if isinstance(state, str) and state not in {"ok", "ready"}
    }
    for name, state in trouble.items():
        yield bad("collector", f"{name}: {state}", "see the check of that part")
    if not trouble:
        yield ok("collector", "every part is ready")
