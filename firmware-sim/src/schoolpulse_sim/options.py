"""The command line's options, one function a command."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

Commands = Any
"""What `argparse` gives for sub-commands; it has no public name."""


def parser() -> argparse.ArgumentParser:
    """The whole command line; the chosen command's name is in ``command``."""
    whole = argparse.ArgumentParser(prog="schoolpulse-sim", description="A simulated district of schools.")
    whole.add_argument("--verbose", action="store_true", help="log more")
    commands = whole.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add in (_run, _generate, _picture, _describe, _fleet, _snmp, _scenarios):
        add(commands)
    return whole


def _run(commands: Commands) -> None:
    run = commands.add_parser("run", help="in real time, over real MQTT")
    _scenario_options(run)
    run.add_argument(
        "--broker", required=True, metavar="URL", help="mqtt://host:1883 or mqtts://user:pw@host:8883"
    )
    run.add_argument("--ca", metavar="FILE", help="certificate authority of an mqtts broker")
    run.add_argument("--mqtt", choices=("5", "3.1.1"), default="5", help="protocol version (default 5)")
    run.add_argument(
        "--fidelity", choices=("model", "full"), default="model", help="full: real agent processes"
    )
    run.add_argument(
        "--folder", type=Path, metavar="DIR", help="state of the real agents (with --fidelity full)"
    )
    run.add_argument("--truth", metavar="FILE", help="what really happened, written at the end")
    run.add_argument("--registry", metavar="FILE", help="the district as a registry CSV, written at once")
    run.add_argument("--classrooms", metavar="FILE", help="the agents in classrooms as CSV, written at once")
    run.add_argument("--duration", metavar="S", help="end by itself: seconds, or a span such as 10m")
    run.add_argument("--summary", metavar="FILE", help="the figures as JSON, written at the end")
    run.set_defaults(command="run")


def _generate(commands: Commands) -> None:
    make = commands.add_parser("generate", help="in virtual time, to files")
    _scenario_options(make)
    make.add_argument("--days", type=float, metavar="D", help="how long, where not as the scenario says")
    make.add_argument(
        "--density", choices=("full", "evidence"), default="full", help="evidence: thinned probes"
    )
    make.add_argument("--describe", action="store_true", help="print the timeline and make nothing")
    make.add_argument("--events", type=Path, metavar="FILE", help="traffic; .gz compresses")
    make.add_argument("--truth", type=Path, metavar="FILE", help="what really happened")
    make.add_argument("--registry", type=Path, metavar="FILE", help="the district as a registry CSV")
    make.add_argument("--classrooms", type=Path, metavar="FILE", help="the agents in classrooms as CSV")
    make.add_argument("--jobs", type=int, metavar="N", help="processes (default: as many as are worth it)")
    make.set_defaults(command="generate")


def _picture(commands: Commands) -> None:
    draw = commands.add_parser("picture", help="truth beside incidents as an HTML file")
    draw.add_argument("--truth", required=True, type=Path, metavar="FILE", help="truth.jsonl")
    draw.add_argument("--incidents", type=Path, metavar="FILE", help="incidents.jsonl")
    draw.add_argument("--out", required=True, type=Path, metavar="FILE.html", help="written")
    draw.add_argument("--title", default="Truth and incidents", help="heading of the page")
    draw.set_defaults(command="picture")


def _describe(commands: Commands) -> None:
    describing = commands.add_parser("describe", help="a scenario as a readable timeline")
    _scenario_options(describing)
    describing.add_argument(
        "--days", type=float, metavar="D", help="how long, where not as the scenario says"
    )
    describing.set_defaults(command="describe")


def _fleet(commands: Commands) -> None:
    fleet = commands.add_parser(
        "fleet", help="gateways with the real spool and publisher, to be killed at will"
    )
    fleet.add_argument("--broker", required=True, metavar="URL", help="mqtt://host:1883")
    fleet.add_argument("--folder", required=True, type=Path, help="spools and ledgers, one folder a gateway")
    fleet.add_argument("--gateways", type=int, default=10, metavar="K", help="how many (default 10)")
    fleet.add_argument("--first", type=int, default=1, metavar="N", help="number of the first (default 1)")
    fleet.add_argument("--interval", default="500ms", help="between two batches of a gateway (default 500ms)")
    fleet.add_argument("--points", type=int, default=10, help="in a batch (default 10)")
    fleet.add_argument(
        "--stop-file", type=Path, metavar="FILE", help="ends appending once it is there, as SIGUSR1 does"
    )
    fleet.add_argument("--mqtt", choices=("5", "3.1.1"), default="5", help="protocol version (default 5)")
    fleet.add_argument("--keepalive", default="10s", help="MQTT keepalive (default 10s)")
    fleet.add_argument("--reconnect", default="1s", help="spread of the first try to reconnect (default 1s)")
    fleet.add_argument("--confirm-timeout", default="5s", help="until a batch is sent again (default 5s)")
    fleet.add_argument(
        "--backlog-per-s", type=float, default=200.0, help="old batches a second (default 200)"
    )
    fleet.set_defaults(command="fleet")


def _snmp(commands: Commands) -> None:
    snmp = commands.add_parser("snmp", help="a simulated device answering SNMP")
    snmp.add_argument("--profile", required=True, metavar="NAME", help="switch, access_point, ups or printer")
    snmp.add_argument("--port", required=True, type=int, metavar="P", help="UDP port")
    snmp.add_argument("--host", default="127.0.0.1", help="address to answer on (default 127.0.0.1)")
    snmp.add_argument("--name", metavar="NAME", help="the device's name (default: the profile's, number 1)")
    snmp.add_argument("--scenario", metavar="FILE|NAME", help="what happens to its school, from now on")
    snmp.add_argument("--school", metavar="ID", help="which school it stands in (default: the first)")
    snmp.add_argument("--seed", type=int, default=1, help="all chance depends on it (default 1)")
    snmp.add_argument("--community", default="public", help="for v1 and v2c (default public)")
    snmp.add_argument("--user", default="simulated", help="for v3, SHA and AES (default simulated)")
    snmp.add_argument("--auth-key", default="simulated-auth", help="default simulated-auth")
    snmp.add_argument("--priv-key", default="simulated-priv", help="default simulated-priv")
    snmp.set_defaults(command="snmp")


def _scenarios(commands: Commands) -> None:
    listing = commands.add_parser("scenarios", help="the scenarios that come along")
    listing.set_defaults(command="scenarios")


def _scenario_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--scenario", required=True, metavar="FILE|NAME", help="a file, or one of the library"
    )
    parser.add_argument("--seed", type=int, default=1, help="all chance depends on it (default 1)")
    parser.add_argument("--schools", type=int, metavar="N", help="how many, where not as the scenario says")
