"""Schools as JSON text, encoded anew only where something about them changed."""

from __future__ import annotations

from schoolpulse.api.schemas import SchoolOut
from schoolpulse.live import SchoolNow


class SchoolEncoder:
    """Remembers the text of each school as it was last asked for; one for all viewers.

    It is used by the event loop's thread alone.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[SchoolNow, str]] = {}

    def text(self, now: SchoolNow) -> str:
        """`now` as a `SchoolOut` in JSON."""
        known = self._known.get(now.school.id)
        # The live view hands out the same parts until they change, which makes the comparison cheap.
        if known is not None and known[0] == now:
            return known[1]
        text = SchoolOut.of(now.school, now).model_dump_json()
        self._known[now.school.id] = (now, text)
        return text

    def texts(self, schools: list[SchoolNow]) -> str:
        """`schools` as a JSON list."""
        if len(self._known) > 2 * len(schools) + 1_000:
            self._known.clear()  # most of them left the registry
        return "[" + ",".join([self.text(school) for school in schools]) + "]"
