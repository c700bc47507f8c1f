"""Pages that still say what is true: taken over from the pages of an earlier snapshot instead of written again.

Belongs here: the print of all that stands on a person's page, and the taking over.
Does not belong here: what stands on a page (`pages`), the writing (`build`).

A page tells the day of its own rows; until when they hold stands on the night's page, so that rows that only hold for
longer leave every page as it is.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

import polars as pl

from pipelines.contracts.output_tables import NEXT_SKILL, OUT_MASTERY
from pipelines.publish.site.page_data import PageData, page_name
from pipelines.storage.change_log import hash_row_contents
from pipelines.storage.run_state import fingerprint_code

PRINTS = "pages.parquet"
_TEMPLATES = Path(__file__).parent / "templates"
# What a new snapshot of the same rows changes, and no page of a person says.
_RENEWED = ("snapshot_id", "first_snapshot_id", "valid_until")


def print_pages(known: PageData, people: list[str]) -> pl.DataFrame:
    """One row (file, page_print) per person: equal where everything that stands on the page is."""
    tables = (NEXT_SKILL, OUT_MASTERY, *known.more)
    frames = [known.snapshot.scan(table.name) for table in tables if known.snapshot.has_table(table.name)]
    who = pl.DataFrame({"person_id": people}, schema={"person_id": pl.String})
    parts = [who.with_columns(row=pl.lit(0, pl.UInt64))]
    for place, frame in enumerate((*frames, known.stored.lazy())):
        rows = frame.drop(_RENEWED, strict=False).with_columns(table=pl.lit(place)).collect()
        parts.append(rows.select("person_id").with_columns(hash_row_contents(rows).alias("row")))
    # sums of hashes: the order of rows says nothing
    printed = pl.concat(parts).join(who, on="person_id", how="semi").group_by("person_id").agg(pl.col("row").sum())
    lookup = pl.lit(_print_of_all(known))
    told = printed.sort("person_id").select("person_id", page_print=pl.format("{} {}", lookup, "row"))
    return told.select(pl.col("person_id").map_elements(page_name, pl.String).alias("file"), "page_print")


def take_over(prints: pl.DataFrame, earlier: Path | None, folder: Path) -> set[str]:
    """Put the pages that an earlier snapshot's folder has with the same print into this folder; their file names.

    Links where the file system has them: a page is never written to after it was put in place.
    """
    if earlier is None or not (earlier / PRINTS).exists():
        return set()
    same = prints.join(pl.read_parquet(earlier / PRINTS), on=prints.columns, how="semi")["file"].to_list()
    taken = set()
    for name in same:
        source, target = earlier / "people" / name, folder / "people" / name
        try:
            os.link(source, target)
        except FileNotFoundError:
            continue
        except OSError:
            shutil.copyfile(source, target)
        taken.add(name)
    return taken


def _print_of_all(known: PageData) -> str:
    """The names that any page may say, the templates and the code."""
    digest = hashlib.sha256(fingerprint_code().encode())
    for path in sorted(_TEMPLATES.iterdir()):
        digest.update(path.read_bytes())
    said = [known.company, known.skills, known.people, sorted(known.totals.items())]
    digest.update(json.dumps(said, sort_keys=True, default=str).encode())
    return digest.hexdigest()[:16]
