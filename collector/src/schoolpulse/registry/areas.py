"""The tree of areas: reading it, moving a branch, taking out an empty leaf."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from schoolpulse.registry import tables
from schoolpulse.registry.reading import area_paths
from schoolpulse.registry.writing import Writer


class AreaTaken(ValueError):
    """The tree does not allow it: a sibling has that name, it would be a circle, something hangs on it.

    Its text is a word that never changes: ``area_name_taken``, ``area_below_itself``, ``area_holds_areas``,
    ``area_holds_schools``.
    """


@dataclass(frozen=True, slots=True)
class Area:
    """One area; `path` is from the top down, itself included."""

    id: int
    parent_id: int | None
    name: str
    path: tuple[str, ...]


def read_areas(connection: Connection) -> list[Area]:
    """Every area, each after the one above it."""
    paths = area_paths(connection)
    rows = connection.execute(select(tables.area)).all()
    found = [Area(row.id, row.parent_id, row.name, paths[row.id]) for row in rows]
    return sorted(found, key=lambda area: area.path)


def move_area(writer: Writer, area: Area, name: str, parent_id: int | None) -> None:
    """Give an area another name or another place; what is below it goes with it, in every report.

    Raises:
        KeyError: there is no such parent.
        AreaTaken: the name is taken there, or the parent is below it.
    """
    areas = read_areas(writer.connection)
    by_id = {one.id: one for one in areas}
    above = by_id[parent_id].path if parent_id is not None else ()
    if above[: len(area.path)] == area.path:
        raise AreaTaken("area_below_itself")
    path = (*above, name)
    if any(one.path == path and one.id != area.id for one in areas):
        raise AreaTaken("area_name_taken")
    if path == area.path:
        return
    changed = update(tables.area).where(tables.area.c.id == area.id)
    writer.connection.execute(changed.values(name=name, parent_id=parent_id))
    writer.note("area", "/".join(path), "changed", None, {"path": (area.path, path)})


def remove_area(writer: Writer, area: Area) -> None:
    """Take out an area.

    Raises:
        AreaTaken: schools, closed ones and those that have moved away too, or other areas are in it.
    """
    below = select(tables.area.c.id).where(tables.area.c.parent_id == area.id)
    hung = tables.school_area.c
    schools = select(hung.school_id).where(hung.area_id == area.id)
    taken = ((below, AreaTaken("area_holds_areas")), (schools, AreaTaken("area_holds_schools")))
    for query, error in taken:
        if writer.connection.execute(query.limit(1)).first() is not None:
            raise error
    writer.connection.execute(delete(tables.area).where(tables.area.c.id == area.id))
    writer.note("area", "/".join(area.path), "removed", None, {})
