"""The outputs that the documentation shows are those that the commands print on the demo.

A block of the language `console` shows a command after `$` and its output; a line `…` stands for lines left out.
"""

import re
import shlex
import shutil
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest
from conftest import DemoRun
from typer.testing import CliRunner

from assets.cli.app import app
from pipelines.contracts.output_tables import NEXT_SKILL, OUT_EVIDENCE
from pipelines.snapshots.reader import current_snapshot

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ELLIPSIS = "…"


class Sample(NamedTuple):
    """A command of a document, and the lines that the document shows of its output."""

    document: str
    command: str
    lines: list[str]


def find_samples() -> list[Sample]:
    samples = []
    for document in DOCUMENTS:
        for language, text in BLOCK.findall(document.read_text()):
            if language == "console":
                prompt, *lines = text.splitlines()
                assert prompt.startswith("$ footsteps "), prompt
                samples.append(Sample(document.name, prompt.removeprefix("$ footsteps "), lines))
    return samples


def blank_numbers(line: str) -> str:
    """The line without what differs from run to run: ids, days, counts, and the width of columns."""
    line = re.sub(r"\d{8}-[0-9a-f]{12}|\d[\d,.-]*", "#", line)
    return " ".join(re.sub(r"[┏┳┓━┡╇┩]+", "", line).split())


def read_cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split("[│┃]", line)[1:-1]]


@pytest.fixture
def root(demo_run: DemoRun, tmp_path: Path) -> Path:
    copy = tmp_path / "copy"
    shutil.copytree(demo_run.settings.root, copy)
    return copy


@pytest.mark.parametrize("sample", find_samples(), ids=lambda sample: f"{sample.document}: {sample.command}")
def test_a_documented_command_prints_what_the_document_shows(sample: Sample, root: Path) -> None:
    printed = CliRunner().invoke(app, [*shlex.split(sample.command), "--data-root", str(root)]).stdout.splitlines()
    printed_lines = [blank_numbers(line) for line in printed]
    assert blank_numbers(sample.lines[0]) == printed_lines[0]
    printed_cells = [read_cells(line)[:1] for line in printed]
    for line in sample.lines:
        if line.startswith("│"):  # a row: its values may differ, what it is about may not
            assert read_cells(line)[:1] in printed_cells
        elif line != ELLIPSIS and not line.startswith("•"):
            # a title, the columns of a table or a sentence; the last one names the data root if it is not the demo's
            assert any(text.startswith(blank_numbers(line).split(" Next:")[0]) for text in printed_lines), line


def test_the_join_to_the_evidence_has_the_columns_that_the_document_shows(demo_run: DemoRun) -> None:
    blocks = BLOCK.findall((ROOT / "docs" / "tables.md").read_text())
    ((position, query),) = [
        (number, text)
        for number, (language, text) in enumerate(blocks)
        if language == "sql" and OUT_EVIDENCE.name in text
    ]
    shown_lines = blocks[position + 1][1].splitlines()
    snapshot = current_snapshot(demo_run.settings.published_path)
    for table in (NEXT_SKILL, OUT_EVIDENCE):
        assert f"'…/{table.name}.parquet'" in query
        query = query.replace(f"…/{table.name}.parquet", str(snapshot.path(table.name)))
    (person_id,) = re.findall(r"person_id = '(\d+)'", query)
    joined = duckdb.sql(query.rstrip().removesuffix(";").replace(f"n.person_id = '{person_id}'", "true"))
    assert joined.columns == read_cells(shown_lines[0])
    assert joined.limit(1).fetchall()


def test_every_block_of_a_prompt_is_compared() -> None:
    assert {sample.command.split()[0] for sample in find_samples()} >= {"run", "doctor"}
    for document in DOCUMENTS:
        for language, text in BLOCK.findall(document.read_text()):
            assert language == "console" or not text.startswith("$ "), document.name
