"""What an import's preview looks like on the wire."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.registry.mistakes import Mistake
from schoolpulse.registry.plan import Item, Plan


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class Texts(_Out):
    """The same in both languages."""

    vi: str
    en: str


class MistakeOut(_Out):
    """Something wrong with a file: where it stands, what it is, what to do. `hint` may be empty."""

    sheet: str = Field(description="Empty for CSV", examples=["schools"])
    row: int | None = Field(description="As the spreadsheet counts, from 1", examples=[12])
    column: str = Field(description="A column's name, `row`, `sheet` or `file`", examples=["lat"])
    code: str = Field(examples=["number"])
    message: Texts
    hint: Texts

    @classmethod
    def of(cls, mistake: Mistake) -> MistakeOut:
        """From the registry's mistake."""
        return cls(
            sheet=mistake.sheet,
            row=mistake.row,
            column=mistake.where,
            code=mistake.code,
            message=Texts(vi=mistake.message("vi"), en=mistake.message("en")),
            hint=Texts(vi=mistake.hint("vi"), en=mistake.hint("en")),
        )


class FieldOut(_Out):
    """One value before and after, as text; empty for none."""

    field: str = Field(examples=["provider"])
    old: str = Field(examples=["VNPT"])
    new: str = Field(examples=["Viettel"])


class ItemOut(_Out):
    """One thing that is new or changes."""

    kind: Literal["school", "line", "agent", "device", "contact"]
    school: str
    subject: str = Field(description="The school's name, the line's role, the device, the office")
    action: Literal["new", "changed", "same"]
    sheet: str
    row: int
    fields: list[FieldOut]

    @classmethod
    def of(cls, item: Item) -> ItemOut:
        """From the plan's item."""
        return cls(
            kind=item.kind,
            school=item.school_id,
            subject=item.subject,
            action=item.action,
            sheet=item.sheet,
            row=item.row,
            fields=[FieldOut(field=name, old=old, new=new) for name, (old, new) in item.fields.items()],
        )


class CountsOut(_Out):
    """Rows of one kind by what would become of them."""

    new: int
    changed: int
    same: int
    missing: int = Field(description="In the registry and not in the file; they stay as they are")


class PreviewOut(_Out):
    """What an import would do. Send `token` to do exactly this.

    `token` is null where `mistakes` are: such a file is not imported, not even in part.
    """

    token: str | None = Field(examples=["i3b0d2f6e8a1c4f57"])
    expires_ms: int | None
    file: str = Field(examples=["truong.xlsx"])
    counts: dict[str, CountsOut] = Field(
        description="By sheet: `schools`, `lines`, `devices`, `contacts`; those that the file has"
    )
    items: list[ItemOut] = Field(description="The first of them; all by `GET /import/{token}`")
    items_total: int
    missing: dict[str, list[str]] = Field(description="At most 500 ids of each")
    mistakes: list[MistakeOut]
    warnings: list[MistakeOut]


class ItemsOut(_Out):
    """A page of what would change. `next` is the cursor of the page after, null on the last."""

    items: list[ItemOut]
    next: int | None


class ImportedOut(_Out):
    """What was done."""

    counts: dict[str, CountsOut]


def counts_of(plan: Plan) -> dict[str, CountsOut]:
    """By kind of sheet."""
    return {
        kind: CountsOut(
            new=plan.count(kind, "new"),
            changed=plan.count(kind, "changed"),
            same=plan.count(kind, "same"),
            missing=len(plan.missing.get(kind, ())),
        )
        for kind in plan.counts
    }
