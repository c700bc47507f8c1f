#!/usr/bin/env bash
# Polars writes equal frames with a column of lists as different Parquet bytes, if one of them is a slice of a larger frame.
#
# Polars 2.1.0, Python 3.11, Linux x86-64. A slice of a frame keeps the elements of all lists of that frame in memory, also
# after `rechunk()`. `write_parquet` writes only the values of the slice, but divides them into other pages than those of a
# frame with the same rows alone. Both files have the same rows; their bytes and sizes differ. Columns without lists are
# written alike. Who hashes Parquet bytes to find changed rows sees a change where there is none; gathering the rows of
# nested columns first (`pl.col(nested).gather(pl.int_range(pl.len()))`) makes the bytes equal.
#
# Seen: "flat column: equal bytes", "list column: equal rows, other bytes", "list column, gathered: equal bytes".
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "polars==2.1.0"
"$folder/venv/bin/python" - <<'PYTHON' | tee "$folder/seen"
import io

import polars as pl

ROWS, FIRST, COUNT = 60_000, 20_000, 1_000
lists = [[f"skill-{row}-{position}" for position in range(row % 4)] for row in range(ROWS)]
large = pl.DataFrame({"row": range(ROWS), "skills": lists})
alone = pl.DataFrame({"row": range(FIRST, FIRST + COUNT), "skills": lists[FIRST : FIRST + COUNT]})


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression="uncompressed", statistics=False)
    return buffer.getvalue()


def compare(name: str, first: pl.DataFrame, second: pl.DataFrame) -> None:
    assert first.equals(second)
    is_equal = parquet_bytes(first) == parquet_bytes(second)
    print(f"{name}: {'equal bytes' if is_equal else 'equal rows, other bytes'}")


cut = large.slice(FIRST, COUNT)
compare("flat column", cut.select("row"), alone.select("row"))
compare("list column", cut.select("skills"), alone.select("skills"))
compare("list column, gathered", cut.select(pl.col("skills").gather(pl.int_range(pl.len()))), alone.select("skills"))
PYTHON
diff "$folder/seen" - <<'EXPECTED'
flat column: equal bytes
list column: equal rows, other bytes
list column, gathered: equal bytes
EXPECTED
