#!/usr/bin/env bash
# Polars writes equal frames with a column of lists as different Parquet bytes, if one of them is a slice of a larger frame.
#
# Polars 2.1.0, Python 3.11, Linux x86-64. A slice of a frame keeps the elements of all lists of that frame in memory, also
# after `rechunk()`. `write_parquet` writes only the values of the slice, but divides them into other pages than those of a
# frame with the same rows alone. Both files have the same rows; their bytes and sizes differ. Columns without lists are
# written alike. Who hashes Parquet bytes to find changed rows sees a change where there is none; gathering the rows of
# nested columns first (`pl.col(nested).gather(pl.int_range(pl.len()))`) makes the bytes equal.
#
# Seen: 9,720 and 9,720 bytes of a column without lists; 26,776 and 26,727 bytes of a column of lists as a slice and as a
# frame of its own; 26,727 and 26,727 bytes after gathering.
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


assert pl.__version__ == "2.1.0"


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.rechunk().write_parquet(buffer, compression="uncompressed", statistics=False)
    return buffer.getvalue()


def compare(name: str, first: pl.DataFrame, second: pl.DataFrame) -> None:
    assert first.equals(second)
    first_bytes, second_bytes = parquet_bytes(first), parquet_bytes(second)
    likeness = "equal" if first_bytes == second_bytes else "different"
    print(f"{name}: {len(first_bytes)} and {len(second_bytes)} bytes, {likeness}")


cut = large.slice(FIRST, COUNT)
compare("flat column", cut.select("row"), alone.select("row"))
compare("list column", cut.select("skills"), alone.select("skills"))
compare("list column, gathered", cut.select(pl.col("skills").gather(pl.int_range(pl.len()))), alone.select("skills"))
PYTHON
diff "$folder/seen" - <<'EXPECTED'
flat column: 9720 and 9720 bytes, equal
list column: 26776 and 26727 bytes, different
list column, gathered: 26727 and 26727 bytes, equal
EXPECTED
