"""Changes to the registry's tables, each leaving its row in the record, within the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Table, insert, select, update

from schoolpulse.registry import tables
from schoolpulse.registry.models import (
    ROLES,
    AreaPeriod,
    Contact,
    Device,
    Line,
    LinePeriod,
    Role,
    School,
    shallow,
)
from schoolpulse.registry.moves import Area, Since, areas_of, hang, moved
from schoolpulse.registry.periods import begin, day_start, end
from schoolpulse.registry.reading import by_time, period_of
from schoolpulse.registry.recording import Fields, Recording, Row, differences, said
from schoolpulse.registry.standing import Standing


class Writer(Recording):
    """One transaction's worth of changes, all at `at_ms` and by the same hand.

    Args:
        connection: within a transaction of the caller's.
        at_ms: now.
        by: who changes it: a caller's name, ``import``, ``console``.
    """

    def __init__(self, connection: Connection, at_ms: int, by: str) -> None:
        super().__init__(connection, at_ms, by)
        self._areas: dict[Area, int | None] = {(): None}
        self._hanging: list[tuple[Row, str, Area]] = []
        self._standing = Standing(self)

    def save_school(self, school: School, known: School | None, *, area_since: Since = "today") -> None:
        """Insert or update the school itself, without its lines and agent.

        Args:
            school: as it is to be.
            known: as it is, None for a new one.
            area_since: from when on it hangs where it is said to; see `moves.hang`.
        """
        values = {name: getattr(school, name) for name in ("name", "level", "lat", "lon")}
        old, new = areas_of(known), self.areas_with(school, known, area_since)
        if known is None:
            self.add(tables.school, {"id": school.id, **values})
            self._set_areas(school.id, old, new)
            self.note("school", school.id, "added", school.id, {"name": (None, school.name)})
            return
        fields: dict[str, tuple[object, object]] = {
            name: (said(getattr(known, name)), said(value))
            for name, value in values.items()
            if getattr(known, name) != value
        }
        if fields:
            self.change(tables.school, {"id": school.id}, values)
        if list(old) != new:
            self._set_areas(school.id, old, new)
            fields |= {name: pair for name, pair in moved(old, new).items() if pair[0] != pair[1]}
        if fields:
            self.note("school", school.id, "changed", school.id, fields)

    def areas_with(self, school: School, known: School | None, since: Since) -> list[AreaPeriod]:
        """Every area of `known`, with `school` where it is said to hang since then."""
        today_ms = day_start(self.at_ms)
        return hang(areas_of(known), school.area, since, today_ms=today_ms, now_ms=self.at_ms)

    def set_agent(self, school_id: str, agent_id: str | None) -> None:
        """Give the school that gateway and no other; an agent that stood elsewhere moves."""
        self._standing.set_gateway(school_id, agent_id)

    def set_classroom(self, school_id: str, agent_id: str, name: str) -> None:
        """Let an agent be one of the school's classrooms, or give it another name."""
        self._standing.set_classroom(school_id, agent_id, name)

    def remove_classroom(self, school_id: str, agent_id: str) -> bool:
        """Let the agent be nobody's; whether it was one of the school's classrooms."""
        return self._standing.remove_classroom(school_id, agent_id)

    def begin_line(self, school_id: str, line: Line, from_ms: int | None, to_ms: int | None = None) -> None:
        """Let the school have `line` from `from_ms` on; see `periods.begin`.

        Raises:
            ValueError: it ends before it begins, or reaches into the period after it.
        """
        old = self.line_periods(school_id, line.role)
        self.set_line(school_id, line.role, old, begin(old, line, from_ms, to_ms))

    def end_line(self, school_id: str, role: Role, at_ms: int) -> None:
        """Let the line end."""
        old = self.line_periods(school_id, role)
        self.set_line(school_id, role, old, end(old, at_ms))

    def line_periods(self, school_id: str, role: Role) -> list[LinePeriod]:
        """The line's history as it stands."""
        rows = tables.line.c
        query = select(tables.line).where(rows.school_id == school_id, rows.role == role)
        return by_time(period_of(row) for row in self.connection.execute(query))

    def set_line(
        self, school_id: str, role: Role, old: Sequence[LinePeriod], new: Sequence[LinePeriod]
    ) -> None:
        """Make the line's history `new` where it was `old`."""
        kept = {period.id for period in new if period.id}
        before = {period.id: period for period in old}
        for period in old:
            if period.id not in kept:
                self.remove(tables.line, {"id": period.id})
                self.note("line", role, "removed", school_id, _line_fields(period, None))
        for period in new:
            known = before.get(period.id) if period.id else None
            if known is None:
                self.add(tables.line, {"school_id": school_id, **_values(period)})
                self.note("line", role, "added", school_id, _line_fields(None, period))
            elif known != period:
                self.change(tables.line, {"id": period.id}, _values(period))
                self.note("line", role, "changed", school_id, _line_fields(known, period))

    def close_school(self, school_id: str, at_ms: int) -> None:
        """Close the school at `at_ms`: its lines end, its agent leaves, its history stays."""
        for role in ROLES:
            self.end_line(school_id, role, at_ms)
        self._standing.leave(school_id)
        self._set_closed(school_id, at_ms)
        self.note("school", school_id, "closed", school_id, {"closed_ms": (None, at_ms)})

    def reopen_school(self, school_id: str) -> None:
        """Open it again; its lines and its agent are to be said anew."""
        self._set_closed(school_id, None)
        self.note("school", school_id, "reopened", school_id, {})

    def devices(self, school_id: str) -> dict[str, Device]:
        """The school's devices as they stand, by id."""
        query = select(tables.device).where(tables.device.c.school_id == school_id)
        return {row["device_id"]: Device(**row) for row in self.connection.execute(query).mappings()}

    def contact(self, school_id: str, function: str) -> Contact | None:
        """A contact as it stands."""
        rows = tables.contact.c
        query = select(tables.contact).where(rows.school_id == school_id, rows.function == function)
        found = self.connection.execute(query).mappings().one_or_none()
        return Contact(**found) if found else None

    def save_device(self, device: Device, known: Device | None) -> None:
        """Insert or update a device."""
        self._save(tables.device, "device", device.device_id, device, known)

    def remove_device(self, device: Device) -> None:
        """Take a device off the record; what was measured of it stays."""
        self.remove(tables.device, {"school_id": device.school_id, "device_id": device.device_id})
        self.note("device", device.device_id, "removed", device.school_id, _fields(device, None))

    def save_contact(self, contact: Contact, known: Contact | None) -> None:
        """Insert or update a contact."""
        self._save(tables.contact, "contact", contact.function, contact, known)

    def remove_contact(self, contact: Contact) -> None:
        """Take a contact off the record."""
        self.remove(tables.contact, {"school_id": contact.school_id, "function": contact.function})
        self.note("contact", contact.function, "removed", contact.school_id, _fields(contact, None))

    def area_id(self, path: Sequence[str]) -> int | None:
        """The area of that path, made with all above it where it is missing."""
        self._want_area(tuple(path))
        self._make_areas()
        return self._areas[tuple(path)]

    def _want_area(self, path: Area) -> None:
        """Look for an area and those above it; what is missing is made before anything is written."""
        parent = None
        for depth in range(1, len(path) + 1):
            upper = path[:depth]
            if upper not in self._areas:
                above_is_new = depth > 1 and parent is None
                self._areas[upper] = None if above_is_new else self._area_below(parent, upper[-1])
                if self._areas[upper] is None:
                    self.note("area", "/".join(upper), "added", None, {})
            parent = self._areas[upper]

    def _area_below(self, parent: int | None, name: str) -> int | None:
        rows = tables.area.c
        below = rows.parent_id.is_(None) if parent is None else rows.parent_id == parent
        found: int | None = self.direct.execute(select(rows.id).where(below, rows.name == name)).scalar()
        return found

    def _make_areas(self) -> None:
        """Those that are missing, level by level from the top."""
        missing: dict[int, list[Area]] = {}
        for path, area_id in self._areas.items():
            if area_id is None and path:
                missing.setdefault(len(path), []).append(path)
        made = insert(tables.area).returning(tables.area.c.id, sort_by_parameter_order=True)
        for _, paths in sorted(missing.items()):
            rows = [{"name": path[-1], "parent_id": self._areas[path[:-1]]} for path in paths]
            self._areas.update(zip(paths, self.direct.execute(made, rows).scalars(), strict=True))

    def _settle(self) -> None:
        self._make_areas()
        for row, column, path in self._hanging:
            row[column] = self._areas[path]
        self._hanging.clear()

    def _set_areas(self, school_id: str, old: Sequence[AreaPeriod], new: Sequence[AreaPeriod]) -> None:
        """Make where the school hung `new` where it was `old`. A period is known by its beginning."""
        before = {period.from_ms: period.area for period in old}
        after = {period.from_ms: period.area for period in new}
        for from_ms in before.keys() - after.keys():
            self.remove(tables.school_area, {"school_id": school_id, "valid_from_ms": from_ms})
        for from_ms, area in after.items():
            which = {"school_id": school_id, "valid_from_ms": from_ms}
            if from_ms not in before:
                self._want_area(area)
                self._hanging.append(
                    (self.add(tables.school_area, which | {"area_id": None}), "area_id", area)
                )
            elif before[from_ms] != area:
                self._want_area(area)
                row = self.change(tables.school_area, which, {"area_id": None})
                self._hanging.append((row, "to_area_id", area))

    def count_up(self) -> int:
        """Let every process that has this registry in memory see that it changed; the new version.

        It keeps other writers out from now until the transaction ends, on both databases.
        """
        rows = tables.version.c
        counted = update(tables.version).values(version=rows.version + 1).returning(rows.version)
        version = self.direct.execute(counted).scalar()
        if version is None:
            version = 1
            self.direct.execute(insert(tables.version).values(id=1, version=version))
        return version

    def _save(
        self,
        table: Table,
        kind: str,
        subject: str,
        new: Device | Contact,
        known: Device | Contact | None,
    ) -> None:
        values = shallow(new)
        keys = [column.name for column in table.primary_key.columns]
        if known is None:
            self.add(table, values)
            self.note(kind, subject, "added", new.school_id, _fields(None, new))
        elif known != new:
            self.change(table, {name: values[name] for name in keys}, values)
            self.note(kind, subject, "changed", new.school_id, _fields(known, new))

    def _set_closed(self, school_id: str, at_ms: int | None) -> None:
        self.change(tables.school, {"id": school_id}, {"closed_ms": at_ms})


def _values(period: LinePeriod) -> dict[str, object]:
    return shallow(period.line) | {"valid_from_ms": period.from_ms, "valid_to_ms": period.to_ms}


def _line_fields(old: LinePeriod | None, new: LinePeriod | None) -> Fields:
    before, after = (_values(period) if period else {} for period in (old, new))
    return differences(before, after)


def _fields(old: Device | Contact | None, new: Device | Contact | None) -> Fields:
    before, after = (shallow(one) if one else {} for one in (old, new))
    return differences(before, after)
