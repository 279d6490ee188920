"""The same traffic from several processes: each simulates its share of the schools, one merges."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.connection import Connection

from schoolpulse_sim.generate import Density, Line, Plan, traffic
from schoolpulse_sim.scenario import Scenario

WORTH_MS = 20 * 86_400_000
"""School-time below which one process is sooner done than several are started."""


def jobs_for(plan: Plan) -> int:
    """How many processes are worth it."""
    if (plan.end_ms - plan.start_ms) * len(plan.district.schools) < WORTH_MS:
        return 1
    return max(1, min(8, os.cpu_count() or 1))


def parallel_traffic(plan: Plan, density: Density, jobs: int) -> Iterator[list[Line]]:
    """The lines of `traffic`, made by `jobs` processes.

    A process that is ahead waits: what is in memory is one stretch a process.

    Raises:
        RuntimeError: one of the processes failed; its own traceback is on standard error.
    """
    if jobs <= 1:
        yield from traffic(plan, density)
        return
    context = multiprocessing.get_context("spawn")
    length_ms = plan.end_ms - plan.start_ms
    pipes: list[Connection] = []
    workers = []
    for number in range(jobs):
        here, there = context.Pipe(duplex=False)
        arguments = (there, plan.scenario, plan.seed, length_ms, density, (number, jobs))
        worker = context.Process(target=_work, args=arguments, daemon=True)
        worker.start()
        there.close()
        pipes.append(here)
        workers.append(worker)
    try:
        for _ in plan.steps():
            lines: list[Line] = []
            for pipe in pipes:
                lines += pipe.recv()
            lines.sort()
            yield lines
    except EOFError:
        raise RuntimeError("a process of the simulation has failed") from None
    finally:
        for pipe, worker in zip(pipes, workers, strict=True):
            pipe.close()
            worker.join()
            worker.close()


def _work(
    pipe: Connection, scenario: Scenario, seed: int, length_ms: int, density: Density, part: tuple[int, int]
) -> None:
    gc.disable()  # nothing that is made for a message refers back to itself
    plan = Plan(scenario, seed, length_ms=length_ms)
    try:
        for lines in traffic(plan, density, part=part):
            pipe.send(lines)
    except BrokenPipeError:
        return  # the reader has seen enough
