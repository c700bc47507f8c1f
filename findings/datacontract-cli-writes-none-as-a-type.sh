#!/usr/bin/env bash
# datacontract-cli 1.2.8: `datacontract test` on Parquet files creates a DuckDB table from the physical types of the
# contract. For a physical type that its list of names does not have it writes `None` as the type of the column, and the
# whole test ends with "Parser Error: syntax error at or near "None"", although the property has a logical type as well.
# DuckDB's own names of the types of such a file are not in the list: TIMESTAMP WITH TIME ZONE, VARCHAR[]. On a server
# with a catalog the same tool skips the check of a physical type that it does not know, with a warning.
#
# TIMESTAMP with the option `timezone: true`, and ARRAY with `items`, are read.
#
# Who is hurt: whoever writes the physical types as DuckDB, Arrow or Polars name them; the error names no column.
#
# Installs pinned public packages into a temporary folder; fails if the behaviour changes.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check "datacontract-cli[duckdb]==1.2.8" "open-data-contract-standard==3.2.0"
venv/bin/python - <<'PYTHON'
import json
import subprocess
from importlib.resources import files
from pathlib import Path

import duckdb
import jsonschema
import yaml

duckdb.execute("COPY (SELECT TIMESTAMPTZ '2025-06-30 02:00:00+00' AS at, ['sql'] AS skills) TO 'rows.parquet'")
file_types = dict(duckdb.execute("SELECT column_name, column_type FROM (DESCRIBE FROM 'rows.parquet')").fetchall())
print("DuckDB names the types of the file:", file_types)
schema = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text())


def run_test(at_type: str, skills_type: str) -> tuple[int, str]:
    contract = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "rows",
        "version": "1.0.0",
        "status": "active",
        "servers": [{"server": "files", "type": "local", "path": "rows.parquet", "format": "parquet"}],
        "schema": [
            {
                "name": "rows",
                "properties": [
                    {"name": "at", "logicalType": "timestamp", "physicalType": at_type},
                    {
                        "name": "skills",
                        "logicalType": "array",
                        "physicalType": skills_type,
                        "items": {"logicalType": "string", "physicalType": "VARCHAR"},
                    },
                ],
            }
        ],
    }
    jsonschema.validators.validator_for(schema)(schema).validate(contract)
    Path("rows.odcs.yaml").write_text(yaml.safe_dump(contract))
    command = ["venv/bin/datacontract", "test", "rows.odcs.yaml"]
    run = subprocess.run(command, capture_output=True, text=True, env={"COLUMNS": "400", "PATH": "/usr/bin:/bin"})
    return run.returncode, run.stdout + run.stderr


for at_type, skills_type in (
    (file_types["at"], "ARRAY"),
    ("TIMESTAMP", file_types["skills"]),
    ("TIMESTAMP", "ARRAY"),
):
    exit_code, output = run_test(at_type, skills_type)
    message = 'Parser Error: syntax error at or near "None"'
    print(f"{at_type}, {skills_type}: exit code {exit_code}, {message if message in output else 'passed'}")
    is_read = (at_type, skills_type) == ("TIMESTAMP", "ARRAY")
    assert (exit_code == 0, message in output) == (is_read, not is_read), output
PYTHON
echo "datacontract-cli 1.2.8 writes None as the type of a Parquet column whose physical type it does not know"
