"""The relational state's connection."""

from __future__ import annotations

import pytest

from schoolpulse.database import connect
from schoolpulse.errors import UsageError


@pytest.mark.parametrize("url", ["postgresql+pg9000://localhost/x", "postgresql+psycopg2://localhost/x"])
def test_a_missing_driver_is_said_with_what_to_install(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        connect(url)
    assert "schoolpulse[postgres]" in (caught.value.hint or "")
