"""The registry's CSV: what is read, and every mistake by line and column."""

from __future__ import annotations

import pytest

from schoolpulse.errors import ImportRefused
from schoolpulse.registry.csv_file import COLUMNS, read_schools

HEADER = ",".join(COLUMNS)
ROW = "th-01,Tiểu học Một,tieu_hoc,Phường 10,10.83,106.67,gw-01,VNPT,fibre,200,100,4g"


def test_a_row_becomes_a_school_below_the_given_area() -> None:
    [school] = read_schools(f"{HEADER}\n{ROW}\n".encode(), parent_area=("TP.HCM", "Gò Vấp"))
    assert school.name == "Tiểu học Một"
    assert school.area == ("TP.HCM", "Gò Vấp", "Phường 10")
    primary, backup = school.line("primary"), school.line("backup")
    assert primary is not None
    assert (primary.provider, primary.contracted_down_mbps) == ("VNPT", 200.0)
    assert backup is not None
    assert (backup.provider, backup.technology) == ("", "4g")


def test_a_byte_order_mark_and_another_order_of_columns_are_fine() -> None:
    data = b"\xef\xbb\xbf" + "name,school_id\nTrường Một,s1\n".encode()
    [school] = read_schools(data)
    assert (school.id, school.name, school.lines, school.agent_id) == ("s1", "Trường Một", (), None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name\nMột\n", ["line 1: school_id: column is missing"]),
        (
            "school_id,name,provder\n",
            ["line 1: 'provder': unknown column (did you mean provider?)"],
        ),
        ("school_id,name,name\n", ["line 1: name: column stands twice"] * 2),
        ("school_id,name\n,\n", ["line 2: school_id: is empty", "line 2: name: is empty"]),
        (
            "school_id,name\ns1,A\ns1,B\n",
            ["line 3: school_id: 's1' stands in line 2 already"],
        ),
        (
            "school_id,name\ns1\n",
            ["line 2: row: has not as many cells as the header (a comma too many or too few?)"],
        ),
        (
            'school_id,name,lat,level\ns1,A,"10,8",cap_hai\n',
            [
                "line 2: level: none of mam_non, tieu_hoc, thcs",
                "line 2: lat: not a number from -90 to 90 (a point, not a comma?)",
            ],
        ),
        (
            "school_id,name,lat\ns1,A,nan\n",
            ["line 2: lat: not a number from -90 to 90 (a point, not a comma?)"],
        ),
        ("school_id,name,agent_id\ns1,A,GW 1\n", ["line 2: agent_id: 1 to 64 of a-z, 0-9 and -"]),
        ("school_id,name\ns/1,A\n", ["line 2: school_id: 1 to 64 of letters, digits, - and _"]),
    ],
)
def test_every_mistake_is_named(text: str, expected: list[str]) -> None:
    with pytest.raises(ImportRefused) as refused:
        read_schools(text.encode())
    assert [str(problem) for problem in refused.value.problems] == expected


def test_a_file_that_is_not_utf8_names_the_line() -> None:
    with pytest.raises(ImportRefused) as refused:
        read_schools(b"school_id,name\ns1,A\n" + "s2,Trường\n".encode("utf-16-le"))
    assert [problem.line for problem in refused.value.problems] == [3]


def test_a_file_that_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(ImportRefused, match="too large"):
        read_schools(b"x" * (10 * 1024 * 1024 + 1))
