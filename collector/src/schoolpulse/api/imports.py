"""``/api/v1/import``: a file is looked at first, and what was shown is what is done. Administrators only.

    POST   /import            multipart, field `file`: a CSV or XLSX; answers a preview with a token
    GET    /import/{token}    everything that would change, a page at a time
    POST   /import/{token}    do exactly that; 409 if the registry was changed since
    DELETE /import/{token}    forget it

A file that cannot be read at all (another encoding, no spreadsheet, too large) is a problem with status 422
or 413, its mistakes in both languages. Previews are kept for half an hour, in memory.
"""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import APIRouter, File, Path, Query, UploadFile

from schoolpulse.api.guards import Admin
from schoolpulse.api.import_schemas import (
    ImportedOut,
    ItemOut,
    ItemsOut,
    MistakeOut,
    PreviewOut,
    counts_of,
)
from schoolpulse.api.problems import ProblemDocument, Refused, RefusedFile, fault, not_found
from schoolpulse.api.record_common import RegistryDesk
from schoolpulse.api.services import Services
from schoolpulse.errors import Reason
from schoolpulse.registry.importing import make_plan, read_file
from schoolpulse.registry.plan import Plan, RegistryMoved
from schoolpulse.registry.sheets import MAX_BYTES, FileRefused

KEEP_MS = 30 * 60_000
MAX_PREVIEWS = 8
SHOWN = 200
MAX_MISSING = 500
_ENVELOPE_BYTES = 64 * 1024
Token = Annotated[str, Path(max_length=64, examples=["i3b0d2f6e8a1c4f57"])]


@dataclass(frozen=True, slots=True)
class _Kept:
    plan: Plan
    caller: str
    until_ms: int


@dataclass
class Previews:
    """The last few previews, each for whoever asked for it."""

    _kept: dict[str, _Kept] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def keep(self, plan: Plan, caller: str, now_ms: int) -> tuple[str, int]:
        """A token for a plan, and when it is forgotten."""
        token, until_ms = "i" + secrets.token_hex(16), now_ms + KEEP_MS
        with self._lock:
            self._kept = {name: kept for name, kept in self._kept.items() if kept.until_ms > now_ms}
            while len(self._kept) >= MAX_PREVIEWS:
                del self._kept[next(iter(self._kept))]
            self._kept[token] = _Kept(plan, caller, until_ms)
        return token, until_ms

    def get(self, token: str, caller: str, now_ms: int) -> Plan:
        """The plan of a token.

        Raises:
            Refused: 404.
        """
        with self._lock:
            kept = self._kept.get(token)
        if kept is None or kept.caller != caller or kept.until_ms <= now_ms:
            raise not_found("preview")
        return kept.plan

    def drop(self, token: str) -> None:
        """Forget it."""
        with self._lock:
            self._kept.pop(token, None)


def router(services: Services, desk: RegistryDesk) -> APIRouter:
    """The routes over `desk`."""
    routes = APIRouter(prefix="/import", tags=["registry"])
    registry, audit, clock = desk.registry, services.audit, services.clock
    previews = Previews()
    one_at_a_time = threading.Lock()

    @routes.post(
        "",
        status_code=201,
        max_body_size=MAX_BYTES + _ENVELOPE_BYTES,
        responses=ProblemDocument.responses(400, 413, 422),
    )
    def preview(
        caller: Admin, file: Annotated[UploadFile, File(description="CSV (UTF-8) or XLSX, at most 10 MiB")]
    ) -> PreviewOut:
        """Look at a file and say what importing it would do. Changes nothing."""
        data = file.file.read(MAX_BYTES + 1)
        with one_at_a_time:  # a large workbook takes memory while it is read
            try:
                found = read_file(data)
            except FileRefused as error:
                raise _refused(error) from error
            plan = make_plan(found, registry.recorded(), clock.now_ms(), desk.area)
        token, until_ms = (None, None) if plan.mistakes else previews.keep(plan, caller.name, clock.now_ms())
        return PreviewOut(
            token=token,
            expires_ms=until_ms,
            file=(file.filename or "")[:200],
            counts=counts_of(plan),
            items=[ItemOut.of(item) for item in plan.items[:SHOWN]],
            items_total=len(plan.items),
            missing={kind: names[:MAX_MISSING] for kind, names in plan.missing.items()},
            mistakes=[MistakeOut.of(mistake) for mistake in plan.mistakes],
            warnings=[MistakeOut.of(mistake) for mistake in plan.warnings],
        )

    @routes.get("/{token}", responses=ProblemDocument.responses(404, 422))
    def items(
        token: Token,
        caller: Admin,
        after: Annotated[int, Query(ge=0, le=10_000_000, description="`next` of the page before")] = 0,
        limit: Annotated[int, Query(ge=1, le=1_000)] = SHOWN,
    ) -> ItemsOut:
        """What a preview would change, a page at a time."""
        found = previews.get(token, caller.name, clock.now_ms()).items
        end = after + limit
        page = [ItemOut.of(item) for item in found[after:end]]
        return ItemsOut(items=page, next=end if end < len(found) else None)

    @routes.post("/{token}", responses=ProblemDocument.responses(404, 409))
    def apply(token: Token, caller: Admin) -> ImportedOut:
        """Do what the preview showed: all of it in one transaction, with its place in the history."""
        plan = previews.get(token, caller.name, clock.now_ms())
        previews.drop(token)
        try:
            registry.apply(plan, by=caller.name)
        except RegistryMoved as error:
            raise Refused(409, "registry_moved") from error
        counts = counts_of(plan)
        audit.record(
            caller, "registry.import", token, {kind: count.model_dump() for kind, count in counts.items()}
        )
        return ImportedOut(counts=counts)

    @routes.delete("/{token}", status_code=204, responses=ProblemDocument.responses(404))
    def forget(token: Token, caller: Admin) -> None:
        """Forget a preview."""
        previews.get(token, caller.name, clock.now_ms())
        previews.drop(token)

    return routes


def _refused(error: FileRefused) -> RefusedFile:
    faults = [
        fault(Reason(mistake.code, mistake.where, mistake.values), mistake.message("en"))
        | {
            "message_vi": mistake.message("vi"),
            "hint": mistake.hint("en"),
            "hint_vi": mistake.hint("vi"),
        }
        for mistake in error.mistakes[:20]
    ]
    large = any(mistake.code == "too_large" for mistake in error.mistakes)
    return RefusedFile(413 if large else 422, str(error), faults)
