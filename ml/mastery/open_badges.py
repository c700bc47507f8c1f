"""Badge evidence: what shows that a person holds a micro-skill, and the draft of a badge that states it.

Belongs here: the summary of evidence per held micro-skill, the Open Badges 3.0 draft.
Does not belong here: stages (`ml.mastery.stages`), signing: a draft has no `proof` and identifies people by id alone.

The draft follows the AchievementCredential of Open Badges 3.0 (1EdTech) over the W3C Verifiable Credentials Data Model
2.0. The issuer adds its own profile and signs.
"""

import hashlib
import json
import uuid
from datetime import date
from typing import Any

import polars as pl

from ml.mastery.assessments import build_trust_rank
from ml.mastery.half_life import PAIR_COLUMNS
from pipelines.contracts.columns import STAGES

JSON_LD_CONTEXTS = (
    "https://www.w3.org/ns/credentials/v2",
    "https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json",
)
# A placeholder that the issuer replaces.
DRAFT_ISSUER = "urn:footsteps:issuer:to-be-named"
# The columns of EVIDENCE that badge evidence is computed from.
BADGE_EVIDENCE_COLUMNS = (*PAIR_COLUMNS, "evidence_id", "occurred_at", "mode", "amount", "feedback_kind", "file_sha256")
_COUNT_COLUMNS = ("observation_count", "repetition_count", "repetition_hours", "feedback_count", "teaching_count")
_CRITERION_BY_STAGE = {
    "apprentice": "Took it up: attended, completed, practised or was judged positively on it at least once.",
    "journeyman": "Practised it repeatedly in real work, and was judged positively on it.",
    "master": "Practised it in real work over a long time, was judged positively by several people, and passed it on.",
}


def build_badge_evidence(
    mastery: pl.DataFrame, evidence: pl.DataFrame, skills: pl.DataFrame, as_of: date
) -> pl.DataFrame:
    """Return the evidence that shows each held micro-skill.

    Args:
        mastery: Rows of MASTERY.
        evidence: Rows of EVIDENCE, at least the columns BADGE_EVIDENCE_COLUMNS.
        skills: Rows of SKILL.
        as_of: Last day of evidence that counts.

    Returns:
        One row per person and held micro-skill: the columns of `mastery`, evidence_count, file_count, the most trusted
        kind of feedback with its latest score, and badge_draft (JSON).
    """
    counted_evidence = evidence.filter(pl.col("occurred_at").dt.date() <= as_of)
    held_skills = mastery.filter(pl.col("stage") != STAGES[0]).select(
        *PAIR_COLUMNS, "stage", *_COUNT_COLUMNS, "first_evidence_at", "last_practised_at"
    )
    evidence_counts = counted_evidence.group_by(PAIR_COLUMNS).agg(
        pl.len().cast(pl.Int64).alias("evidence_count"),
        # numbers are counted faster than long texts
        pl.col("file_sha256").cast(pl.Categorical).to_physical().n_unique().cast(pl.Int64).alias("file_count"),
    )
    strongest_feedback = (
        counted_evidence.filter(pl.col("mode") == "feedback")
        .sort(build_trust_rank(), "occurred_at", "evidence_id", descending=[False, True, False])
        .unique(PAIR_COLUMNS, keep="first", maintain_order=True)
        .select(
            *PAIR_COLUMNS,
            pl.col("feedback_kind").fill_null("peer").alias("strongest_feedback_kind"),
            pl.col("amount").clip(0, 1).alias("strongest_score_share"),
            pl.col("occurred_at").alias("strongest_at"),
        )
    )
    return _draft_badges(
        held_skills.join(evidence_counts, on=PAIR_COLUMNS).join(strongest_feedback, on=PAIR_COLUMNS, how="left"), skills
    ).sort(PAIR_COLUMNS)


def _draft_badges(held_skills: pl.DataFrame, skills: pl.DataFrame) -> pl.DataFrame:
    """The rows with `badge_draft`: an unsigned OpenBadgeCredential each, with the same id while the stage is held, and
    valid from the day of the last practice that shows it."""
    achievements = pl.DataFrame(
        [
            (
                skill_row["skill_id"],
                stage,
                json.dumps(f"{stage.capitalize()}: {skill_row['skill_name']}"),
                _format_achievement(skill_row, stage),
            )
            for skill_row in skills.select("skill_id", "skill_name", "skill_description").iter_rows(named=True)
            for stage in _CRITERION_BY_STAGE
        ],
        schema=dict.fromkeys(("skill_id", "stage", "title", "achievement"), pl.String),
        orient="row",
    )
    badge_rows = held_skills.join(achievements, on=("skill_id", "stage"), how="left", maintain_order="left")
    badge_ids = [
        _hash_to_urn("|".join(badge_key_ids))
        for badge_key_ids in badge_rows.select("person_id", "skill_id", "stage").iter_rows()
    ]
    escaped_person_id = (
        pl.col("person_id").str.replace_all("\\", "\\\\", literal=True).str.replace_all('"', '\\"', literal=True)
    )
    draft_json = pl.concat_str(
        pl.lit(f'{{"@context": {json.dumps(JSON_LD_CONTEXTS)}, "id": "'),
        pl.lit(pl.Series(badge_ids, dtype=pl.String)),
        pl.lit('", "type": ["VerifiableCredential", "OpenBadgeCredential"], "name": '),
        "title",
        pl.lit(f', "issuer": {{"id": "{DRAFT_ISSUER}", "type": ["Profile"]}}, "validFrom": "'),
        pl.col("last_practised_at").dt.strftime("%Y-%m-%dT00:00:00Z"),
        pl.lit('", "credentialSubject": {"id": "urn:footsteps:person:'),
        escaped_person_id,
        pl.lit('", "type": ["AchievementSubject"], "achievement": '),
        "achievement",
        pl.lit('}, "evidence": ['),
        _build_evidence_entries(),
        pl.lit("]}"),
    )
    return badge_rows.with_columns(draft_json.alias("badge_draft")).drop("achievement", "title")


def _hash_to_urn(hashed_text: str) -> str:
    """The URN of the name-based UUID (version 5, RFC 9562) of a text; `uuid.uuid5` takes several times as long."""
    digits = hashlib.sha1(uuid.NAMESPACE_URL.bytes + hashed_text.encode(), usedforsecurity=False).hexdigest()
    variant_digit = "89ab"[int(digits[16], 16) & 3]
    return f"urn:uuid:{digits[:8]}-{digits[8:12]}-5{digits[13:16]}-{variant_digit}{digits[17:20]}-{digits[20:32]}"


def _format_achievement(skill_row: dict[str, Any], stage: str) -> str:
    return json.dumps(
        {
            "id": _hash_to_urn(f"{skill_row['skill_id']}|{stage}"),
            "type": ["Achievement"],
            "achievementType": "Competency",
            "name": f"{stage.capitalize()}: {skill_row['skill_name']}",
            "description": skill_row["skill_description"] or skill_row["skill_name"],
            "criteria": {"narrative": _CRITERION_BY_STAGE[stage]},
        }
    )


def _build_evidence_entries() -> pl.Expr:
    """One evidence entry per mode with evidence, in counts alone."""
    hours_text = pl.concat_str(pl.lit("; hours: "), pl.col("repetition_hours").round(1).cast(pl.String))
    label_and_suffix_by_mode: dict[str, tuple[str, pl.Expr]] = {
        "observation": ("attended or completed: ", pl.lit("")),
        "repetition": ("days of work: ", hours_text),
        "feedback": ("judgements: ", pl.lit("")),
        "teaching": ("taught or reviewed: ", pl.lit("")),
    }
    mode_entries = (
        pl.when(pl.col(f"{mode}_count") > 0).then(
            pl.concat_str(
                pl.lit(f'{{"type": ["Evidence"], "name": "{mode}", "narrative": "{narrative_label}'),
                pl.col(f"{mode}_count").cast(pl.String),
                narrative_suffix,
                pl.lit('"}'),
            )
        )
        for mode, (narrative_label, narrative_suffix) in label_and_suffix_by_mode.items()
    )
    return pl.concat_list(mode_entries).list.drop_nulls().list.join(", ")
