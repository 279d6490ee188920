"""The demonstration as a newcomer sees it: an address, a living district, a cut, a webhook, and Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import urllib3


def test_the_demo_shows_a_cut_and_leaves_nothing_behind(tmp_path: Path) -> None:
    summary_file = tmp_path / "out.json"
    arguments = ["demo", "--schools", "12", "--summary", str(summary_file)]
    demo = subprocess.Popen(
        [sys.executable, "-m", "schoolpulse", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        start_new_session=True,
    )
    assert demo.stdout is not None
    children: list[psutil.Process] = []
    try:
        first = demo.stdout.readline()
        found = re.match(r"SchoolPulse: (http://127\.0\.0\.1:(\d+)/)", first)
        assert found, f"the page's address comes first, not {first!r}"
        seen = ""
        for line in demo.stdout:
            seen += line
            if "the first point is on the page" in line:
                schools = urllib3.request("GET", found[1] + "api/v1/schools").json()["items"]
                assert len(schools) == 13, "twelve simulated ones and this machine"
                children = psutil.Process(demo.pid).children(recursive=True)
                assert len(children) >= 3, "broker, district and agent are processes of their own"
            if "webhook   incident.opened" in line:
                break
        assert "line_cut begins" in seen
        # What a terminal's Ctrl-C does: to the whole foreground group at once.
        os.killpg(demo.pid, signal.SIGINT)
        rest = demo.communicate(timeout=120)[0]
    finally:
        demo.kill()
        demo.wait()
    assert demo.returncode == 0, seen + rest
    summary = json.loads(summary_file.read_text())
    assert summary["agents"] == 13
    assert summary["points_sent"] == summary["points_stored"] > 0
    assert (summary["points_lost"], summary["points_duplicated"]) == (0, 0)
    assert summary["incidents"] >= 1
    assert summary["webhooks_delivered"] >= 1
    assert summary["first_point_s"] > 0
    assert not psutil.wait_procs(children, timeout=30)[1], "a process was left behind"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"], "a file was left behind"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(found[2])), timeout=10)
