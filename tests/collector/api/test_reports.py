"""The report over HTTP: as data, as documents, for who may see what, and bounded in how many at once."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator

import pytest
from fakes import FakeClock
from http_client import Client
from openpyxl import load_workbook
from page_backend import HOUR_MS, Backend
from whole_collector import FOREIGN, OWN, Whole, whole_collector

from schoolpulse.errors import ReportBusy, StoreUnavailable
from schoolpulse.incidents.model import Cause, IncidentKind, SchoolStatus
from schoolpulse.reports.facts import Sources
from schoolpulse.reports.maker import WAITING, Reports
from schoolpulse.reports.model import Report
from schoolpulse.reports.period import named

REPORT = "/api/v1/reports"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole_collector(tmp_path_factory.mktemp("whole")) as made:
        yield made


def test_the_report_is_data(client: Client, backend: Backend) -> None:
    school = next(one for one in backend.registry.schools() if one.agent_id)
    backend.opens(school, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.LINE_CUT, 2 * HOUR_MS)
    answer = client.get(REPORT)
    assert answer.status_code == 200
    report = Report.model_validate(answer.json())
    assert (report.whole.schools, report.whole.outages.count) == (6, 1)
    assert report.whole.hours.lost_hours == pytest.approx(2, abs=0.001)
    assert not report.period.complete
    alone = Report.model_validate(client.get(REPORT, {"school": school.id}).json())
    assert (alone.scope, alone.whole.schools, alone.whole.outages.count) == (school.id, 1, 1)


@pytest.mark.parametrize(
    ("form", "kind", "begins"),
    [
        ("pdf", "application/pdf", b"%PDF-"),
        ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", b"PK"),
        ("csv", "text/csv; charset=utf-8", b"\xef\xbb\xbf"),
        ("json", "application/json", b"{"),
    ],
)
def test_it_is_downloaded_in_every_form(client: Client, form: str, kind: str, begins: bytes) -> None:
    answer = client.get(f"{REPORT}/download", {"form": form, "lang": "en", "period": "2026-08"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    name = f"schoolpulse-2026-08-01-2026-08-31.{form}"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.content.startswith(begins)
    if form == "xlsx":
        assert "Summary" in load_workbook(io.BytesIO(answer.content)).sheetnames


@pytest.mark.parametrize(
    ("query", "status", "where"),
    [
        ({"period": "2026-08", "from": "2026-08-01"}, 422, "period"),
        ({"period": "August"}, 422, "period"),
        ({"from": "2026-08-01"}, 422, "to"),
        ({"to": "2026-08-01"}, 422, "from"),
        ({"from": "2026-08-02", "to": "2026-08-01"}, 422, "from"),
        ({"from": "2020-01-01", "to": "2026-08-01"}, 422, "from"),
        ({"from": "yesterday", "to": "2026-08-01"}, 422, "from"),
        ({"from": "2080-01-01", "to": "2080-01-02"}, 422, "from"),
        ({"school": "nobody"}, 404, ""),
    ],
)
def test_what_cannot_be_is_refused(client: Client, query: dict[str, str], status: int, where: str) -> None:
    for address in (REPORT, f"{REPORT}/download"):
        answer = client.get(address, query)
        assert answer.status_code == status
        if where:
            assert answer.json()["errors"][0]["where"] == where
    assert client.get(f"{REPORT}/download", {"form": "doc"}).status_code == 422


def test_periods_have_names(client: Client, clock: FakeClock) -> None:
    items = client.get(f"{REPORT}/periods").json()["items"]
    assert [one["name"] for one in items[:2]] == ["2026-09", "2026-08"]
    assert [one["complete"] for one in items[:2]] == [False, True]
    names = {one["name"] for one in items}
    assert {"2026-2027", "2026-2027-1", "2025-2026-2"} <= names
    assert "2026-2027-2" not in names, "it has not begun"
    for one in items:
        assert (str(named(one["name"]).first), str(named(one["name"]).last)) == (one["first"], one["last"])


def test_who_sees_one_school_gets_a_report_on_that_one(whole: Whole) -> None:
    everything = whole.client.get(REPORT, headers=whole.headers("viewer")).json()
    assert {one["id"] for one in everything["schools"]} == {OWN, FOREIGN}
    little = whole.client.get(REPORT, headers=whole.headers("far_viewer"))
    assert {one["id"] for one in little.json()["schools"]} == {FOREIGN}
    assert f'"{OWN}"' not in little.text
    kpi = "/api/v1/kpi?from=0"
    assert whole.client.get(kpi, headers=whole.headers("far_viewer")).json()["over"]["schools"] == 1
    assert whole.client.get(kpi, headers=whole.headers("viewer")).json()["over"]["schools"] == 2


def test_a_store_that_is_away_is_told(client: Client, backend: Backend) -> None:
    backend.store.error = StoreUnavailable("no disk")
    assert client.get(REPORT).status_code == 503


def test_the_same_report_is_made_once(backend: Backend, clock: FakeClock) -> None:
    reports = over(backend)
    period = named("2026-08")
    first = reports.make(period)
    asked = len(backend.store.asked)
    assert reports.make(period) is first
    assert len(backend.store.asked) == asked
    clock.advance(61)
    assert reports.make(period) is not first


def test_no_more_at_once_than_there_is_room_for(backend: Backend) -> None:
    reports = over(backend)
    inside, go = threading.Semaphore(0), threading.Event()

    def hold() -> None:
        with reports.turn():
            inside.release()
            go.wait(60)

    threads = [threading.Thread(target=hold) for _ in range(WAITING)]
    threads[0].start()
    assert inside.acquire(timeout=60)
    for thread in threads[1:]:
        thread.start()
    while reports.waiting < WAITING:
        threads[0].join(0.01)  # until the others have come; the one inside counts
    with pytest.raises(ReportBusy):
        reports.make(named("2026-08"))
    go.set()
    for thread in threads:
        thread.join(60)
    assert reports.make(named("2026-08")).whole.schools == 6


def over(backend: Backend) -> Reports:
    return Reports(
        Sources(registry=backend.registry, incidents=backend.incidents, store=backend.store), backend.clock
    )
