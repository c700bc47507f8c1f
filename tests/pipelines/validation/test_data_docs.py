"""Data Docs load nothing, hold no value of any row, and have the same bytes for the same results."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from assets.reporting.data_docs import update_data_docs
from pipelines.contracts.table import Column, RowRule, Table
from pipelines.validation.data_docs import INDEX
from pipelines.validation.expectations import validate
from pipelines.validation.validation_result import ValidationResult

TABLE = Table(
    name="core_people__entity_person",
    description="One row per person.",
    columns=(
        Column("person_id", pl.String, "Person."),
        Column("display_name", pl.String, "Name.", pattern="^<[a-z]+>$"),
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
def results() -> list[ValidationResult]:
    failed = validate(TABLE, FRAME)
    not_evaluated = replace(validate(TABLE, FRAME.drop("share")), table="core_b__entity_b")
    warned = replace(validate(TABLE, FRAME.head(1).with_columns(share=0.5)), table="core_c__entity_c")
    return [failed, not_evaluated, warned]


@pytest.fixture(scope="module")
def site(results: list[ValidationResult], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_docs(results, tmp_path_factory.mktemp("docs") / "new" / "folder")


def write_docs(results: list[ValidationResult], folder: Path) -> Path:
    for result in results:
        update_data_docs(result, folder)
    return folder / INDEX


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and the text of the page."""

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


def test_the_index_links_to_a_page_per_table_and_lists_stopped_tables_first(site: Path) -> None:
    links = [attributes["href"] for tag, attributes in Tags(site).tags if tag == "a"]
    assert links == ["core_b__entity_b.html", "core_people__entity_person.html", "core_c__entity_c.html"]
    assert all((site.parent / str(link)).is_file() for link in links)
    assert "3 tables, 2 of them stopped." in words(site)


def test_no_page_loads_anything(site: Path) -> None:
    pages = sorted(site.parent.glob("*.html"))
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
    for file in site.parent.rglob("*.*"):
        assert not re.search(r"p-4711|Anna|\bBo\b", file.read_text())


def test_a_page_shows_each_rule_in_words_and_in_numbers(site: Path) -> None:
    text = words(site.parent / f"{TABLE.name}.html")
    assert "stopped : 2 rows arrived, 0 of them are set aside; 7 rules." in text
    assert "values must match this regular expression: ^<[a-z]+>$" in text
    assert "values must belong to this set: none master" in text
    assert "person_id + stage : no row may repeat the values of an earlier row ." in text
    assert "share : costs at least $1 <script> ." in text  # as text: the tag is escaped
    assert "person_id+stage|unique ERROR failed 2 1 50.000%" in text
    assert "display_name|matches WARN failed 2 2 100.000%" in text


def test_a_page_shows_why_a_rule_could_not_be_evaluated(site: Path) -> None:
    assert 'not evaluated 0 0 0.000% unable to find column "share"' in words(site.parent / "core_b__entity_b.html")


def test_a_table_that_only_warns_is_shown_as_passed_with_warnings(site: Path) -> None:
    assert "core_c__entity_c passed with warnings" in words(site)


def test_the_same_results_give_the_same_bytes(site: Path, results: list[ValidationResult], tmp_path: Path) -> None:
    again = write_docs(results, tmp_path)
    for page in site.parent.glob("*.html"):
        assert page.read_bytes() == (again.parent / page.name).read_bytes()


def test_a_stored_result_of_another_version_is_left_out_of_the_index(
    results: list[ValidationResult], tmp_path: Path
) -> None:
    (tmp_path / "verdicts").mkdir()
    (tmp_path / "verdicts" / "core_d__entity_d.json").write_text('{"table": "core_d__entity_d"}')
    assert "1 tables, 1 of them stopped." in words(write_docs(results[:1], tmp_path))
