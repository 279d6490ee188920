"""Codes and what they are traded for: once, in time, for one password, by nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest
from collector.enrolment.fake_keeper import FakeKeeper
from e2e.chaos import wait_until
from fakes import FakeClock
from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from schoolpulse.enrolment import tables
from schoolpulse.enrolment.codes import REPEAT_MS
from schoolpulse.enrolment.desk import AgentDesk
from schoolpulse.enrolment.rounds import AgentRounds
from schoolpulse.errors import ConfigError, UsageError
from schoolpulse_agent.wire_code import ALPHABET, Code, check_character, parse_code

PASSWORD, OTHER = "a" * 43, "b" * 43
DAY_S = 86_400


def test_a_code_is_traded_once(desk: AgentDesk, keeper: FakeKeeper) -> None:
    made = desk.make_code("gw-1", by="lan")
    welcome = desk.enrol(made.code, PASSWORD)
    assert welcome is not None
    assert (welcome.agent_id, welcome.ready, welcome.first) == ("gw-1", True, True)
    assert (welcome.broker_url, welcome.broker_ca_pem) == ("mqtts://mqtt.example.vn", None)
    assert welcome.school is not None
    assert welcome.school.id == "thcs-1"
    assert keeper.accounts == {"gw-1": PASSWORD}
    assert desk.enrol(made.code, OTHER) is None
    assert keeper.accounts == {"gw-1": PASSWORD}


def test_a_lost_answer_is_given_again_for_a_while(
    desk: AgentDesk, clock: FakeClock, keeper: FakeKeeper
) -> None:
    code = desk.make_code("gw-1", by="lan").code
    first = desk.enrol(code, PASSWORD)
    clock.advance(REPEAT_MS / 1000 - 1)
    again = desk.enrol(code.lower().replace("-", " "), PASSWORD)
    assert first is not None
    assert again is not None
    assert (again.agent_id, again.ready, again.first) == (first.agent_id, True, False)
    assert len(keeper.calls) == 1
    clock.advance(1)
    assert desk.enrol(code, PASSWORD) is None


def test_a_repeated_question_does_not_undo_a_revocation(desk: AgentDesk, keeper: FakeKeeper) -> None:
    code = desk.make_code("gw-1", by="lan").code
    desk.enrol(code, PASSWORD)
    desk.revoke("gw-1", by="lan")
    assert desk.enrol(code, PASSWORD) is None
    assert keeper.accounts == {}


def test_a_code_is_over_after_its_time(desk: AgentDesk, clock: FakeClock) -> None:
    code = desk.make_code("gw-1", by="lan").code
    clock.advance(7 * DAY_S)
    assert desk.enrol(code, PASSWORD) is None
    code = desk.make_code("gw-1", by="lan", lifetime_s=60).code
    clock.advance(59)
    assert desk.enrol(code, PASSWORD) is not None


def test_a_new_code_ends_the_one_before_and_so_does_a_revocation(desk: AgentDesk) -> None:
    first = desk.make_code("gw-1", by="lan").code
    second = desk.make_code("gw-1", by="lan").code
    assert [code.made_by for code in desk.codes.open("gw-1")] == ["lan"]
    assert desk.enrol(first, PASSWORD) is None
    assert desk.revoke("gw-1", by="lan")
    assert desk.enrol(second, PASSWORD) is None
    assert not desk.revoke("gw-1", by="lan")


@pytest.mark.parametrize("text", ["", "7K3F-9QWX-2MTY", "7K3F-9QWX-2MTZ", "x" * 80, "\0", "💥" * 12])
def test_what_is_no_code_is_worth_nothing(desk: AgentDesk, text: str) -> None:
    desk.make_code("gw-1", by="lan")
    assert desk.enrol(text, PASSWORD) is None


def test_neither_code_nor_password_stays_in_the_database(desk: AgentDesk, engine: Engine) -> None:
    code = desk.make_code("gw-1", by="lan").code
    desk.enrol(code, PASSWORD)
    with engine.connect() as connection:
        rows = [*connection.execute(select(tables.code)), *connection.execute(select(tables.account))]
    text = repr(rows)
    assert code not in text
    assert code.replace("-", "") not in text
    assert PASSWORD not in text


def test_no_error_of_the_database_shows_a_secret(
    desk: AgentDesk, engine: Engine, caplog: pytest.LogCaptureFixture, clock: FakeClock
) -> None:
    code = desk.make_code("gw-1", by="lan").code
    tables.account.drop(engine)
    with pytest.raises(SQLAlchemyError) as error:
        desk.enrol(code, PASSWORD)
    assert PASSWORD not in str(error.value)
    rounds = AgentRounds(desk, lambda *_: True, clock)
    rounds.start()
    wait_until(lambda: bool(caplog.records), "the thread says so and goes on")
    rounds.stop()
    assert "Traceback" in caplog.text
    assert PASSWORD not in caplog.text


def test_a_school_without_an_agent_gets_one(desk: AgentDesk) -> None:
    assert desk.agent_for("THCS_2") == "thcs-2"
    assert desk.agent_for("THCS_2", "gw-2") == "gw-2"
    desk.make_code("gw-2", by="lan", school_id="THCS_2")
    school = desk._registry.school_of("gw-2")
    assert school is not None
    assert school.id == "THCS_2"


def test_a_classroom_is_not_the_gateway(desk: AgentDesk) -> None:
    made = desk.make_code("room-101", by="lan", school_id="thcs-1", classroom="Phòng 101")
    welcome = desk.enrol(made.code, PASSWORD)
    assert welcome is not None
    assert welcome.role == "classroom"
    school = desk._registry.school("thcs-1")
    assert school is not None
    assert (school.agent_id, [room.name for room in school.classrooms]) == ("gw-1", ["Phòng 101"])
    with pytest.raises(UsageError, match="is the gateway"):
        desk.make_code("gw-1", by="lan", school_id="thcs-1", classroom="Phòng 1")


@pytest.mark.parametrize(
    ("school", "agent", "why"),
    [
        ("nobody", None, "no school"),
        ("THCS_2", "gw-1", "stands at school thcs-1"),
        ("THCS_2", "intake", "user of the broker"),
        ("THCS_2", "collector", "user of the broker"),
        ("THCS_2", "GW/2", "no agent id"),
    ],
)
def test_who_cannot_have_a_code(desk: AgentDesk, school: str, agent: str | None, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        desk.agent_for(school, agent)


@pytest.mark.parametrize(
    "name", ["collector", "accounts", "admin", "intake", "", "GW", "a/b", "a+", "x" * 65]
)
def test_a_name_that_is_not_an_agents_gets_no_account(desk: AgentDesk, name: str) -> None:
    for make in (desk.make_password, desk.let_in_by_certificate, desk.make_code):
        with pytest.raises(UsageError):
            make(name, by="test")


def test_an_agent_that_nobody_knows_gets_no_code(desk: AgentDesk) -> None:
    with pytest.raises(UsageError, match="no school has an agent"):
        desk.make_code("gw-9", by="lan")


def test_a_code_carries_the_pin_of_the_servers_certificate(desk: AgentDesk, tmp_path: Path) -> None:
    file = tmp_path / "server.pem"
    desk._settings = desk._settings.model_copy(update={"server_certificate_file": file})
    header, footer = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    for content in (None, "nothing", f"{footer}{header}", f"{header}\nA\n{footer}\n", "\x80"):
        if content is not None:
            file.write_text(content, "latin-1")
        with pytest.raises(ConfigError):
            desk.make_code("gw-1", by="lan")
    file.write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")
    code = parse_code(desk.make_code("gw-1", by="lan").code)
    assert len(code.pin) == 16
    assert desk.enrol(str(code), PASSWORD) is not None


def test_every_single_slip_and_nearly_every_swap_shows() -> None:
    body = "7K3F9QWX2MT"
    good = body + check_character(body)
    assert str(parse_code(good.lower())) == "7K3F-9QWX-2MTY"
    assert parse_code("7K3F 9QWX–2MTY") == Code(good)  # a phone's dash
    assert parse_code(good.replace("0", "O")) == Code(good)
    for place, right in enumerate(good):
        for wrong in ALPHABET.replace(right, ""):
            with pytest.raises(ValueError, match="wrong"):
                parse_code(good[:place] + wrong + good[place + 1 :])
    for place in range(len(good) - 1):
        swapped = good[:place] + good[place + 1] + good[place] + good[place + 2 :]
        with pytest.raises(ValueError, match="wrong"):
            parse_code(swapped)
