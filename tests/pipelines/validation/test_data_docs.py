"""Data Docs: offline, without a value of any row, the same bytes each time."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from pipelines.contracts.table import Column, Personal, RowRule, Table
from pipelines.validation.data_docs import build_docs
from pipelines.validation.expectations import validate
from pipelines.validation.verdict import ValidationResult

TABLE = Table(
    name="core_people__entity_person",
    description="One row per person.",
    columns=(
        Column("person_id", pl.String, "Person.", personal=Personal.PSEUDONYM),
        Column("display_name", pl.String, "Name.", pattern="^<[a-z]+>$", personal=Personal.DIRECT),
        Column("stage", pl.String, "Stage.", allowed=("none", "master")),
        Column("share", pl.Float64, "Share.", minimum=0, maximum=1),
    ),
    key=("person_id", "stage"),
    row_rules=(RowRule("pays", ("share",), pl.col("share") > 0, "costs at least $1 <script>"),),
    warnings=("display_name|matches",),
)
FRAME = pl.DataFrame(
    {"person_id": ["p-4711"] * 2, "display_name": ["Anna", "Bo"], "stage": ["none"] * 2, "share": [0.0, 2.0]}
)


@pytest.fixture(scope="module")
def verdicts() -> list[ValidationResult]:
    failed = validate(TABLE, FRAME, row_numbers=5)
    not_evaluated = replace(validate(TABLE, FRAME.drop("share")), table="core_b__entity_b")
    warned = replace(validate(TABLE, FRAME.head(1).with_columns(share=0.5)), table="core_c__entity_c")
    return [failed, not_evaluated, warned]


@pytest.fixture(scope="module")
def site(verdicts: list[ValidationResult], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_docs(verdicts, tmp_path_factory.mktemp("docs") / "new" / "folder")


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and its text."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += f"{data} "


def words(page: Path) -> str:
    return " ".join(Tags(page).text.split())


def test_the_index_leads_to_a_page_per_table_and_the_stopped_ones_come_first(site: Path) -> None:
    links = [attributes["href"] for tag, attributes in Tags(site).tags if tag == "a"]
    assert links == ["core_b__entity_b.html", "core_people__entity_person.html", "core_c__entity_c.html"]
    assert all((site.parent / str(link)).is_file() for link in links)
    assert "3 tables, 2 of them stopped." in words(site)


def test_no_page_loads_anything_from_anywhere(site: Path) -> None:
    pages = sorted(site.parent.iterdir())
    assert len(pages) == 4
    for page in pages:
        assert not re.search(r"https?:|//\w|url\(|@import|javascript:", page.read_text())
        for tag, attributes in Tags(page).tags:
            assert tag not in {"script", "link", "img", "iframe", "object", "embed", "base"}
            assert "src" not in attributes
            assert not any(name.startswith("on") for name in attributes)
        policies = [a["content"] for tag, a in Tags(page).tags if a.get("http-equiv") == "Content-Security-Policy"]
        assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]


def test_no_page_holds_a_value_of_any_row(site: Path) -> None:
    for page in site.parent.iterdir():
        assert not re.search(r"p-4711|Anna|\bBo\b", page.read_text())


def test_a_page_says_each_rule_in_words_and_in_numbers(site: Path) -> None:
    said = words(site.parent / f"{TABLE.name}.html")
    assert "stopped : 2 rows" in said
    assert "values must match this regular expression: ^<[a-z]+>$" in said
    assert "values must belong to this set: none master" in said
    assert "person_id + stage : no row may repeat the values of an earlier row ." in said
    assert "share : costs at least $1 <script> ." in said  # as text: the tag is escaped
    assert "person_id+stage|unique ERROR failed 2 1 50.000% 1" in said
    assert "display_name|matches WARN failed 2 2 100.000% 0, 1" in said


def test_a_rule_that_could_not_be_evaluated_says_why(site: Path) -> None:
    assert 'not evaluated 0 0 0.000% unable to find column "share"' in words(site.parent / "core_b__entity_b.html")


def test_a_table_that_only_warns_is_shown_as_passed_with_warnings(site: Path) -> None:
    assert "core_c__entity_c passed with warnings" in words(site)


def test_the_same_verdicts_give_the_same_bytes(site: Path, verdicts: list[ValidationResult], tmp_path: Path) -> None:
    again = build_docs(verdicts, tmp_path)
    for page in site.parent.iterdir():
        assert page.read_bytes() == (again.parent / page.name).read_bytes()


def test_two_verdicts_on_one_table_are_refused(verdicts: list[ValidationResult], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="same table"):
        build_docs([verdicts[0], verdicts[0]], tmp_path)


def test_no_verdicts_give_an_index_that_says_so(tmp_path: Path) -> None:
    assert "0 tables" in words(build_docs([], tmp_path))
