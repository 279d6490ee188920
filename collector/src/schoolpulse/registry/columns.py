"""The columns of a registry file by kind, with the names that Vietnamese spreadsheets give them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from schoolpulse.registry import values
from schoolpulse.registry.mistakes import Mistake
from schoolpulse.registry.values import Parser, folded

Kind = Literal["schools", "lines", "devices", "contacts"]
KINDS: tuple[Kind, ...] = get_args(Kind)
MBPS = values.number(0, 1_000_000)
COST = values.number(0, 1e12)


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name, how a cell is read, other names that people give it."""

    name: str
    parse: Parser
    titles: tuple[str, ...] = ()
    required: bool = False


_SCHOOL_ID = Column("school_id", values.school_id, ("Mã trường", "Mã cơ sở"), required=True)
_LINE = (
    Column("provider", values.text(64), ("Nhà mạng", "Nhà cung cấp")),
    Column("technology", values.technology, ("Công nghệ", "Loại đường truyền")),
    Column("contracted_down_mbps", MBPS, ("Tốc độ tải xuống (Mbps)", "Tải xuống (Mbps)", "Tải xuống")),
    Column("contracted_up_mbps", MBPS, ("Tốc độ tải lên (Mbps)", "Tải lên (Mbps)", "Tải lên")),
    Column("cost_per_month", COST, ("Chi phí tháng", "Chi phí mỗi tháng", "Cước tháng")),
    Column("currency", values.currency, ("Tiền tệ",)),
    Column("valid_from", values.moment, ("Từ ngày", "Hiệu lực từ")),
)
COLUMNS: Mapping[Kind, tuple[Column, ...]] = {
    "schools": (
        _SCHOOL_ID,
        Column("name", values.text(200), ("Tên trường", "Tên cơ sở", "Tên"), required=True),
        Column("level", values.level, ("Cấp học", "Cấp")),
        Column("ward", values.area_name, ("Phường", "Phường/Xã", "Xã")),
        Column("lat", values.number(-90, 90), ("Vĩ độ",)),
        Column("lon", values.number(-180, 180), ("Kinh độ",)),
        Column("agent_id", values.agent_id, ("Mã agent", "Mã thiết bị đo")),
        *_LINE[:4],
        Column("backup_technology", values.technology, ("Công nghệ dự phòng", "Dự phòng")),
        Column("area", values.area_path, ("Khu vực", "Địa bàn")),
        Column("area_from", values.since, ("Thuộc địa bàn từ ngày", "Chuyển từ ngày")),
        *_LINE[4:],
        Column("backup_provider", values.text(64), ("Nhà mạng dự phòng",)),
        Column("backup_contracted_down_mbps", MBPS, ("Tải xuống dự phòng (Mbps)",)),
        Column("backup_contracted_up_mbps", MBPS, ("Tải lên dự phòng (Mbps)",)),
        Column("backup_cost_per_month", COST, ("Chi phí tháng dự phòng",)),
        Column("backup_currency", values.currency, ("Tiền tệ dự phòng",)),
        Column("closed_on", values.moment, ("Ngày đóng cửa", "Đóng cửa")),
    ),
    "lines": (
        _SCHOOL_ID,
        Column("role", values.role, ("Vai trò",), required=True),
        *_LINE[:1],
        Column("technology", values.technology, ("Công nghệ", "Loại đường truyền"), required=True),
        *_LINE[2:],
        Column("valid_to", values.moment, ("Đến ngày", "Hiệu lực đến")),
    ),
    "devices": (
        _SCHOOL_ID,
        Column("device_id", values.text(128), ("Mã thiết bị",), required=True),
        Column("kind", values.word, ("Loại", "Loại thiết bị"), required=True),
        Column("name", values.text(200), ("Tên thiết bị", "Tên")),
        Column("model", values.text(200), ("Kiểu máy", "Mẫu")),
        Column("serial", values.text(200), ("Số sê-ri", "Số máy")),
        Column("parent", values.text(128), ("Nối vào", "Thiết bị cha")),
        Column("room", values.text(200), ("Phòng",)),
        Column("bought_on", values.day, ("Ngày mua",)),
        Column("warranty_until", values.day, ("Hạn bảo hành", "Bảo hành đến")),
    ),
    "contacts": (
        _SCHOOL_ID,
        Column("function", values.text(100), ("Bộ phận", "Chức năng"), required=True),
        Column("phone", values.phone, ("Điện thoại", "Số điện thoại")),
        Column("email", values.email, ("Thư điện tử", "E-mail")),
    ),
}
BY_NAME: Mapping[Kind, Mapping[str, Column]] = {
    kind: {column.name: column for column in columns} for kind, columns in COLUMNS.items()
}
# The column that only this kind of file must have.
_SIGNS: Mapping[str, Kind] = {"device_id": "devices", "function": "contacts", "role": "lines"}
_TITLES: Mapping[Kind, Mapping[str, str]] = {
    kind: {folded(title): column.name for column in columns for title in (column.name, *column.titles)}
    for kind, columns in COLUMNS.items()
}


def named(kind: Kind, title: str) -> str | None:
    """The column that `title` stands for in a file of that kind."""
    return _TITLES[kind].get(folded(title))


def kind_of(header: Sequence[str]) -> Kind:
    """What a sheet with that header holds."""
    for sign, kind in _SIGNS.items():
        if any(named(kind, title) == sign for title in header):
            return kind
    return "schools"


def known_count(header: Sequence[str]) -> int:
    """How many of its cells are names of columns."""
    kind = kind_of(header)
    return sum(named(kind, title) is not None for title in header)


def header_mistakes(kind: Kind, header: Sequence[str], row: int, sheet: str = "") -> Iterator[Mistake]:
    """Everything that is wrong with a header."""
    found = [named(kind, title) for title in header]
    for column in COLUMNS[kind]:
        if column.required and column.name not in found:
            yield Mistake(column.name, "missing_column", row, sheet)
    for title, name in zip(header, found, strict=True):
        if name is None and title:
            close = difflib.get_close_matches(title, BY_NAME[kind], n=1)
            yield Mistake(repr(title), "unknown_column", row, sheet, {"close": close[0] if close else ""})
        elif name is not None and found.count(name) > 1:
            yield Mistake(name, "twice_column", row, sheet)
