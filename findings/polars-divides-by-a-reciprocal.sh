#!/usr/bin/env bash
# Polars 2.1.0: a float column divided by a constant is multiplied by the reciprocal of the constant, so that some
# quotients differ in their last digit from IEEE 754 division. In a lazy query a chunk of one row is divided exactly,
# and how a frame is cut into chunks depends on the number of threads. The same value therefore has two quotients,
# depending on the rows beside it, on its place among them and on the machine: 95 / 100 is 0.95 alone and
# 0.9500000000000001 in company; 900000 / 3600000 is 0.25 alone and 0.24999999999999997 in company. An eager division
# of a Series of one row is not exact either.
#
# A constant behind `when(...).then(constant)` is a constant too. A divisor that is a column of its own divides exactly.
#
# Who is hurt: whoever compares values across files, batches or numbers of threads, or hashes rows to see what changed.
#
# Installs pinned public packages into a temporary folder; fails if the behaviour changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check "polars==2.1.0"
POLARS_MAX_THREADS=1 "$folder/venv/bin/python" - <<'PYTHON'
import polars as pl

assert pl.__version__ == "2.1.0", pl.__version__


def quotients(numbers: list[float], divisor: float) -> list[float]:
    return pl.DataFrame({"x": numbers}).lazy().select(pl.col("x") / divisor).collect()["x"].to_list()


alone, in_company = quotients([95.0], 100.0)[0], quotients([95.0, 7.0], 100.0)[0]
print("95 / 100 alone:", alone, "beside another row:", in_company, "Python:", 95.0 / 100.0)
assert alone == 95.0 / 100.0
assert in_company == 95.0 * (1 / 100.0) != 95.0 / 100.0

alone, in_company = quotients([900000.0], 3600000.0)[0], quotients([900000.0, 7.0], 3600000.0)[0]
print("900000 / 3600000 alone:", alone, "beside another row:", in_company)
assert (alone, in_company) == (0.25, 0.24999999999999997)

eager = (pl.Series([95.0]) / 100.0).item()
print("95 / 100 as an eager Series:", eager)
assert eager == 0.9500000000000001

frame = pl.DataFrame({"x": [95.0, 7.0]})
hidden = frame.lazy().select(pl.col("x") / pl.when(pl.col("x").is_not_null()).then(100.0)).collect()["x"][0]
as_column = frame.lazy().select(pl.col("x") / (pl.col("x") * 0 + 100.0)).collect()["x"][0]
print("behind when/then:", hidden, "as a column:", as_column)
assert hidden == 0.9500000000000001
assert as_column == 0.95
PYTHON
echo "polars 2.1.0 divides a column by the reciprocal of a constant, except a chunk of one row in a lazy query"
