"""Plans the rows of sheets of devices and of contacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from schoolpulse.registry.models import Contact, Device, shallow
from schoolpulse.registry.plan import Action, Draft, differences
from schoolpulse.registry.records import Record
from schoolpulse.registry.writing import Writer

Key = tuple[str, str]


def plan_devices(draft: Draft, records: Sequence[Record]) -> None:
    """Devices; each hangs on one of its school's, or on the gateway."""
    known = {(one.school_id, one.device_id): one for one in draft.recorded.devices}
    rows = {(record.text("school_id"), record.text("device_id")): record for record in records}
    parents = {key: one.parent for key, one in known.items()}
    parents |= {key: record.text("parent") for key, record in rows.items() if "parent" in record.values}
    for key, record in rows.items():
        if not draft.is_there(record):
            continue
        parent = parents.get(key, "")
        above = (key[0], parent)
        if parent and above not in known and above not in rows and above not in draft.named:
            draft.plan.mistakes.append(record.wrong("parent", "no_parent", value=repr(parent)))
        elif is_circle(key, parents):
            draft.plan.mistakes.append(record.wrong("parent", "parent_circle"))
        before = known.get(key)
        base = before or Device(school_id=key[0], device_id=key[1], kind="")
        after = Device(**_said(base, record))
        action = _count(draft, "devices", before, after)
        if action != "same":
            draft.step(partial(Writer.save_device, device=after, known=before))
            fields = differences(shallow(before) if before else {}, shallow(after))
            draft.show("device", key, action, fields, record)
    if "devices" in draft.plan.counts:
        draft.plan.missing["devices"] = _missing(known, rows)


def plan_contacts(draft: Draft, records: Sequence[Record]) -> None:
    """Contacts: an office of a school and its post."""
    known = {(one.school_id, one.function): one for one in draft.recorded.contacts}
    rows = {(record.text("school_id"), record.text("function")): record for record in records}
    for key, record in rows.items():
        if not draft.is_there(record):
            continue
        before = known.get(key)
        base = before or Contact(school_id=key[0], function=key[1])
        after = Contact(**_said(base, record))
        action = _count(draft, "contacts", before, after)
        if action != "same":
            draft.step(partial(Writer.save_contact, contact=after, known=before))
            fields = differences(shallow(before) if before else {}, shallow(after))
            draft.show("contact", key, action, fields, record)
    if "contacts" in draft.plan.counts:
        draft.plan.missing["contacts"] = _missing(known, rows)


def is_circle(key: Key, parents: Mapping[Key, str]) -> bool:
    """Whether a device hangs on itself, by way of others or not."""
    school_id, device_id = key
    at, steps = parents.get(key, ""), 0
    while at and steps <= len(parents):
        if at == device_id:
            return True
        at, steps = parents.get((school_id, at), ""), steps + 1
    return False


def _count(draft: Draft, kind: Any, before: object, after: object) -> Action:
    action: Action = "same" if before == after else "changed" if before else "new"
    draft.plan.counts[kind][action] += 1
    return action


def _missing(known: Mapping[Key, object], rows: Mapping[Key, Record]) -> list[str]:
    """What the registry has of the schools that the sheet speaks of, and the sheet lacks."""
    schools = {school_id for school_id, _ in rows}
    return ["/".join(key) for key in known if key[0] in schools and key not in rows]


def _said(base: Device | Contact, record: Record) -> dict[str, Any]:
    """The fields of `base` as the row says them; an empty cell empties."""
    values = shallow(base)
    for name, value in record.values.items():
        values[name] = "" if value is None and isinstance(values[name], str) else value
    return values
