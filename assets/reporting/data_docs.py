"""The folder of the Data Docs: the pages, and the last validation result of each table.

Belongs here: reading and writing the folder.
Does not belong here: how a page looks (`pipelines.validation.data_docs`), validation (`pipelines.validation`).
"""

from pathlib import Path

from pipelines.storage.atomic_write import write_text_atomically
from pipelines.validation.validation_result import ValidationResult, parse_validation_result

_RESULTS_FOLDER = "verdicts"


def build_page_path(docs_folder: Path, table_name: str) -> Path:
    """The page of a table, by its name."""
    return docs_folder / f"{table_name}.html"


def read_validation_result(docs_folder: Path, table_name: str) -> ValidationResult | None:
    """The last validation result of a table; None if there is none, or if another version stored it."""
    result_path = docs_folder / _RESULTS_FOLDER / f"{table_name}.json"
    return parse_validation_result(result_path.read_text(encoding="utf-8")) if result_path.exists() else None


def update_data_docs(validation_result: ValidationResult, docs_folder: Path) -> None:
    """Write the page of a table and the index of all tables, and store the result; other files of the folder stay."""
    from pipelines.validation.data_docs import render_data_docs  # its import takes seconds

    other_table_names = sorted(
        result_path.stem
        for result_path in (docs_folder / _RESULTS_FOLDER).glob("*.json")
        if result_path.stem != validation_result.table
    )
    # a result that another version stored is left out until its table is validated again
    other_results = [
        other_result
        for table_name in other_table_names
        if (other_result := read_validation_result(docs_folder, table_name)) is not None
    ]
    for file_name, page_html in render_data_docs(validation_result, other_results).items():
        write_text_atomically(docs_folder / file_name, page_html)
    write_text_atomically(
        docs_folder / _RESULTS_FOLDER / f"{validation_result.table}.json", validation_result.to_json()
    )
