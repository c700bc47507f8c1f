"""Reuse of people's pages: a page whose content did not change is linked from the last snapshot's pages.

Belongs here: the fingerprint of everything on a person's page, and the linking.
Does not belong here: the text of a page (`pages`), writing files (`build`).

A person's page shows the day of its rows, but not until when they are valid: that is on the page about the run, so that
rows whose validity alone is extended change no person's page.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

import polars as pl

from pipelines.publish.site.language import LOCALE_FOLDER
from pipelines.publish.site.page_data import PageData
from pipelines.publish.site.page_writer import PERSON_PAGE, TEMPLATES
from pipelines.publish.site.person_tables import scan_person_tables
from pipelines.storage.change_log import hash_row_contents
from pipelines.storage.run_state import fingerprint_code

# An earlier version wrote pages.parquet, with a file per person_id.
FINGERPRINTS_FILE = "page_fingerprints.parquet"
_STORED_COLUMNS = ["folder_hash", "page_print"]


def fingerprint_pages(page_data: PageData, person_ids: list[str]) -> pl.DataFrame:
    """Fingerprint the content of every person's page.

    Args:
        page_data: The input of the pages.
        person_ids: person_id of each person.

    Returns:
        One row (folder, folder_hash, page_print) per person; equal if everything on the page is equal.
    """
    person_tables = scan_person_tables(page_data.snapshot, page_data.lake, page_data.evidence_counts)
    page_people = pl.DataFrame({"person_id": person_ids}, schema={"person_id": pl.String})
    row_hash_frames = [page_people.with_columns(row=pl.lit(0, pl.UInt64))]
    for table_number, (table_rows, _) in enumerate(person_tables.values()):
        compared_rows = table_rows.with_columns(table=pl.lit(table_number)).collect()
        row_hash_frames.append(
            compared_rows.select("person_id").with_columns(hash_row_contents(compared_rows).alias("row"))
        )
    # sums of hashes: the order of rows changes nothing
    hash_sum_by_person = (
        pl.concat(row_hash_frames)
        .join(page_people, on="person_id", how="semi")
        .group_by("person_id")
        .agg(pl.col("row").sum())
    )
    folder_names = pl.col("person_id").map_elements(page_data.page_names.folder_of, pl.String)
    return hash_sum_by_person.sort("person_id").select(
        folder_names.alias("folder"),
        folder_names.map_elements(_hash_name, pl.String).alias("folder_hash"),
        page_print=pl.format("{} {}", pl.lit(_fingerprint_lookups(page_data)), "row"),
    )


def reuse_pages(page_fingerprints: pl.DataFrame, earlier_pages_folder: Path | None, pages_folder: Path) -> set[str]:
    """Put the earlier pages with the same fingerprint into a folder.

    Pages are linked if the file system supports links, because a written page never changes; otherwise they are copied.

    Args:
        page_fingerprints: The result of `fingerprint_pages`.
        earlier_pages_folder: Folder of an earlier snapshot's pages, or None.
        pages_folder: Folder of the new snapshot's pages.

    Returns:
        Folders of the reused pages.
    """
    if earlier_pages_folder is None or not (earlier_pages_folder / FINGERPRINTS_FILE).exists():
        return set()
    unchanged_pages = page_fingerprints.join(
        pl.read_parquet(earlier_pages_folder / FINGERPRINTS_FILE), on=_STORED_COLUMNS, how="semi"
    )
    reused_folder_names = set()
    for folder_name in unchanged_pages["folder"]:
        earlier_page = earlier_pages_folder / "people" / folder_name / PERSON_PAGE
        new_page = pages_folder / "people" / folder_name / PERSON_PAGE
        if not earlier_page.is_file():
            continue
        new_page.parent.mkdir()
        try:
            os.link(earlier_page, new_page)
        except OSError:
            shutil.copyfile(earlier_page, new_page)
        reused_folder_names.add(folder_name)
    return reused_folder_names


def write_fingerprints(page_fingerprints: pl.DataFrame, pages_folder: Path) -> None:
    """Write the fingerprints for the next snapshot; hashes in place of folder names, so that the file leads to no page.

    Args:
        page_fingerprints: The result of `fingerprint_pages`.
        pages_folder: Folder of the snapshot's pages.
    """
    page_fingerprints.select(_STORED_COLUMNS).write_parquet(pages_folder / FINGERPRINTS_FILE)


def _hash_name(folder_name: str) -> str:
    return hashlib.sha256(folder_name.encode()).hexdigest()[:24]


def _fingerprint_lookups(page_data: PageData) -> str:
    """Fingerprint of what any page may show: names, language, smallest count, templates, catalogues and code."""
    lookups_digest = hashlib.sha256(fingerprint_code().encode())
    for text_path in (*sorted(TEMPLATES.iterdir()), *sorted(LOCALE_FOLDER.rglob("*.mo"))):
        lookups_digest.update(text_path.read_bytes())
    lookup_values = [
        page_data.company_name,
        page_data.skill_row_by_id,
        page_data.person_row_by_id,
        page_data.system_by_source,
        page_data.horizon_by_model,
        [page_data.language.code, page_data.language.stage_words],
        page_data.smallest_team,
    ]
    lookups_digest.update(json.dumps(lookup_values, sort_keys=True, default=str).encode())
    return lookups_digest.hexdigest()[:16]
