"""Columns that appear, disappear and are renamed; detection of the system; record terminators."""

import json
from pathlib import Path

import pytest
import yaml

from benchmarks.sources import write_export
from pipelines.config.company import SourceConfig
from pipelines.sources.adapter import all_adapters, get_adapter, read_export
from pipelines.sources.declaration import Adapter, FieldMap, ShapeMap, SourceOptions
from pipelines.sources.detect import best_match, describe_systems, rank_systems, suggest_source_block
from pipelines.sources.readers.files import ExportRefused

GOLDEN = Path(__file__).parents[2] / "golden"
WORKLOG = "Issue Key,Hours,Work date,Username\nA-1,2,2025-02-13,u1\n"
TERMINATED = Adapter(
    "terminated",
    "Records that end with a terminator",
    "learning",
    ("csv",),
    (ShapeMap("skill_mention", (FieldMap("record_code", ("ID",)), FieldMap("skill_text", ("TEXT",)))),),
    record_terminator="!##!",
)


def write(folder: Path, text: str, name: str = "a.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_a_new_column_is_reported_and_ignored(tmp_path: Path) -> None:
    before = read_export(write(tmp_path, WORKLOG), get_adapter("tempo"))
    after = read_export(
        write(tmp_path, "Mood,Issue Key,Hours,Work date,Username\n:),A-1,2,2025-02-13,u1\n", "b.csv"),
        get_adapter("tempo"),
    )
    assert (before.columns_left_out, after.columns_left_out) == ((), ("Mood",))
    assert after.shapes["worklog"].collect().equals(before.shapes["worklog"].collect())


def test_a_missing_required_column_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    with pytest.raises(ExportRefused) as caught:
        read_export(write(tmp_path, WORKLOG.replace("Issue Key", "Issue Keys")), get_adapter("tempo"))
    assert "nearest: Issue Keys" in str(caught.value)
    assert "set it by `mapping: {assignment_code: …}`" in str(caught.value)


def test_one_line_of_mapping_reads_a_renamed_column(tmp_path: Path) -> None:
    renamed = write(tmp_path, WORKLOG.replace("Issue Key", "Ticket"))
    export = read_export(renamed, get_adapter("tempo"), SourceOptions(mapping={"assignment_code": "Ticket"}))
    assert export.shapes["worklog"].collect()["assignment_code"].to_list() == ["A-1"]


def test_sensitive_columns_are_reported_with_their_class_and_their_text_is_in_no_malformed_row(tmp_path: Path) -> None:
    text = WORKLOG.replace("Username\n", "Username,Salary\n").replace("u1\n", "u1,90000\nA-2,2,2025-02-13,u1,90001,x\n")
    export = read_export(write(tmp_path, text), get_adapter("tempo"))
    assert export.sensitive_column_classes == (("Salary", "pay"),)
    malformed = export.malformed.collect()
    assert malformed["row_number"].to_list() == [2]
    assert malformed["row_text"].to_list() == [None]


def detectable_files() -> list[Path]:
    """Return the golden files that show their system: not those whose columns options rename, nor archives."""
    files = []
    for raw in sorted(GOLDEN.glob("*/*.raw.*")):
        options = raw.with_name(f"{raw.name.split('.raw.')[0]}.options.json")
        if not options.exists() or not json.loads(options.read_text()).keys() & {"mapping", "member"}:
            files.append(raw)
    return files


@pytest.mark.parametrize("raw", detectable_files(), ids=lambda raw: f"{raw.parent.name}/{raw.name}")
def test_every_golden_file_is_detected_as_its_own_system(raw: Path) -> None:
    matches = rank_systems(raw)
    best, *others = matches
    assert (best.system, best.missing_headers) == (raw.parent.name, ())
    assert not [match for match in others if match.system != best.system and match.score >= best.score]
    assert yaml.safe_load(suggest_source_block(raw, matches))["sources"][0]["system"] == raw.parent.name


def test_a_file_whose_ids_the_system_cannot_read_is_not_its_own(tmp_path: Path) -> None:
    """ClickUp's tasks share `Task ID` and some headers with Asana's, but not the form of the ids."""
    path = tmp_path / "tasks.csv"
    path.write_text("Task ID, Task Name, Status, Start Date, Assignees, Tags\n86bq1a,Load,complete,,[Dana Lee],[sql]\n")
    first_match = rank_systems(path)[0]
    assert (first_match.system, first_match.missing_headers) == ("asana", ("Task ID",))
    assert "Task ID holds nothing that it reads" in first_match.explanation
    assert best_match([first_match]) is None
    path.write_text(path.read_text().replace("86bq1a", "1142011111111111"))
    assert best_match(rank_systems(path)) is not None


def test_a_file_whose_name_lacks_the_day_is_no_completions_file(tmp_path: Path) -> None:
    """Google's submissions share courseId and userId with Degreed, which takes the day from the file's name."""
    path = tmp_path / "submissions.csv"
    path.write_text("courseId,courseWorkId,id,userId,state,assignedGrade\n77,26,49,78,CREATED,34\n")
    assert best_match(rank_systems(path)) is None


def test_records_without_mark_and_person_are_of_no_system(tmp_path: Path) -> None:
    # The answer of `az boards query -o json` (Azure/azure-devops-cli-extension#688).
    path = tmp_path / "answer.json"
    path.write_text('[{"id": 65, "rev": 3, "url": "https://x.example/65", "fields": {"System.State": "Closed"}}]')
    assert best_match(rank_systems(path)) is None


def test_a_match_names_the_missing_columns(tmp_path: Path) -> None:
    matches = rank_systems(write(tmp_path, WORKLOG.replace("Issue Key", "Ticket")))
    match = next(match for match in matches if match.system == "tempo")
    assert match.matching_headers == ("Hours", "Work date", "Username")
    assert match.missing_headers == ("Issue Key or issue.key or issue.id",)
    assert match.score < 0.5


def test_the_block_of_a_detected_system_is_a_valid_source(tmp_path: Path) -> None:
    block = yaml.safe_load(suggest_source_block(write(tmp_path, WORKLOG, "2025 hours.csv")))
    assert SourceConfig(**block["sources"][0]).system == "tempo"


def test_the_block_of_an_undetected_file_has_a_mapping_to_complete(tmp_path: Path) -> None:
    text = suggest_source_block(write(tmp_path, "colour,shape\nred,round\n", "2025 things.csv"))
    entry = yaml.safe_load(text)["sources"][0]
    assert "# columns of the file: colour, shape" in text
    assert (entry["system"], entry["name"]) == ("tabular", "source_2025_things")


def test_every_system_is_described_with_the_columns_it_needs() -> None:
    described = {system["system"]: system for system in describe_systems()}
    assert described.keys() == all_adapters().keys()
    assert described["tempo"]["needed"][0] == "Issue Key or issue.key or issue.id"
    assert "Hours" in described["tempo"]["optional"]


def test_records_end_at_their_terminator_and_keep_line_ends_inside(tmp_path: Path) -> None:
    path = write(tmp_path, 'ID|TEXT!##!\r\n1|two\nlines!##!\r\n2|a "stray quote!##!\r\n3|"a|b"!##!\r\n')
    mentions = read_export(path, TERMINATED).shapes["skill_mention"].collect()
    assert mentions["record_code"].to_list() == ["1", "2", "3"]
    assert mentions["skill_text"].to_list() == ["two\nlines", 'a "stray quote', "a|b"]


def test_a_last_record_without_its_terminator_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportRefused, match="after 2 complete records it ends without !##!"):
        read_export(write(tmp_path, "ID|TEXT!##!\n1|sql!##!\n2|py"), TERMINATED)


@pytest.mark.parametrize(("kind", "system"), [("tempo CSV", "tempo"), ("xAPI JSON lines", "xapi")])
def test_the_benchmark_writes_files_that_the_adapter_reads(tmp_path: Path, kind: str, system: str) -> None:
    write_export(kind, 3_000, tmp_path / "a")  # type: ignore[arg-type]
    export = read_export(tmp_path / "a", get_adapter(system))
    frame = next(iter(export.shapes.values())).collect()
    assert export.malformed.collect().height == 0
    assert frame["record_code"].n_unique() == frame.height > 2_000
