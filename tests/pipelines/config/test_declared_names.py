"""What footsteps.yaml names must exist; a refusal gives the line of the entry and what is allowed."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.config.company import Config, ConfigError, read_config
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.contracts.columns import COLUMNS

ROOT = Path(__file__).parents[3]
ISSUES = "  - {name: issues, system: jira, path: 'jira/*.csv'}\n"
WORKLOGS = "  - {name: worklogs, system: tempo, path: 'tempo/*.csv'}\n"
ACCOUNTS = """  - name: accounts
    system: tabular
    shape: account
    path: accounts.csv
    mapping: {account_code: account, work_email: mail}
"""
MARKS = """  - name: marks
    system: tabular
    shape: feedback
    path: marks.csv
    mapping:
      account_code: [system, account]
      skill_text: skill
      feedback_kind: {column: kind, values: {endorsement: peer, "no": self}}
      occurred_at: day
"""
# Each source has one fault; the line of its entry is marked, and the message follows.
HERE = "  # here"
FAULTS = {
    "a system that no source has": (
        ACCOUNTS + "    serves:\n      - jira\n" + f"      - tempoo{HERE}\n",
        "serves.1: no source has the system 'tempoo': correct it, or declare the source; nearest: tempo; allowed: ",
    ),
    "a system that no source has, in one line": (
        ACCOUNTS + f"    serves: [jira, tempo, workday]{HERE}\n",
        "serves.2: no source has the system 'workday': correct it, or declare the source; nearest: none is near; ",
    ),
    "a source that is no account map": (
        f"  - name: hours\n    system: tempo\n    path: x\n    serves: [jira]{HERE}\n",
        "serves: only an account map or a course catalogue has it: take it out; account maps: tabular with ",
    ),
    "a shape that is no account map": (
        MARKS + f"    settles: true{HERE}\n",
        "settles: only an account map has it: take it out; account maps: tabular with `shape: account`, ",
    ),
    "a column that the shape does not have": (
        MARKS + f"      skil: s{HERE}\n",
        "mapping.skil: feedback has no such column; nearest: skill_text; allowed: record_code, account_code, ",
    ),
    "a column that no shape of the system has": (
        f"  - name: hours\n    system: tempo\n    path: x\n    mapping:\n      score_share: mark{HERE}\n",
        "mapping.score_share: worklog has no such column; nearest: worked_hours, worked_at; allowed: record_code, ",
    ),
    "a constant that is no category": (
        MARKS.replace('{column: kind, values: {endorsement: peer, "no": self}}', f"{{constant: praise}}{HERE}"),
        "mapping.feedback_kind.constant: feedback_kind cannot be 'praise'; allowed: certificate, assessment, manager, ",
    ),
    "a constant that is no number": (
        MARKS + f"      score_share: {{constant: high}}{HERE}\n",
        "mapping.score_share.constant: score_share cannot be 'high'; allowed: a number, at least 0 and at most 1",
    ),
    "a constant beyond the limit": (
        MARKS + f"      score_share:\n        constant: '4'{HERE}\n",
        "mapping.score_share.constant: score_share cannot be '4'; allowed: a number, at least 0 and at most 1",
    ),
    "a constant that is no day": (
        MARKS.replace("occurred_at: day", f"occurred_at: {{constant: 02/03/2025}}{HERE}"),
        "mapping.occurred_at.constant: occurred_at cannot be '02/03/2025'; allowed: a time such as 2025-06-30T09",
    ),
    "a constant that YAML does not read as text": (
        MARKS.replace("occurred_at: day", f"occurred_at: {{constant: 2025-03-02}}{HERE}"),
        "mapping.occurred_at.constant: must be text: write it in quotes",
    ),
    "a word that is no category": (
        MARKS.replace(
            "kind, values: {endorsement: peer,", f"kind, values: {{\n          endorsement: pear,{HERE}\n       "
        ),
        "mapping.feedback_kind.values.endorsement: feedback_kind cannot be 'pear'; allowed: certificate, assessment, ",
    ),
    "a key that YAML does not read as text": (
        MARKS.replace('"no"', f"\n          ? no{HERE}\n         "),
        "mapping.feedback_kind.values.no: must be text: write it in quotes",
    ),
    "a header that YAML does not read as text": (
        MARKS.replace("[system, account]", f"\n        - system\n        - 7{HERE}"),
        "mapping.account_code.column.1: must be text: write it in quotes",
    ),
    "a word that is neither true nor false": (
        "  - name: opted_out\n    system: tabular\n    shape: preference\n    path: x\n    mapping:\n"
        "      account_code: who\n      stated_at: day\n      is_opted_out:\n        column: answer\n        values:\n"
        f"          never: 'true'\n          always: sometimes{HERE}\n",
        "mapping.is_opted_out.values.always: is_opted_out cannot be 'sometimes'; allowed: true, false",
    ),
    "a needed column without a header": (
        MARKS.replace("      occurred_at: day\n", "").replace("mapping:", f"mapping:{HERE}"),
        "mapping: each row of feedback needs occurred_at: add `occurred_at: HEADER`",
    ),
    "no column that names a person": (
        MARKS.replace("      account_code: [system, account]\n", "").replace("mapping:", f"mapping:{HERE}"),
        "mapping: each row of feedback needs employee_number or work_email or account_code: add `employee_number: ",
    ),
    "a name that another source has": (
        f"  - system: toggl\n    name: issues{HERE}\n    path: x\n",
        "name: an earlier source is called 'issues' too: give each its own name",
    ),
}


def refusals(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_config(path)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(("faulty", "message"), FAULTS.values(), ids=FAULTS)
def test_a_name_or_value_that_does_not_exist_is_refused_with_its_line(
    tmp_path: Path, faulty: str, message: str
) -> None:
    text = f"sources:\n{ISSUES}{WORKLOGS}{faulty}"
    line = next(number for number, written in enumerate(text.splitlines(), 1) if written.endswith(HERE))
    (refusal,) = refusals(tmp_path / "footsteps.yaml", text)
    assert refusal.startswith(f"footsteps.yaml line {line}: sources.2.{message}")


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(range(6)), comments=st.lists(st.integers(0, 3), min_size=7, max_size=7))
def test_each_of_several_faults_has_its_line_wherever_its_source_is(
    order: list[int], comments: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    faulty = [FAULTS[name][0] for name in list(FAULTS)[:4]]
    named = [source.replace("name: ", f"name: s{i}_") for i, source in enumerate([ISSUES, WORKLOGS, *faulty])]
    blocks = [named[i] for i in order]
    text = "sources:\n" + "".join(
        "# a comment\n" * count + block for count, block in zip(comments, blocks, strict=False)
    )
    expected = [number for number, written in enumerate(text.splitlines(), 1) if written.endswith(HERE)]
    found = refusals(tmp_path_factory.mktemp("order") / "footsteps.yaml", text)
    assert sorted(int(line.split()[2].rstrip(":")) for line in found) == expected


def example_mapping(shape: CanonicalSchemaName) -> dict[str, Any]:
    return {group[0]: "header" for group in CANONICAL_SCHEMAS[shape].needed_column_groups}


def config_of(shape: CanonicalSchemaName, mapping: dict[str, Any]) -> str:
    source = {"name": "rows", "system": "tabular", "shape": shape, "path": "*.csv", "mapping": mapping}
    return yaml.safe_dump({"sources": [source]}, sort_keys=False)


@pytest.mark.parametrize("shape", CANONICAL_SCHEMAS)
def test_a_mapping_that_fills_no_needed_column_is_refused_for_each_shape(
    tmp_path: Path, shape: CanonicalSchemaName
) -> None:
    path = tmp_path / "footsteps.yaml"
    path.write_text(config_of(shape, example_mapping(shape)))
    assert read_config(path).source("rows").shape == shape
    for group in CANONICAL_SCHEMAS[shape].needed_column_groups:
        mapping = {name: header for name, header in example_mapping(shape).items() if name != group[0]}
        (refusal,) = refusals(path, config_of(shape, mapping or {"changed_at": "header"}))
        assert f"line 6: sources.0.mapping: each row of {shape} needs {' or '.join(group)}: add" in refusal


@pytest.mark.parametrize("shape", CANONICAL_SCHEMAS)
def test_every_allowed_word_is_accepted_as_a_constant_and_as_a_value(
    tmp_path: Path, shape: CanonicalSchemaName
) -> None:
    path = tmp_path / "footsteps.yaml"
    for name in CANONICAL_SCHEMAS[shape].columns:
        for word in COLUMNS[name].allowed:
            for spec in ({"constant": word}, {"column": "header", "values": {"cell": word}}):
                path.write_text(config_of(shape, {**example_mapping(shape), name: spec}))
                assert read_config(path).sources[0].mapping[name].constant in (word, None)


@pytest.mark.parametrize(
    ("column", "spec"),
    [
        ("score_share", {"constant": "4", "scale": [1, 5]}),
        ("score_share", {"constant": "17/20"}),
        ("score_share", {"column": "mark", "values": {"good": "0.8"}}),
        ("occurred_at", {"constant": "02/03/2025", "date_order": "day_first"}),
        ("occurred_at", {"constant": "2025-03-02T10:00:00+01:00"}),
        ("work_email", {"constant": "Team <team@example.org>"}),
        ("skill_text", {"column": "skill", "values": {"DB": "databases"}}),
    ],
)
def test_a_constant_is_read_as_the_cells_of_a_file_are(tmp_path: Path, column: str, spec: dict[str, Any]) -> None:
    path = tmp_path / "footsteps.yaml"
    path.write_text(config_of("feedback", {**example_mapping("feedback"), column: spec}))
    assert column in read_config(path).sources[0].mapping


def test_an_account_map_may_serve_any_declared_system(tmp_path: Path) -> None:
    path = tmp_path / "footsteps.yaml"
    openedx = "  - {name: ids, system: openedx, path: x, serves: [openedx, jira], settles: true}\n"
    path.write_text(f"sources:\n{ISSUES}{ACCOUNTS}    serves: [jira, openedx]\n{openedx}")
    assert [source.serves for source in read_config(path).sources[1:]] == [["jira", "openedx"], ["openedx", "jira"]]


@pytest.mark.parametrize("path", ["pipelines/demo/footsteps.yaml", "examples/rust/footsteps.yaml"])
def test_the_configurations_of_the_demo_and_the_examples_are_accepted(path: str) -> None:
    assert isinstance(read_config(ROOT / path), Config)


def test_a_word_of_a_column_that_the_system_fills_needs_no_header(tmp_path: Path) -> None:
    path = tmp_path / "footsteps.yaml"
    path.write_text(
        "company: X\nsources:\n" + ISSUES.replace("}", ', mapping: {is_done: {values: {"Shipped": "true"}}}}')
    )
    override = read_config(path).sources[0].options().overrides()["is_done"]
    assert (override.headers, override.values) == ((), {"Shipped": "true"})


@pytest.mark.parametrize("spec", ["{values: {a: b}}", "{}", "{column: a, constant: b}"])
def test_a_column_that_nothing_fills_or_that_is_filled_twice_is_refused(tmp_path: Path, spec: str) -> None:
    path = tmp_path / "footsteps.yaml"
    path.write_text("company: X\nsources:\n" + MARKS + f"      given_by_code: {spec}\n")
    with pytest.raises(ConfigError, match=r"mapping.given_by_code: give either `column` \(a header of the file\) or"):
        read_config(path)
