"""The settings of the report: whose it is, and what an office's form asks for."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Words = Annotated[str, Field(max_length=200)]


class ReportSettings(BaseModel):
    """``[report]``: what stands in the head and at the foot of the document (Decree 30/2020/NĐ-CP).

    What is left empty is left open on paper, to be filled in by hand.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    parent_office: Words = ""
    """The office above: ``UBND THÀNH PHỐ HỒ CHÍ MINH``."""
    office: Words = ""
    """Whose report it is: ``SỞ GIÁO DỤC VÀ ĐÀO TẠO``."""
    office_name: Words = ""
    """The same within a sentence: ``Sở Giáo dục và Đào tạo``."""
    number_suffix: Words = "BC"
    """What follows the number: ``BC-SGDĐT`` makes ``Số: ....../BC-SGDĐT``."""
    place: Words = ""
    signer_title: Words = ""
    """Above the signature: ``TRƯỞNG PHÒNG``."""
    signer_name: Words = ""
    recipients: Annotated[tuple[Words, ...], Field(max_length=20)] = ()
    """Who gets it, below "Nơi nhận"."""
    fonts: Annotated[tuple[Words, ...], Field(max_length=5)] = ()
    """Fonts of this machine to prefer, ``["Times New Roman"]``; the one that comes along is used else."""
