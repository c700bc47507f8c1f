"""Proof: what shows that a person holds a micro-skill, and the draft of a badge that says so.

Belongs here: the summary of evidence per held micro-skill, the Open Badges 3.0 draft.
Does not belong here: stages (`ml.mastery.state`), signing: a draft carries no proof and names nobody but by id.

The draft follows the AchievementCredential of Open Badges 3.0 (1EdTech) over the W3C Verifiable Credentials Data Model
2.0. Who issues it puts in its own profile and signs.
"""

import json
import uuid
from datetime import date

import polars as pl

from pipelines.contracts.columns import FEEDBACK_KINDS, STAGES

CONTEXTS = ("https://www.w3.org/ns/credentials/v2", "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json")
# Nobody's: whoever signs replaces it.
DRAFT_ISSUER = "urn:footsteps:issuer:to-be-named"
_PAIR = ["person_id", "skill_id"]
# What of a row of evidence bears on it.
BADGE_EVIDENCE_COLUMNS = (*_PAIR, "evidence_id", "occurred_at", "mode", "amount", "feedback_kind", "file_sha256")
_COUNTS = ("observation_count", "repetition_count", "repetition_hours", "feedback_count", "teaching_count")
_CRITERIA = {
    "apprentice": "Took it up: attended, completed, practised or was judged positively on it at least once.",
    "journeyman": "Practised it repeatedly in real work, and was judged positively on it.",
    "master": "Practised it in real work over a long time, was judged positively by several people, and passed it on.",
}


def build_badge_evidence(
    mastery: pl.DataFrame, evidence: pl.DataFrame, skills: pl.DataFrame, as_of: date
) -> pl.DataFrame:
    """One row per person and held micro-skill of `mastery`: how much evidence shows it, from how many files, the most
    trusted kind of judgement with its latest score, and the badge_draft (JSON)."""
    seen = evidence.filter(pl.col("occurred_at").dt.date() <= as_of)
    # files are counted by number, not by their long names
    seen = seen.with_columns(pl.col("file_sha256").cast(pl.Categorical).to_physical())
    held = mastery.filter(pl.col("stage") != STAGES[0]).select(
        *_PAIR, "stage", *_COUNTS, "first_evidence_at", "last_practised_at"
    )
    counted = seen.group_by(_PAIR).agg(
        pl.len().cast(pl.Int64).alias("evidence_count"),
        pl.col("file_sha256").n_unique().cast(pl.Int64).alias("file_count"),
    )
    proven = held.join(counted, on=_PAIR).join(_strongest(seen), on=_PAIR, how="left")
    return draft_badges(proven, skills).sort(_PAIR)


def draft_badges(proven: pl.DataFrame, skills: pl.DataFrame) -> pl.DataFrame:
    """The rows with `badge_draft`: an unsigned OpenBadgeCredential each, under the same id while the stage is held, and
    valid from the day of the last practice that shows it."""
    stage = pl.DataFrame({"stage": list(_CRITERIA)})
    pairs = skills.select("skill_id", "skill_name", "skill_description").join(stage, how="cross")
    achievements = pairs.with_columns(
        pl.Series("achievement", [_achievement(row) for row in pairs.iter_rows(named=True)], pl.String),
        pl.Series(
            "title",
            [json.dumps(f"{r['stage'].capitalize()}: {r['skill_name']}") for r in pairs.iter_rows(named=True)],
            pl.String,
        ),
    ).select("skill_id", "stage", "achievement", "title")
    found = proven.join(achievements, on=("skill_id", "stage"), how="left", maintain_order="left")
    ids = [
        f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, '|'.join(key))}"
        for key in found.select("person_id", "skill_id", "stage").iter_rows()
    ]
    person = pl.col("person_id").str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
    issuer = {"id": DRAFT_ISSUER, "type": ["Profile"]}
    return (
        found.with_columns(pl.Series("badge_id", ids, pl.String))
        .with_columns(
            pl.concat_str(
                pl.lit(f'{{"@context": {json.dumps(CONTEXTS)}, "id": "'),
                "badge_id",
                pl.lit('", "type": ["VerifiableCredential", "OpenBadgeCredential"], "name": '),
                "title",
                pl.lit(f', "issuer": {json.dumps(issuer)}, "validFrom": "'),
                pl.col("last_practised_at").dt.strftime("%Y-%m-%dT00:00:00Z"),
                pl.lit('", "credentialSubject": {"id": "urn:footsteps:person:'),
                person,
                pl.lit('", "type": ["AchievementSubject"], "achievement": '),
                "achievement",
                pl.lit('}, "evidence": ['),
                _narratives(),
                pl.lit("]}"),
            ).alias("badge_draft")
        )
        .drop("achievement", "title", "badge_id")
    )


def _achievement(row: dict[str, str | None]) -> str:
    skill, name, stage = (str(row[key]) for key in ("skill_id", "skill_name", "stage"))
    return json.dumps(
        {
            "id": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{skill}|{stage}')}",
            "type": ["Achievement"],
            "achievementType": "Competency",
            "name": f"{stage.capitalize()}: {name}",
            "description": row["skill_description"] or name,
            "criteria": {"narrative": _CRITERIA[stage]},
        }
    )


def _narratives() -> pl.Expr:
    """One evidence entry per mode that there is, in counts alone."""
    hours = pl.col("repetition_hours").round(1).cast(pl.String)
    entries = (
        _entry("observation", "observation_count", "attended or completed: "),
        _entry("repetition", "repetition_count", "days of work: ", pl.concat_str(pl.lit("; hours: "), hours)),
        _entry("feedback", "feedback_count", "judgements: "),
        _entry("teaching", "teaching_count", "taught or reviewed: "),
    )
    return pl.concat_list(entries).list.drop_nulls().list.join(", ")


def _entry(mode: str, count: str, said: str, more: pl.Expr | None = None) -> pl.Expr:
    text = pl.concat_str(
        pl.lit(f'{{"type": ["Evidence"], "name": "{mode}", "narrative": "{said}'),
        pl.col(count).cast(pl.String),
        pl.lit("") if more is None else more,
        pl.lit('"}'),
    )
    return pl.when(pl.col(count) > 0).then(text)


def _strongest(evidence: pl.DataFrame) -> pl.DataFrame:
    """Per person and micro-skill the judgement of the most trusted kind, of several the latest."""
    order = {kind: place for place, kind in enumerate(FEEDBACK_KINDS)}
    kind = pl.col("feedback_kind").fill_null("peer")  # one whose kind is not told is the weakest given by another
    judged = evidence.filter(pl.col("mode") == "feedback").with_columns(
        kind.alias("strongest_feedback_kind"), kind.replace_strict(order, return_dtype=pl.Int8).alias("trust")
    )
    best = judged.sort("trust", "occurred_at", "evidence_id", descending=[False, True, False])
    return best.unique(_PAIR, keep="first", maintain_order=True).select(
        *_PAIR,
        "strongest_feedback_kind",
        pl.col("amount").clip(0, 1).alias("strongest_score_share"),
        pl.col("occurred_at").alias("strongest_at"),
    )
