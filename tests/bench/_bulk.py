"""InfluxDB's own rate: influxdb-client writes ready line protocol, in a process of its own."""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ThreadPoolExecutor

from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import WriteOptions, WriteType

from bench import _load

POINTS = 400_000
BATCH = 5_000
WRITERS = 4


def main() -> None:
    """Write points of the same shape and as many series as the collector does; print points/s."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", required=True)
    parser.add_argument("--database", required=True)
    options = parser.parse_args()
    start_ns = time.time_ns() - 3_600_000_000_000
    batches = [_lines(range(first, first + BATCH), start_ns) for first in range(0, POINTS, BATCH)]
    writing = WriteOptions(write_type=WriteType.synchronous)
    with (
        InfluxDBClient(options.url, "", org="-", enable_gzip=True) as client,
        ThreadPoolExecutor(WRITERS) as pool,
    ):
        api = client.write_api(write_options=writing)
        begin = time.monotonic()
        for done in [pool.submit(api.write, options.database, "-", batch) for batch in batches]:
            done.result()
        print(POINTS / (time.monotonic() - begin))  # noqa: T201 - the answer


def _lines(numbers: range, start_ns: int) -> bytes:
    return "\n".join(
        f"reachability,agent=gw-{n // 50 % _load.AGENTS},method=icmp,school=s{n // 50 % _load.AGENTS}"
        f",scope=national,target=t{n % 50}"
        f" up=1,rtt_ms={4 + n % 50 / 8},jitter_ms=0.25,loss_ratio=0 {start_ns + n // 10_000 * 1_000_000}"
        for n in numbers
    ).encode()


if __name__ == "__main__":
    main()
