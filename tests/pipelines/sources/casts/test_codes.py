"""Ids: what a spreadsheet makes of them is taken back, or left unread."""

import polars as pl
import pytest

from pipelines.sources.casts.cast import cast_text
from pipelines.sources.declaration import Transform


@pytest.mark.parametrize(
    ("text", "code"),
    [
        *(("121,700", "121700"), ("1,211,430,000", "1211430000"), ("121700.0", "121700"), ("121,700.00", "121700")),
        *(("007101", "007101"), ("0,700", "0,700"), ("12,34", "12,34"), ("1.0", "1.0"), ("A-1.0", "A-1.0")),
        *(("1.21143E+15", None), ("1,21143E+15", None), ("1E+15", None), ("E+15", "E+15"), ("12e5", "12e5")),
    ],
)
def test_an_id_is_read_as_its_system_writes_it(text: str, code: str | None) -> None:
    codes = pl.DataFrame({"text": [text]}).select(cast_text(pl.col("text"), Transform("code"), "UTC"))
    assert codes.item() == code
