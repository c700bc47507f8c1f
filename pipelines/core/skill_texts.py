"""Skill texts: each distinct text of the core tables is matched to the taxonomy once, and looked up everywhere else.

Belongs here: which texts there are, which of them are new, and how rows find the micro-skills of their texts.
Does not belong here: how one text is matched (`pipelines.core.taxonomy`).
"""

import hashlib
from collections.abc import Iterable

import polars as pl

from pipelines.contracts.catalog import SKILL_TEXT
from pipelines.core.courses import list_learning_texts
from pipelines.core.taxonomy import TaxonomyError, match_texts
from pipelines.storage.parquet_files import content_sha256

_TEXT_KEY = ("skill_text", "is_matched_whole")


def list_distinct_texts(
    frames_with_texts: Iterable[pl.LazyFrame], learning_records: pl.DataFrame, courses: pl.DataFrame
) -> pl.DataFrame:
    """List every text of the core tables that may name a micro-skill.

    Args:
        frames_with_texts: Frames with skill_text.
        learning_records: Rows of `LEARNING_RECORD`.
        courses: Rows of `COURSE`.

    Returns:
        One row per distinct text and use, sorted: skill_text, is_matched_whole (whether it is used as the code of a
        course).
    """
    candidate_texts = [
        frame_with_text.select("skill_text", pl.lit(False).alias("is_matched_whole"))
        for frame_with_text in frames_with_texts
    ]
    all_texts = pl.concat([*candidate_texts, list_learning_texts(learning_records, courses).lazy()])
    return all_texts.drop_nulls("skill_text").unique().collect().sort(_TEXT_KEY)


def fingerprint_names(skills: pl.DataFrame, aliases: pl.DataFrame) -> str:
    """Hash what the matches of texts depend on: the ids of the micro-skills (`SKILL`) and their names (`ALIAS`)."""
    matching_frames = (skills.select("skill_id"), aliases.select("alias_text", "skill_id"))
    joined_hashes = "".join(content_sha256(matching_frame.sort(pl.all())) for matching_frame in matching_frames)
    return hashlib.sha256(joined_hashes.encode()).hexdigest()[:12]


def update_matches(
    distinct_texts: pl.DataFrame, skills: pl.DataFrame, aliases: pl.DataFrame, earlier_matches: pl.DataFrame
) -> pl.DataFrame:
    """Match the texts that are new, or all of them if the taxonomy changed.

    Args:
        distinct_texts: As `list_distinct_texts` returns them.
        skills: The micro-skills (`SKILL`).
        aliases: Their names (`ALIAS`).
        earlier_matches: The matches so far, in the contract of `SKILL_TEXT`.

    Returns:
        The matches of these texts, in the contract of `SKILL_TEXT`; texts that no longer occur are left out.
    """
    taxonomy_version = fingerprint_names(skills, aliases)
    valid_matches = earlier_matches.filter(pl.col("taxonomy_version") == taxonomy_version).join(
        distinct_texts, on=_TEXT_KEY, how="semi"
    )
    new_texts = distinct_texts.join(valid_matches, on=_TEXT_KEY, how="anti")
    new_matches = match_texts(new_texts, skills, aliases).with_columns(taxonomy_version=pl.lit(taxonomy_version))
    return pl.concat([valid_matches, new_matches.select(valid_matches.columns)]).sort(pl.all())


def look_up_matches(texts: pl.DataFrame, stored_text_matches: pl.DataFrame) -> pl.DataFrame:
    """Look up the micro-skills that texts name.

    Args:
        texts: skill_text, and optionally is_matched_whole (false if missing).
        stored_text_matches: Rows of `SKILL_TEXT`.

    Returns:
        One row per distinct text, part and micro-skill, sorted: skill_text, mention_text, skill_id (null if the part
        names no micro-skill); no row for a text without parts.

    Raises:
        TaxonomyError: A text is not in the table.
    """
    is_matched_whole = pl.col("is_matched_whole") if "is_matched_whole" in texts.columns else pl.lit(False)
    texts = texts.select("skill_text", is_matched_whole.alias("is_matched_whole")).drop_nulls("skill_text").unique()
    if missing_text_count := texts.join(stored_text_matches, on=_TEXT_KEY, how="anti").height:
        raise TaxonomyError(
            f"{missing_text_count:,} of {texts.height:,} skill texts are not in {SKILL_TEXT.name}: materialize it first"
        )
    selected_matches = stored_text_matches.join(texts, on=_TEXT_KEY, how="semi").drop_nulls("mention_text")
    return selected_matches.select("skill_text", "mention_text", "skill_id").unique().sort(pl.all())


def add_skill_ids(text_rows: pl.DataFrame, stored_text_matches: pl.DataFrame) -> pl.DataFrame:
    """Add the micro-skills that the text of each row names.

    Args:
        text_rows: Rows with skill_text, which is no code.
        stored_text_matches: Rows of `SKILL_TEXT`.

    Returns:
        One row per row and micro-skill that its text names, with skill_id; rows without one are left out.
    """
    skill_matches = look_up_matches(text_rows.select("skill_text"), stored_text_matches).drop_nulls("skill_id")
    return text_rows.join(skill_matches.select("skill_text", "skill_id").unique(), on="skill_text")
