"""``schoolpulse-sim``: the simulated district from the command line."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from schoolpulse.errors import SchoolPulseError, UsageError
from schoolpulse_sim.options import parser
from schoolpulse_sim.scenario import library, load_scenario
from schoolpulse_sim.timing import DAY, span_ms
from schoolpulse_sim.truth import to_text

READY_TIMEOUT_S = 180.0


def main(argv: list[str] | None = None) -> int:
    """Run one command; the exit status (0 done, 1 failed while running, 2 wrong usage)."""
    options = parser().parse_args(argv)
    level = logging.DEBUG if options.verbose else logging.INFO
    logging.basicConfig(
        level=level, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )
    try:
        return _COMMANDS[options.command](options)
    except UsageError as error:
        hint = (f"hint: {error.hint}",) if error.hint else ()
        sys.stderr.write("\n  ".join((f"schoolpulse-sim: {error}", *map(str, error.problems), *hint)) + "\n")
        return 2
    except (SchoolPulseError, OSError) as error:
        sys.stderr.write(f"schoolpulse-sim: {error}\n")
        return 1


def _say(message: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(message, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _run(options: argparse.Namespace) -> int:
    from schoolpulse_sim.net import Broker  # noqa: PLC0415 - other commands do without paho

    version = 5 if options.mqtt == "5" else 4
    broker = Broker.of(options.broker, version=version, ca_file=options.ca)
    duration_s = _seconds(options.duration) if options.duration else float("inf")
    simulation = _simulation(options, broker)
    if options.classrooms:
        Path(options.classrooms).write_bytes(simulation.district.classrooms_csv())
    if options.registry:
        Path(options.registry).write_bytes(simulation.district.registry_csv())
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    simulation.start()
    ready = threading.Thread(target=_tell_ready, args=(simulation, done), daemon=True)
    ready.start()
    ends_s = time.monotonic() + duration_s
    while simulation.alive and not done.is_set() and time.monotonic() < ends_s:
        done.wait(min(1.0, max(0.0, ends_s - time.monotonic())))
    done.set()
    simulation.stop()
    ready.join()
    summary = simulation.stats() | {"truths": len(simulation.truth), "start": simulation.start_ms}
    summary |= {"end": simulation.end_ms}
    if options.truth:
        Path(options.truth).write_text(to_text(simulation.truth), "utf-8")
    if options.summary:
        Path(options.summary).write_text(json.dumps(summary) + "\n", "utf-8")
    _say(summary)
    return 0 if simulation.error is None else 1


def _simulation(options: argparse.Namespace, broker: Any) -> Any:
    if options.fidelity == "model":
        from schoolpulse_sim.run import Simulation  # noqa: PLC0415 - only what is needed is loaded

        return Simulation(options.scenario, broker, seed=options.seed, schools=options.schools)
    from schoolpulse_sim.full.district import FullDistrict  # noqa: PLC0415 - the same

    if options.folder is None:
        raise UsageError("--folder DIR is missing", hint="real agents keep their spools in it")
    scenario = load_scenario(options.scenario).sized(options.schools)
    return FullDistrict(scenario, broker, options.folder, seed=options.seed)


def _tell_ready(simulation: Any, done: threading.Event) -> None:
    while not done.is_set():
        if simulation.wait_ready(0.2):
            stats = simulation.stats()
            ready = {"ready": True, "agents": stats["agents"], "connect_s": simulation.connect_s}
            _say(ready | {"start": simulation.start_ms, "pid": os.getpid()})
            return


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return span_ms(text) / 1000
    except ValueError as error:
        raise UsageError(f"{text!r}: not {error}") from error


def _plan(options: argparse.Namespace) -> Any:
    from schoolpulse_sim.generate import Plan  # noqa: PLC0415 - other commands do without

    if options.days is not None and options.days <= 0:
        raise UsageError("--days: more than 0")
    scenario = load_scenario(options.scenario).sized(options.schools)
    length_ms = None if options.days is None else round(options.days * DAY)
    return Plan(scenario, options.seed, length_ms=length_ms)


def _describe(options: argparse.Namespace) -> int:
    from schoolpulse_sim.describe import describe  # noqa: PLC0415 - other commands do without

    sys.stdout.writelines(f"{line}\n" for line in describe(_plan(options)))
    return 0


def _picture(options: argparse.Namespace) -> int:
    from schoolpulse_sim.picture import picture, read_lines  # noqa: PLC0415 - other commands do without

    incidents = read_lines(options.incidents) if options.incidents else []
    options.out.write_text(picture(read_lines(options.truth), incidents, options.title), "utf-8")
    return 0


def _generate(options: argparse.Namespace) -> int:
    from schoolpulse_sim.generate import write  # noqa: PLC0415 - other commands do without
    from schoolpulse_sim.parallel import jobs_for, parallel_traffic  # noqa: PLC0415 - the same

    if options.describe:
        return _describe(options)
    if options.events is None:
        raise UsageError("--events FILE is missing", hint="or --describe")
    began_s = time.monotonic()
    plan = _plan(options)
    if options.classrooms:
        options.classrooms.write_bytes(plan.district.classrooms_csv())
    if options.registry:
        options.registry.write_bytes(plan.district.registry_csv())
    truth = plan.truth_text()
    if options.truth:
        options.truth.write_bytes(truth.encode())
    jobs = options.jobs or jobs_for(plan)
    messages, size = write(parallel_traffic(plan, options.density, jobs), options.events)
    figures = {"schools": len(plan.district.schools), "messages": messages, "bytes": size}
    figures |= {"file_bytes": options.events.stat().st_size, "truths": truth.count("\n")}
    _say(
        figures
        | {"start": plan.start_ms, "end": plan.end_ms, "seconds": round(time.monotonic() - began_s, 1)}
    )
    return 0


def _fleet(options: argparse.Namespace) -> int:
    from schoolpulse_agent.settings import BatchSettings, broker_at  # noqa: PLC0415 - other commands do without
    from schoolpulse_sim.fleet import Fleet, FleetSettings  # noqa: PLC0415 - the same

    broker = broker_at(
        options.broker,
        protocol=options.mqtt,
        keepalive_s=max(1, round(_seconds(options.keepalive))),
        reconnect_spread_s=_seconds(options.reconnect),
        reconnect_max_s=_seconds(options.reconnect) * 4,
    )
    batch = BatchSettings(
        interval_s=_seconds(options.interval),
        backlog_per_s=options.backlog_per_s,
        confirm_timeout_s=_seconds(options.confirm_timeout),
    )
    settings = FleetSettings(
        folder=options.folder,
        gateways=options.gateways,
        first=options.first,
        interval_s=_seconds(options.interval),
        points=options.points,
        stop_file=options.stop_file,
        batch=batch,
    )
    fleet = Fleet(settings, broker)
    signal.signal(signal.SIGUSR1, lambda *_: fleet.halt())
    _say({"ready": True, "agents": fleet.agent_ids, "pid": os.getpid()})
    _say(fleet.run())
    return 0


def _snmp(options: argparse.Namespace) -> int:
    try:
        from schoolpulse_sim.snmp.command import serve  # noqa: PLC0415 - pysnmp is optional
    except ModuleNotFoundError as error:
        raise UsageError(f"{error.name} is not installed", hint="pip install 'schoolpulse[snmp]'") from error
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    serve(options, done, lambda: _say({"ready": True, "port": options.port, "pid": os.getpid()}))
    return 0


def _scenarios(options: argparse.Namespace) -> int:
    del options
    for name in library():
        sys.stdout.write(f"{name:22} {load_scenario(name).scenario.title}\n")
    return 0


_COMMANDS = {
    "run": _run,
    "generate": _generate,
    "picture": _picture,
    "describe": _describe,
    "fleet": _fleet,
    "snmp": _snmp,
    "scenarios": _scenarios,
}

if __name__ == "__main__":
    sys.exit(main())
