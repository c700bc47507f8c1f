"""A reply is written once, in the columns of the company's export, or refused with one sentence."""

import csv
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from conftest import DemoRun
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from assets.cli.app import app
from assets.cli.feedback.reply import append_reply

HEADERS = {
    "record_code": "id",
    "employee_number": "who",
    "skill_text": "skill",
    "step_goal": "goal",
    "reply_kind": "answer",
    "until_date": "until",
    "stated_stage": "stage",
    "replied_at": "at",
}
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.fixture
def root(demo_run: DemoRun, tmp_path: Path) -> Path:
    """The demo's configuration, exports and lake, in a folder of its own."""
    for part in ("landing", "lake"):
        shutil.copytree(demo_run.settings.root / part, tmp_path / part)
    shutil.copyfile(demo_run.settings.root / "footsteps.yaml", tmp_path / "footsteps.yaml")
    return tmp_path


def call(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["reply", *arguments, "--data-root", str(root)])


def rows(root: Path) -> list[dict[str, str]]:
    with (root / "landing" / "replies" / "replies_footsteps.csv").open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_reply_is_written_in_the_columns_of_the_export_and_a_repeated_one_is_not(root: Path) -> None:
    first = json.loads(call(root, "100003", "snooze", "dat-1", "--until", "2026-09-01", "--json").stdout)
    repeated = json.loads(call(root, "100003", "snooze", "dat-1", "--until", "2026-09-01", "--json").stdout)
    assert (first["written"], repeated["written"]) == (True, False)
    (row,) = rows(root)
    expected = {
        "employee_number": "100003",
        "skill": "dat-1",
        "answer": "snooze",
        "until": "2026-09-01",
        "stage": "",
        "goal": "",
    }
    assert {name: row[name] for name in expected} == expected


def test_a_micro_skill_can_be_given_by_its_name(root: Path) -> None:
    assert json.loads(call(root, "100003", "accept", "Join tables in SQL", "--json").stdout)["skill_id"] == "dat-2"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("100003", "praise", "dat-1"), "is none of accept, dismiss"),
        (("100003", "snooze", "dat-1"), "--until"),
        (("100003", "dispute", "dat-1"), "--stage"),
        (("100003", "hide", "juggling"), "names no micro-skill"),
        (("nobody", "hide", "dat-1"), "nobody has the person_id"),
    ],
)
def test_an_invalid_reply_is_refused_with_a_remedy(root: Path, arguments: tuple[str, ...], sentence: str) -> None:
    result = call(root, *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in " ".join(result.stderr.split())
    assert not (root / "landing" / "replies" / "replies_footsteps.csv").exists()


def test_without_a_source_of_replies_its_declaration_is_printed(root: Path) -> None:
    config = root / "footsteps.yaml"
    config.write_text(config.read_text().replace("shape: reply", "shape: assignment"))
    lines = [line for line in config.read_text().splitlines() if "goal" not in line and "answer" not in line]
    lines = [line for line in lines if not line.strip().startswith(("until_date", "stated_stage", "replied_at"))]
    config.write_text("\n".join(lines))
    assert "shape: reply" in call(root, "100003", "hide", "dat-1").stderr


REPLIES = st.lists(
    st.tuples(
        st.sampled_from(["1", "2"]),
        st.sampled_from(["sql", 'git, "old"']),
        st.sampled_from(["accept", "dismiss", "hide"]),
    ),
    max_size=8,
)


@settings(max_examples=30, deadline=None)
@given(REPLIES)
def test_only_a_reply_that_differs_from_the_last_one_is_added(
    tmp_path_factory: pytest.TempPathFactory, replies: list[tuple[str, str, str]]
) -> None:
    file = tmp_path_factory.mktemp("replies") / "replies.csv"
    last: dict[tuple[str, str], str] = {}
    expected = []
    for number, (who, skill, kind) in enumerate(replies):
        row = {
            "employee_number": who,
            "skill_text": skill,
            "step_goal": "",
            "reply_kind": kind,
            "until_date": "",
            "stated_stage": "",
        }
        written = append_reply(file, row, HEADERS, NOON + timedelta(minutes=number))
        assert written == (last.get((who, skill)) != kind)
        last[who, skill] = kind
        expected += [(who, skill, kind)] * written
    rows_in_file = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines())) if file.exists() else []
    assert [(row["who"], row["skill"], row["answer"]) for row in rows_in_file] == expected
    assert len({row["id"] for row in rows_in_file}) == len(rows_in_file)
