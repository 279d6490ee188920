"""What each panel shows is what the simulator knows: of all, and of each ward, school, provider and kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from dashboards.asking import RANGES_MS, Opened, each, rows, view
from dashboards.simulated import DATABASE, SCHOOLS, SPEED, District

from schoolpulse.contract.measurements import SAMPLES
from schoolpulse.export.catalogue import OWN
from schoolpulse.export.records import SEVERITY
from schoolpulse.incidents.model import SchoolStatus
from schoolpulse.stores.rollup_tiers import COUNT, HIGH, LOW, P95, SUM, TIERS
from schoolpulse_sim import kinds
from schoolpulse_sim.district import Device, School

MINUTE_MS = 60_000
NOTICED = 0.06
"""Detection takes its time, and the first minutes are measured by nobody: of 100 minutes of one school."""


def states(district: District) -> dict[str, SchoolStatus]:
    """From the truth: how every school stands."""
    found = dict.fromkeys((school.id for school in district.registry.schools()), SchoolStatus.ONLINE)
    found |= dict.fromkeys(district.schools_with("outage", backup=True), SchoolStatus.ON_BACKUP)
    found |= dict.fromkeys(district.schools_with("on_backup", backup=True), SchoolStatus.ON_BACKUP)
    return found | dict.fromkeys(district.schools_with("outage", backup=False), SchoolStatus.DOWN)


def chosen_schools(district: District, what: str, choice: str | None) -> list[School]:
    """The schools of that ward or provider, or all of them."""
    return [school for school in district.plan.district.schools if choice in {None, getattr(school, what)}]


def share(district: District, schools: Sequence[School], kinds_of_loss: set[str]) -> float:
    """The share of the schools' time without such a loss. One with a backup that is out has no outage."""
    ids = {school.id: school.backup is not None for school in schools}
    lost_ms: int = sum(
        (one["end"] or district.now_ms) - one["start"]
        for one in district.truth
        if one["school"] in ids
        and ("on_backup" if one["kind"] == "outage" and ids[one["school"]] else one["kind"]) in kinds_of_loss
    )
    return 1 - lost_ms / (len(schools) * (district.now_ms - district.plan.start_ms))


def heard(district: District) -> list[School]:
    """Schools whose devices are known of."""
    silent = states(district)
    return [one for one in district.plan.district.schools if silent[one.id] is not SchoolStatus.DOWN]


def broken(district: District) -> set[tuple[str, str]]:
    """Devices that are down: school and device."""
    open_now = [one for one in district.truth if one["kind"] == "device_down" and one["end"] is None]
    return {(one["school"], one["device"]) for one in open_now}


def test_district_of_each_ward(district: District) -> None:
    state = states(district)
    assert Counter(state.values())[SchoolStatus.DOWN] >= 2
    assert Counter(state.values())[SchoolStatus.ON_BACKUP] >= 2
    chosen = list(each(district, "district"))
    assert len(chosen) > 3
    for board in chosen:
        schools = chosen_schools(district, "ward", board.choice)
        ids = {school.id for school in schools}
        connected = sum(state[one] is not SchoolStatus.DOWN for one in ids)
        assert board.figure("schools") == len(ids)
        assert board.figure("connected") == connected
        assert board.figure("kpi_now") == pytest.approx(connected / len(ids))
        assert board.figure("unmeasured") == 0
        still = [one for one in district.truth if one["end"] is None and one["detectable"]]
        assert board.figure("open") == len(still)
        names = district.registry.school
        open_now = Counter(row["name"] for row in board.rows("open_incidents"))
        assert open_now == Counter(found.name for one in still if (found := names(one["school"])))
        wall = {row["school"]: row["last"] for row in board.rows("wall")}
        assert wall == {one: SEVERITY[state[one]] for one in ids}
        by_id = {school.id: school for school in schools}
        for row in board.rows("map"):
            school = by_id[row["school"]]
            assert (row["code"], row["name"], row["provider"], row["ward"]) == (
                *(SEVERITY[state[school.id]], school.name, school.provider, school.ward),
            )
            assert (row["lat"], row["lon"]) == pytest.approx((school.lat, school.lon), abs=1e-5)
        assert len(board.rows("map")) == len(ids)


@pytest.mark.parametrize("tier", RANGES_MS)
def test_shares_of_time_of_each_ward_in_every_tier(district: District, tier: str) -> None:
    for board in each(district, "district", RANGES_MS[tier]):
        schools = chosen_schools(district, "ward", board.choice)
        connected = share(district, schools, {"outage"})
        assert board.figure("kpi_hours") == pytest.approx(connected, abs=NOTICED)
        worst = {row["school"]: row for row in board.rows("worst")}
        for school in schools:
            of_one = share(district, [school], {"outage"})
            if of_one < 1 - NOTICED:
                assert worst[school.id]["name"] == school.name
                assert worst[school.id]["availability"] == pytest.approx(of_one, abs=NOTICED)
        for panel in ("availability", "year"):
            for query, losses in enumerate(({"outage"}, {"outage", "on_backup"})):
                values = [row[name] for row in board.rows(panel, query) for name in row if name != "time"]
                lowest, highest = min(v for v in values if v is not None), max(v or 0 for v in values)
                assert 0 <= lowest <= share(district, schools, losses) + NOTICED
                assert share(district, schools, losses) - NOTICED <= highest <= 1


def test_each_school(district: District) -> None:
    state, down = states(district), broken(district)
    boards = list(each(district, "school"))
    assert len(boards) == SCHOOLS
    for board in boards:
        school = next(one for one in district.plan.district.schools if one.id == board.choice)
        trouble = [one for one in district.truth if one["school"] == school.id]
        assert board.figure("state") == SEVERITY[state[school.id]]
        since = [one for one in trouble if one["end"] is None and one["kind"] in {"outage", "on_backup"}]
        if since:
            assert board.figure("since") == pytest.approx(since[0]["start"], abs=2 * MINUTE_MS)
        if state[school.id] is SchoolStatus.ONLINE:
            assert board.figure("heard") == pytest.approx(district.now_ms, abs=3 * MINUTE_MS)
        availability = board.figure("availability")
        assert availability == pytest.approx(share(district, [school], {"outage"}), abs=NOTICED)
        (record,) = board.rows("record")
        assert (record["provider"], record["technology"]) == (school.provider, school.technology)
        assert (record["ward"], record["backup"]) == (school.ward, school.backup or "")
        assert (record["down"], record["up"]) == (school.down_mbps, school.up_mbps)
        assert len(board.rows("incidents")) == len([one for one in trouble if one["detectable"]])
        seen = {row["device"]: row["up"] for row in board.rows("devices")}
        if state[school.id] is not SchoolStatus.DOWN:
            assert seen == {one.name: float((school.id, one.name) not in down) for one in school.devices}
        assert board.rows("states")[-1]["max"] in {None, SEVERITY[state[school.id]]}
        assert SEVERITY[state[school.id]] in known(board.rows("states"))
        check_line(board, school, on_backup=state[school.id] is SchoolStatus.ON_BACKUP)


def check_line(board: Opened, school: School, *, on_backup: bool) -> None:
    latency: dict[str, list[float]] = {}
    for row in board.rows("latency"):
        if row["mean"] is not None:
            latency.setdefault(row["scope"], []).append(row["mean"])
    assert latency.keys() == {"lan_gateway", "isp_edge", "national", "international"}
    typical = {scope: sorted(values)[len(values) // 2] for scope, values in latency.items()}
    assert typical["lan_gateway"] < typical["isp_edge"] <= typical["national"] < typical["international"]
    assert all(row["mean"] is None or 0 <= row["mean"] <= 1 for row in board.rows("loss"))
    contract = {row["mean"] for row in board.rows("bandwidth", 2)} - {None}
    assert contract == {school.down_mbps * 1_000_000}
    assert max(row["max"] or 0 for row in board.rows("bandwidth")) <= 0.95 * school.down_mbps * 1_000_000
    for query, wanted in enumerate((SPEED["down_mbps"], SPEED["up_mbps"], school.down_mbps)):
        assert {row["mean"] for row in board.rows("speed", query)} == {wanted}
    active = {row["uplink"]: row["max"] for row in board.rows("uplinks") if row["max"] is not None}
    if on_backup:
        assert (active["wan"], active["wwan"]) == (0, 1)
    assert {row["technology"] for row in board.rows("uplinks")} == {school.technology, school.backup} - {None}
    memory = [row["mean"] for row in board.rows("gateway") if row["mean"] is not None]
    assert 0.38 <= min(memory) <= max(memory) <= 0.42
    heat = [row["max"] for row in board.rows("temperature") if row["max"] is not None]
    assert 44 <= min(heat) <= max(heat) <= 61


@pytest.mark.parametrize("tier", RANGES_MS)
def test_each_provider(district: District, tier: str) -> None:
    boards = list(each(district, "providers", RANGES_MS[tier]))
    assert len(boards) > 2
    for board in boards:
        schools = chosen_schools(district, "provider", board.choice)
        by_provider: dict[str, list[School]] = {}
        for school in schools:
            by_provider.setdefault(school.provider, []).append(school)
        lines = {row["provider"]: row for row in board.rows("table")}
        shares = {row["provider"]: row for row in board.rows("table", 1)}
        delivered = {row["provider"]: row["mean"] for row in board.rows("delivered")}
        assert lines.keys() == shares.keys() == delivered.keys() == by_provider.keys()
        for provider, theirs in by_provider.items():
            assert lines[provider]["lines"] == len(theirs)
            assert lines[provider]["contracted"] == sum(school.down_mbps for school in theirs)
            wanted = share(district, theirs, {"outage", "on_backup"})
            assert shares[provider]["availability"] == pytest.approx(wanted, abs=NOTICED)
            assert 1 < shares[provider]["rtt_ms"] < 60
            ratios = [SPEED["down_mbps"] / school.down_mbps for school in theirs]
            assert delivered[provider] == pytest.approx(sum(ratios) / len(ratios))
            over_time = [row for row in board.rows("availability_over_time") if row["provider"] == provider]
            values = known(over_time)
            assert 0 <= min(values) <= wanted + NOTICED
            assert wanted - NOTICED <= max(values) <= 1
        assert all(1 < value < 60 for value in known(board.rows("rtt_over_time")))
        assert all(1 < value < 60 for value in known(board.rows("rtt")))
        check_outages(district, board, by_provider)


def known(found: Sequence[Mapping[str, Any]]) -> list[float]:
    """Every figure in rows of one series or more."""
    return [
        value
        for row in found
        for name, value in row.items()
        if name != "time" and isinstance(value, float | int)
    ]


def check_outages(district: District, board: Opened, by_provider: Mapping[str, Sequence[School]]) -> None:
    counted: Counter[str] = Counter()
    for query in range(len(board.answers("causes"))):
        for row in board.rows("causes", query):
            counted[row["provider"]] += next(v for k, v in row.items() if k not in {"provider", "time"})
    lost = {row["provider"]: row["sum"] for row in board.rows("lost")}
    for provider, theirs in by_provider.items():
        ids = {school.id for school in theirs}
        trouble = [one for one in district.truth if one["school"] in ids and one["detectable"]]
        lines = [one for one in trouble if one["kind"] in {"outage", "on_backup"}]
        assert counted[provider] == len(lines)
        wanted_s = sum((one["end"] or district.now_ms) - one["start"] for one in lines) / 1000
        assert lost.get(provider, 0) == pytest.approx(wanted_s, abs=120 * max(1, len(lines)))


def test_each_kind_of_device(district: District) -> None:
    down = broken(district)
    found = [(school, device) for school in heard(district) for device in school.devices]
    boards = list(each(district, "devices"))
    assert {board.choice for board in boards} >= {None, "switch", "ups", "projector", "display"}
    for board in boards:
        ours = [one for one in found if board.choice in {None, one[1].kind}]
        up = [one for one in ours if (one[0].id, one[1].name) not in down]
        assert board.figure("seen") == len(ours)
        assert board.figure("up") == len(up)
        assert board.figure("down") == len(ours) - len(up)
        assert {row["kind"]: (row["seen"], row["up"]) for row in board.rows("kinds")} == {
            kind: (
                sum(one.kind == kind for _, one in ours),
                sum(one.kind == kind for _, one in up),
            )
            for kind in {one.kind for _, one in ours}
        }
        assert {(row["school"], row["device"]) for row in board.rows("down_now")} == {
            (school.id, one.name) for school, one in ours if (school.id, one.name) in down
        }
        names = {school.id: school.name for school in district.plan.district.schools}
        assert all(row["name"] == names[row["school"]] for row in board.rows("down_now"))
        failing = {(row["school"], row["device"]): row for row in board.rows("failing")}
        assert failing.keys() == {
            (one["school"], one["device"])
            for one in district.truth
            if one["kind"] == "device_down"
            and one["detectable"]
            and board.choice in {None, kind_of(district, one["school"], one["device"])}
        }
        last = {row["kind"]: max(known([row])) for row in board.rows("over_time") if known([row])}
        assert last == {
            kind: pytest.approx(
                sum(one.kind == kind for _, one in up) / sum(one.kind == kind for _, one in ours)
            )
            for kind in {one.kind for _, one in ours}
        }
        check_use(district, board, up)


def kind_of(district: District, school_id: str, name: str) -> str:
    school = next(one for one in district.plan.district.schools if one.id == school_id)
    return next(one.kind for one in school.devices if one.name == name)


def check_use(district: District, board: Opened, up: Sequence[tuple[School, Device]]) -> None:
    """Displays say every five minutes whether they are on; near a lesson's end either may stand."""
    telling = [one for one in up if one[1].kind in {"projector", "display"}]
    assert (board.figure("telling") or 0) == len(telling)
    on = [
        sum(kinds.is_on(*one, district.now_ms - ago * MINUTE_MS) for one in telling)
        for ago in (0, 2, 4, 6, 8)
    ]
    used = board.figure("used") or 0
    assert min(on) - 1 <= used <= max(on) + 1
    if board.choice is None:
        assert max(on) > 0
    assert all(0 <= value <= 1 for value in known(board.rows("used_over_time")))
    if telling:
        assert max(known(board.rows("used_over_time"))) > 0 or not max(on)
        assert board.figure("used_share") == pytest.approx(used / len(telling))
    assert board.figure("rooms") == SCHOOLS
    assert board.figure("rooms_used") == SCHOOLS // 3
    assert {row["mean"] for row in board.rows("rooms_over_time")} == {(SCHOOLS // 3) / SCHOOLS}


def charges(school: School, _: Device) -> set[float]:
    """With and without mains."""
    return {kinds.charge_ratio(school, mains=mains) for mains in (True, False)}


def test_what_is_to_be_replaced(district: District) -> None:
    board = next(iter(each(district, "devices")))
    now_ms = district.now_ms
    wanted: dict[tuple[str, str, str], Callable[[School, Device], set[float]]] = {
        ("batteries", "ups", "charge_ratio"): charges,
        ("supplies", "printer", "supply_ratio"): lambda school, one: {
            kinds.supply_ratio(school, one, now_ms)
        },
        ("lamps", "projector", "lamp_h"): lambda school, one: {float(kinds.lamp_h(school, one, now_ms))},
    }
    for (panel, kind, field), truly in wanted.items():
        found = {(row["school"], row["device"]): row[field] for row in board.rows(panel)}
        theirs = {
            (school.id, one.name): (school, one)
            for school in district.plan.district.schools
            for one in school.devices
            if one.kind == kind
        }
        assert found.keys() == theirs.keys(), panel
        for place, value in found.items():
            assert any(value == pytest.approx(one) for one in truly(*theirs[place])), (panel, place)
        names = {row["school"]: row["name"] for row in board.rows(panel, 1)}
        assert names == {school.id: school.name for school in district.plan.district.schools}


def test_each_kind_of_incident(district: District) -> None:
    real = [one for one in district.truth if one["detectable"]]
    boards = list(each(district, "incidents"))
    assert {board.choice for board in boards} == {None, *(one["kind"] for one in real)}
    names = {school.id: school.name for school in district.plan.district.schools}
    for board in boards:
        ours = [one for one in real if board.choice in {None, one["kind"]}]
        listed = board.rows("list")
        assert board.figure("count") == len(listed) == len(ours)
        still = sum(one["end"] is None for one in ours)
        assert (board.figure("open") or 0) == still == sum(row["open"] for row in listed)
        for one in ours:
            assert any(
                row["name"] == names[one["school"]] and abs(row["start_ms"] - one["start"]) < 3 * MINUTE_MS
                for row in listed
            ), one
        assert board.figure("pages") == sum(row["pages"] for row in listed)
        per_day = Counter[str]()
        for row in board.rows("per_day"):
            per_day[row["kind"]] += row["count"]
        assert per_day == Counter(one["kind"] for one in ours)
        assert sum(
            row["count"] for at in range(len(board.answers("causes"))) for row in board.rows("causes", at)
        ) == len(ours)
        lost = [one for one in ours if one["kind"] in {"outage", "on_backup"}]
        if lost:
            assert 0 < (board.figure("detect") or 0) <= (board.figure("detect_p95") or 0) <= 180
        ended = sorted((one["end"] - one["start"]) / 1000 for one in lost if one["end"] is not None)
        if ended:
            assert all(
                ended[0] - 120 <= value <= ended[-1] + 120 for value in known(board.rows("repair_over_time"))
            )
            assert ended[0] - 120 <= (board.figure("repair") or 0) <= ended[-1] + 120


def test_the_collector_itself(district: District) -> None:
    (board,) = each(district, "collector")
    assert board.figure("broker") == 1
    assert board.figure("lost") == 0
    assert board.figure("blocked") == 0
    assert board.figure("pending") == 0
    assert board.figure("journal") == 0  # none here: its parts are fed by hand
    assert (board.figure("behind") or 0) < 1_000
    assert {row["of"]: row["new"] for row in board.rows("quarantine") if row["new"]} == {"bad_json": 3}
    assert {row["of"]: row["all"] for row in board.rows("quarantine", 1) if row["all"] is not None} == {
        "bad_json": 3
    }
    assert {row["of"]: row["new"] for row in board.rows("webhooks") if row["new"]} == {"delivered": 2}
    assert sum(row["schools"] for row in board.rows("versions")) == SCHOOLS
    assert sum(row["sum"] or 0 for row in board.rows("store")) == 0
    assert sum(row["sum"] or 0 for row in board.rows("store", 1)) == 3
    delays = [row for query in (0, 1) for row in board.rows("delay", query)]
    assert delays
    values = [value for row in delays for name, value in row.items() if name != "time"]
    assert min(values) > -MINUTE_MS  # a gateway's clock may be ahead of ours
    assert sorted(values)[len(values) // 2] < MINUTE_MS  # but for what comes after an outage
    assert all(value >= 0 for query in (0, 1) for value in known(board.rows("rates", query)))
    assert set(known(board.rows("journal_over_time"))) == {0}
    assert {row["of"] for row in board.rows("lag") if row["max"] is not None} == {
        "store",
        "incidents",
        "live",
    }


def test_what_lies_there_is_what_the_schema_says(district: District) -> None:
    """Every tag and field that the simulated district left, raw and rolled up."""
    known = {one.name: one for one in (*SAMPLES, *OWN)}
    ends = (SUM, LOW, HIGH, COUNT, P95)
    for database in (DATABASE, *(tier.database(DATABASE) for tier in TIERS)):
        for what, columns in (("FIELD", "fields"), ("TAG", "tags")):
            answer: dict[str, Any] = district.influx.query(f"SHOW {what} KEYS", database)
            for series in answer["series"]:
                one = known.get(series["name"])
                assert one is not None or series["name"] == "classroom_use", series["name"]
                if one is None or "*" in one.fields:
                    continue
                wanted = {*getattr(one, columns), *(("school", "agent") if what == "TAG" else ())}
                found = {row[0] for row in series["values"]}
                if database != DATABASE:
                    found = {
                        next(
                            (name.removesuffix(end) for end in ends if name.removesuffix(end) in wanted), name
                        )
                        for name in found
                    }
                assert found <= wanted, (database, series["name"], found - wanted)
    assert rows(view(district, "district").ask("SHOW MEASUREMENTS"))
