"""A picture of what happened: the truth beside the incidents, one HTML file that needs nothing else.

Every school that something happened to is a row; truths lie above, incidents below, on one time axis. A
table after it says the same in words, for those who cannot see it.
"""

from __future__ import annotations

import html
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

from schoolpulse.errors import Problem, UsageError
from schoolpulse_sim.describe import span_text
from schoolpulse_sim.timing import DAY, HOUR, LOCAL_OFFSET_MS, MINUTE, local

MAX_ROWS = 400
LEFT, WIDTH, ROW, BAR = 190, 1_100, 26, 9
# Colours that the colour-blind can tell apart (Okabe and Ito's set); words say the same everywhere.
COLOURS = {
    "outage": "#D55E00",
    "on_backup": "#E69F00",
    "degraded": "#F0E442",
    "dns_only": "#CC79A7",
    "captive_portal": "#CC79A7",
    "international_only": "#56B4E9",
    "device_down": "#009E73",
    "blind": "#000000",
}
_TICKS = (MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 3 * HOUR, 6 * HOUR, DAY, 7 * DAY, 30 * DAY)

NEEDED = {"id", "kind", "cause", "scope", "start", "end"}

Record = dict[str, Any]


def read_lines(path: Path) -> list[Record]:
    """The objects of a file of JSON lines.

    Raises:
        UsageError: a line is none, or lacks what every truth and incident has.
    """
    found = []
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        try:
            record = json.loads(line)
        except ValueError:
            record = None
        if not isinstance(record, dict) or not set(record) >= NEEDED:
            problem = Problem(str(path), "no truth and no incident", "one JSON object a line", number)
            raise UsageError(f"{path}: not a file of truths or incidents", [problem])
        found.append(record)
    return found


def picture(truths: Sequence[Record], incidents: Sequence[Record], title: str) -> str:
    """The HTML page."""
    everything = [*truths, *incidents]
    if not everything:
        return _page(title, "<p>Nothing happened.</p>")
    start_ms = min(record["start"] for record in everything)
    end_ms = max(record["end"] or record["start"] + MINUTE for record in everything)
    margin_ms = max(MINUTE, (end_ms - start_ms) // 50)
    start_ms, end_ms = start_ms - margin_ms, end_ms + margin_ms
    rows = sorted({_row(record) for record in everything}, key=lambda row: (not row.startswith("*"), row))
    shown = rows[:MAX_ROWS]
    height = ROW * len(shown) + 40

    def x(at_ms: int) -> float:
        return float(LEFT + round((at_ms - start_ms) / (end_ms - start_ms) * WIDTH, 1))

    parts = [f'<svg viewBox="0 0 {LEFT + WIDTH + 20} {height}" role="img" aria-label="{html.escape(title)}">']
    parts += _axis(start_ms, end_ms, height, x)
    for number, row in enumerate(shown):
        top = 30 + number * ROW
        parts.append(f'<text x="{LEFT - 8}" y="{top + 14}" class="name">{html.escape(row.strip("*"))}</text>')
        parts.append(f'<line x1="{LEFT}" x2="{LEFT + WIDTH}" y1="{top + ROW - 3}" y2="{top + ROW - 3}"/>')
        for offset, records, what in ((1, truths, "truth"), (BAR + 3, incidents, "incident")):
            for record in records:
                if _row(record) == row:
                    parts.append(_bar(record, what, top + offset, end_ms, x))
    parts.append("</svg>")
    left_out = f"<p>{len(rows) - len(shown)} more rows are only in the table.</p>" if rows[MAX_ROWS:] else ""
    return _page(title, _legend() + "".join(parts) + left_out + _table(truths, incidents))


def _row(record: Record) -> str:
    """Whose row it is; what reaches beyond one school stands first."""
    if record.get("school"):
        return str(record["school"])
    return f"*{record.get('provider') or record['scope']}"


def _bar(record: Record, what: str, top: int, end_ms: int, x: Callable[[int], float]) -> str:
    left = x(record["start"])
    width = max(2.0, x(record["end"] or end_ms) - left)
    colour = COLOURS.get(record["kind"], "#999999")
    faint = ' class="faint"' if record.get("detectable") is False else ""
    return (
        f'<rect x="{left}" y="{top}" width="{width:.1f}" height="{BAR}" fill="{colour}"{faint}>'
        f"<title>{what}: {html.escape(_words(record))}</title></rect>"
    )


def _words(record: Record) -> str:
    end_ms = record["end"]
    lasted = span_text(end_ms - record["start"]) if end_ms else "still open"
    more = [f"not detectable ({record['why_not']})"] if record.get("why_not") else []
    more += [f"{len(record['paged_at'])} pages"] if "paged_at" in record else []
    begins = f"{local(record['start']):%Y-%m-%d %H:%M:%S}"
    return ", ".join([f"{record['kind']}, {record['cause']}", f"{begins}, {lasted}", *more])


def _axis(start_ms: int, end_ms: int, height: int, x: Callable[[int], float]) -> Iterable[str]:
    step_ms = next((tick for tick in _TICKS if (end_ms - start_ms) / tick <= 12), _TICKS[-1])
    at_ms = -(-(start_ms + LOCAL_OFFSET_MS) // step_ms) * step_ms - LOCAL_OFFSET_MS
    text = "%d.%m" if step_ms >= DAY else "%H:%M"
    while at_ms < end_ms:
        yield f'<line x1="{x(at_ms)}" x2="{x(at_ms)}" y1="22" y2="{height}" class="tick"/>'
        yield f'<text x="{x(at_ms)}" y="16" class="time">{local(at_ms).strftime(text)}</text>'
        at_ms += step_ms


def _legend() -> str:
    items = "".join(f'<li><b style="background:{colour}"></b>{kind}</li>' for kind, colour in COLOURS.items())
    key = "<li>upper bar: truth (faint: need not be found); lower bar: incident</li>"
    return f'<ul class="legend">{items}{key}</ul>'


def _table(truths: Sequence[Record], incidents: Sequence[Record]) -> str:
    rows = sorted(
        [(record["start"], "truth", record) for record in truths]
        + [(record["start"], "incident", record) for record in incidents],
        key=lambda row: (row[0], row[1], str(row[2]["id"])),
    )
    body = ""
    for _, what, record in rows:
        cells = (what, _row(record).strip("*"), _words(record))
        body += "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in cells) + "</tr>"
    return f"<details><summary>{len(rows)} lines as a table</summary><table>{body}</table></details>"


def _page(title: str, body: str) -> str:
    style = (
        "body{font:14px/1.4 system-ui,sans-serif;margin:1.5em;color:#222}svg{width:100%;height:auto}"
        "text{font-size:12px;fill:#333}.name{text-anchor:end}.time{text-anchor:middle}line{stroke:#eee}"
        ".tick{stroke:#ccc}.faint{opacity:.35}.legend{list-style:none;padding:0;display:flex;flex-wrap:wrap;gap:1em}"
        ".legend b{display:inline-block;width:1em;height:.8em;margin-right:.4em}td{padding:.1em .8em .1em 0}"
    )
    head = f'<meta charset="utf-8"><title>{html.escape(title)}</title><style>{style}</style>'
    body = f"<h1>{html.escape(title)}</h1>{body}"
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>\n'
