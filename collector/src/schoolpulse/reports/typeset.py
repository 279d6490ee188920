"""Sets a document in a process of its own: its memory and its time are not the collector's.

``python -m schoolpulse.reports.typeset`` reads the document's data as JSON and writes the PDF.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.resources import files

from schoolpulse.errors import Reason, ReportFailed

TIMEOUT_S = 180.0


def typeset(data: dict[str, object]) -> bytes:
    """The PDF of `data`, whose shape is ``document.typ``'s.

    Raises:
        ReportFailed: it was not set, or not in time.
    """
    command = [sys.executable, "-m", "schoolpulse.reports.typeset"]
    body = json.dumps(data, ensure_ascii=False).encode("utf-8", "replace")
    try:
        done = subprocess.run(command, input=body, capture_output=True, timeout=TIMEOUT_S, check=False)  # noqa: S603 -- our own module
    except subprocess.TimeoutExpired as error:
        raise ReportFailed(
            f"the document was not ready after {TIMEOUT_S:.0f} s",
            hint="a shorter period, or XLSX",
            why=Reason("report_slow", values={"seconds": TIMEOUT_S}),
        ) from error
    if done.returncode != 0 or not done.stdout.startswith(b"%PDF"):
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ReportFailed(
            f"the document could not be set: {said[-1][:300] if said else 'no word of why'}",
            hint="the other forms hold the same figures",
            why=Reason("report_not_set"),
        )
    return done.stdout


def _set(body: bytes) -> bytes:
    import typst  # noqa: PLC0415 -- 80 MB that only this process maps

    data = json.loads(body)
    template = files("schoolpulse.reports").joinpath("document.typ").read_bytes()
    made: bytes = typst.compile(
        template,
        format="pdf",
        sys_inputs={"data": body.decode()},
        ignore_system_fonts=not data["fonts"],
        pdf_standards="a-2u",
        timestamp=data["made_at_ms"] // 1000,
    )
    return made


if __name__ == "__main__":
    sys.stdout.buffer.write(_set(sys.stdin.buffer.read()))
