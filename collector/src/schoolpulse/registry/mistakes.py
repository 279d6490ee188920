"""What is wrong with what somebody wrote, by sheet, row and column, in both languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schoolpulse.errors import Problem
from schoolpulse.i18n import Language, catalogue, translate


class Wrong(ValueError):
    """One value that cannot be taken.

    Args:
        code: a word that never changes; its texts are ``registry.mistake.<code>``.
        values: fill the names in the text.
    """

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code = code
        self.values = values

    def at(self, where: str, row: int | None = None, sheet: str = "") -> Mistake:
        """The same, with where it stands."""
        return Mistake(where, self.code, row, sheet, self.values)


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake: `where` is a column (or ``file``, ``row``), `row` counts from 1 as spreadsheets do."""

    where: str
    code: str
    row: int | None = None
    sheet: str = ""
    values: Mapping[str, object] = field(default_factory=dict)

    def message(self, language: Language) -> str:
        """What is wrong."""
        return translate(f"registry.mistake.{self.code}", language, **self.values)

    def hint(self, language: Language) -> str:
        """What to do, empty where that is plain."""
        key = f"registry.mistake.{self.code}_hint"
        if key not in catalogue() or self.values.get("close") == "":
            return ""
        return translate(key, language, **self.values)

    def problem(self) -> Problem:
        """As commands say it."""
        place = f"{self.sheet}: {self.where}" if self.sheet else self.where
        return Problem(place, self.message("en"), self.hint("en"), self.row)
