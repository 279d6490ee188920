"""What is put off is not loaded until it is used, and then works as if it had been."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def run(code: str) -> str:
    """What `code` prints in a fresh interpreter."""
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(code)]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def test_a_running_agent_loads_no_http_client() -> None:
    out = run("""
        import sys
        from schoolpulse_agent import late
        late.postpone(*late.RARELY_USED)
        import schoolpulse_agent.runner
        print(sorted({"http.client", "email", "tempfile", "lzma"} & set(sys.modules)))
    """)
    assert out == "[]\n"


def test_a_tool_that_is_missing_costs_no_memory() -> None:
    out = run("""
        import sys
        sys.modules.pop("subprocess", None)
        from schoolpulse_agent.probes import tools
        print(tools.run(["no-such-tool-anywhere"]).missing, "subprocess" in sys.modules)
    """)
    assert out == "True False\n"


def test_a_module_that_was_put_off_works_when_it_is_used() -> None:
    out = run("""
        import sys
        from schoolpulse_agent import late
        late.postpone("urllib.request", "uuid", "json")
        import urllib.request, uuid
        held = uuid
        print("http.client" in sys.modules, hasattr(urllib.request, "no_such_thing"))
        print(urllib.request.Request("http://a.example/").host, held.uuid4().version, held.uuid4().version)
        from urllib.request import urlopen
        import json
        print(urlopen.__module__, sys.modules["urllib.request"] is urllib.request, json.dumps([1]))
    """)
    assert out == "False False\na.example 4 4\nurllib.request True [1]\n"
