"""An import from its file's bytes to a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from schoolpulse.registry.columns import KINDS, Kind
from schoolpulse.registry.csv_file import read_csv
from schoolpulse.registry.periods import day_start
from schoolpulse.registry.plan import Draft, Plan, Recorded
from schoolpulse.registry.plan_lines import plan_lines
from schoolpulse.registry.plan_schools import plan_closings, plan_schools
from schoolpulse.registry.plan_things import plan_contacts, plan_devices
from schoolpulse.registry.records import Found, Record, read_sheets
from schoolpulse.registry.sheets import check_size
from schoolpulse.registry.snapshot import Snapshot
from schoolpulse.registry.xlsx_file import is_spreadsheet, read_xlsx


def read_file(data: bytes) -> Found:
    """Every record of a CSV or XLSX file, told apart by their content.

    Raises:
        FileRefused: too large, of another kind, or of another encoding.
    """
    check_size(len(data))
    if not is_spreadsheet(data):
        return read_sheets([read_csv(data)])
    sheets, mistakes, warnings = read_xlsx(data)
    found = read_sheets(sheets)
    found.mistakes[:0] = mistakes
    found.warnings[:0] = warnings
    return found


NOTHING = Recorded(snapshot=Snapshot(), devices=(), contacts=())
"""An empty registry."""


def make_plan(found: Found, recorded: Recorded, now_ms: int, parent_area: Sequence[str] = ()) -> Plan:
    """What importing `found` would do.

    Args:
        found: what the file holds.
        recorded: the registry as it stands.
        now_ms: lines and areas without a date begin on this day.
        parent_area: the path of areas above the file's wards.
    """
    plan = Plan(recorded.snapshot.version, mistakes=list(found.mistakes), warnings=list(found.warnings))
    plan.counts = {kind: Counter() for kind in KINDS if kind in found.kinds}
    records: dict[Kind, list[Record]] = {kind: [] for kind in KINDS}
    for record in found.records:
        records[record.kind].append(record)
    draft = Draft(plan, recorded, now_ms, day_start(now_ms), tuple(parent_area), frozenset(found.named))
    plan_schools(draft, records["schools"])
    plan_lines(draft, records["lines"])
    plan_devices(draft, records["devices"])
    plan_contacts(draft, records["contacts"])
    plan_closings(draft, records["schools"])
    return plan
