"""Where an identity is written: a TOML file, of which all else stays as it is, or OpenWrt's UCI."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from schoolpulse_agent.disk import Disk
from schoolpulse_agent.enroll_words import EnrollTrouble
from schoolpulse_agent.toml_table import read_table

UCI_FILE = Path("/etc/config/schoolpulse-agent")
UCI_CONFIG = Path("/var/etc/schoolpulse-agent.toml")
"""What the init script makes of `UCI_FILE`."""
_TABLE = re.compile(r"\s*\[")


class Present(NamedTuple):
    """What is configured by now; empty where nothing is."""

    agent_id: str
    state_dir: str


class Target(Protocol):
    """A place for an identity."""

    def present(self) -> Present:
        """What is there."""
        ...

    def check(self) -> None:
        """Raise where `write` would not work, before a code is used up.

        Raises:
            EnrollTrouble: it would not.
        """
        ...

    def write(self, agent: dict[str, str], broker: dict[str, str]) -> None:
        """Set these keys of ``[agent]`` and ``[broker]``; an empty value takes the key away.

        Raises:
            EnrollTrouble: it could not be written.
        """
        ...


class TomlTarget:
    """A configuration file.

    Args:
        path: of the file, which need not be there.
        disk: the file system.
    """

    def __init__(self, path: Path, disk: Disk) -> None:
        self.path = path
        self._disk = disk

    def present(self) -> Present:
        """What is in the file."""
        agent = self._values(self._text()).get("agent")
        agent = agent if isinstance(agent, dict) else {}
        return Present(str(agent.get("id", "")), str(agent.get("state_dir", "")))

    def check(self) -> None:
        """Try the editing on paper."""
        self._edited({"id": "probe-1"}, {"url": "mqtts://probe.example", "username": "probe-1"})

    def write(self, agent: dict[str, str], broker: dict[str, str]) -> None:
        """Replace the file, all or nothing, for its owner alone to read."""
        text = self._edited(agent, broker)
        try:
            self._disk.make_folder(self.path.parent)
            self._disk.replace(self.path, text.encode())
        except OSError as error:
            raise EnrollTrouble("write", why=str(error)) from error

    def _edited(self, agent: dict[str, str], broker: dict[str, str]) -> str:
        text = self._text()
        before = self._values(text)
        for name, values in (("agent", agent), ("broker", broker)):
            text = edit(text, name, values)
        after = self._values(text)
        for name, values in (("agent", agent), ("broker", broker)):
            table = before.setdefault(name, {})
            if not isinstance(table, dict):
                raise EnrollTrouble("edit", where=str(self.path), why=f"[{name}]")
            for key, value in values.items():
                table.pop(key, None)
                table.update({key: value} if value else {})
        if after != before:
            raise EnrollTrouble("edit", where=str(self.path), why="TOML")
        return text

    def _text(self) -> str:
        try:
            return self._disk.read(self.path).decode("utf-8")
        except FileNotFoundError:
            return ""
        except (OSError, UnicodeDecodeError) as error:
            raise EnrollTrouble("edit", where=str(self.path), why=str(error)) from error

    def _values(self, text: str) -> dict[str, Any]:
        table = read_table(text.encode())
        if table.mistakes.problems:
            raise EnrollTrouble("edit", where=str(self.path), why=str(table.mistakes.problems[0]))
        return table.values


def edit(text: str, table: str, values: dict[str, str]) -> str:
    """`text` with the keys of one table set, or taken away where the value is empty; all else as it was."""
    lines = text.splitlines()
    header = re.compile(rf"\s*\[\s*{table}\s*\]\s*(#.*)?$")
    start = next((at for at, line in enumerate(lines) if header.match(line)), None)
    if start is None:
        lines += ([""] if lines and lines[-1].strip() else []) + [f"[{table}]"]
        start = len(lines) - 1
    end = next((at for at in range(start + 1, len(lines)) if _TABLE.match(lines[at])), len(lines))
    body = lines[start + 1 : end]
    added = []
    for key, value in values.items():
        known = [at for at, line in enumerate(body) if re.match(rf"\s*{key}\s*=", line)]
        line = f'{key} = "{value}"'
        if known and value:
            body[known[0]] = line
        elif known:
            del body[known[0]]
        elif value:
            added.append(line)
    return "\n".join([*lines[: start + 1], *added, *body, *lines[end:]]) + "\n"


class UciTarget:
    """OpenWrt's configuration, through its own tool; the init script makes the TOML of it.

    Args:
        uci: the program.
    """

    def __init__(self, uci: str = "uci") -> None:
        self._uci = uci

    def present(self) -> Present:
        """What is set."""
        return Present(self._get("agent.id"), self._get("agent.state_dir"))

    def check(self) -> None:
        """Whether the tool is there."""
        if shutil.which(self._uci) is None:
            raise EnrollTrouble("edit", where=str(UCI_FILE), why=self._uci)

    def write(self, agent: dict[str, str], broker: dict[str, str]) -> None:
        """One batch with one commit."""
        lines = ["set schoolpulse-agent.agent=agent", "set schoolpulse-agent.broker=broker"]
        for section, values in (("agent", {**agent, "enabled": "1"}), ("broker", broker)):
            for key, value in values.items():
                name = f"schoolpulse-agent.{section}.{key}"
                lines.append(f"set {name}='{value}'" if value else f"delete {name}")
        lines.append("commit schoolpulse-agent")
        done = self._run("-q", "batch", given="\n".join(lines) + "\n")
        if self._get("agent.id") != agent["id"]:
            raise EnrollTrouble("write", why=(done.stderr or "uci").strip()[:200])

    def _get(self, name: str) -> str:
        return self._run("-q", "get", f"schoolpulse-agent.{name}").stdout.strip()

    def _run(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(  # noqa: S603  # OpenWrt's own tool, with words of our own
                [self._uci, *arguments],
                input=given,
                capture_output=True,
                text=True,
                check=False,
                timeout=30,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise EnrollTrouble("write", why=str(error)) from error
