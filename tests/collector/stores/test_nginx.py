"""The nginx file that deploy/debian ships: what it rewrites, what it lets through."""

from __future__ import annotations

import pytest
import urllib3
from parts.influx import Influx

AT_S = 1_790_000_000


@pytest.mark.parametrize(
    ("precision", "time"),
    [
        ("precision=s", AT_S),
        ("precision=ms", AT_S * 10**3),
        ("precision=us", AT_S * 10**6),
        ("precision=ns", AT_S * 10**9),
        ("org=-", AT_S * 10**9),
    ],
)
def test_it_speaks_the_old_precisions(influx: Influx, database: str, precision: str, time: int) -> None:
    influx.create_database(database)
    url = f"{influx.url}/api/v2/write?bucket={database}&{precision}"
    assert urllib3.request("POST", url, body=f"m x=1 {time}").status == 204
    assert influx.rows("SELECT x FROM m", database) == [[AT_S * 10**9, 1]]


def test_a_database_of_any_name_is_one_argument(influx: Influx, database: str) -> None:
    influx.create_database(f"{database} & ünder")
    url = f"{influx.url}/api/v2/write?precision=s&bucket={database}%20%26%20%C3%BCnder"
    assert urllib3.request("POST", url, body=f"m x=1 {AT_S}").status == 204
    assert len(influx.rows("SELECT x FROM m", f"{database} & ünder")) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/ping", 204),
        ("GET", "/query?q=SHOW+DATABASES", 200),
        ("GET", "/api/v2/write?bucket=x", 403),
        ("DELETE", "/api/v2/write?bucket=x", 403),
        ("POST", "/write?db=x", 404),
        ("GET", "/debug/vars", 404),
        ("GET", "/", 404),
    ],
)
def test_it_lets_through_what_a_collector_needs(influx: Influx, method: str, path: str, status: int) -> None:
    assert urllib3.request(method, influx.url + path).status == status
