"""`footsteps show`: what the published tables hold about a person.

Belongs here: one page of text per person.
Does not belong here: how any of it is made.
"""

from pathlib import Path
from typing import Any

import polars as pl
from rich.markup import escape

from assets.cli.terminal.console import CommandFailed, print_json, print_table, resolve_settings, stdout_console
from assets.cli.terminal.inputs import load_current_snapshot
from pipelines.contracts.catalog import SKILL
from pipelines.contracts.columns import PAUSED, RELATIONS, STAGES, stage_index
from pipelines.contracts.output_tables import COMPANION, NEXT_SKILL, OUT_MASTERY, REPLY_EFFECT
from pipelines.contracts.table import Table
from pipelines.snapshots.reader import Snapshot
from pipelines.storage.lake import Lake

_NO_STEP_SENTENCES = {
    "too_little_evidence": "There is too little evidence to say anything good.",
    "nothing_eligible": "Nothing is open that is not reached already.",
    "opted_out": "The person asked for none.",
    PAUSED: "The company has paused recommendations.",
    "all_dismissed": "The person dismissed everything that is open.",
}
# The text shows companions of the first steps only; --json has all.
_MAX_STEPS_WITH_COMPANIONS = 3


def show_people(data_root: Path | None, requested_person_id: str | None, sample_size: int, as_json: bool) -> None:
    """Print next steps and stages of a person, or of a sample of people.

    Args:
        data_root: The data root of the command.
        requested_person_id: person_id of the person; None for a sample.
        sample_size: Number of people in the sample.
        as_json: Whether to print JSON.

    Raises:
        CommandFailed: If nothing is published, or nobody has the person_id.
    """
    if requested_person_id is None and not sample_size:
        raise CommandFailed("name a person: `footsteps show PERSON`, or `footsteps show --sample 3`")
    settings = resolve_settings(data_root)
    snapshot = load_current_snapshot(settings)
    person_ids = [requested_person_id] if requested_person_id is not None else _sample_people(snapshot, sample_size)
    skill_names = Lake(settings.lake_path).scan(SKILL).select("skill_id", "skill_name").collect()
    person_pages = [_read_person_page(snapshot, person_id, skill_names) for person_id in person_ids]
    if as_json:
        print_json({"snapshot_id": snapshot.snapshot_id, "people": person_pages})
        return
    for person_page in person_pages:
        _print_person_page(person_page, snapshot)


def _sample_people(snapshot: Snapshot, sample_size: int) -> list[str]:
    """People at equal distances in the table: the same ones each time."""
    person_ids = snapshot.scan(NEXT_SKILL.name).select("person_id").unique().sort("person_id").collect()["person_id"]
    sampling_stride = max(1, person_ids.len() // max(sample_size, 1))
    return person_ids.gather_every(sampling_stride, sampling_stride // 2).head(sample_size).to_list()


def _read_person_page(snapshot: Snapshot, person_id: str, skill_names: pl.DataFrame) -> dict[str, Any]:
    """Next steps, stages, companions in the order of the steps, and replies of a person."""
    next_steps = _read_person_rows(snapshot, NEXT_SKILL, person_id)
    if next_steps.is_empty():
        raise CommandFailed(f"nobody has the person_id {person_id!r} in this snapshot: see `footsteps show --sample 3`")
    mastery_rows = _read_person_rows(snapshot, OUT_MASTERY, person_id).sort(
        stage_index("stage"), "level_share", "skill_id", descending=[True, True, False]
    )
    relation_order = pl.col("relation").replace_strict(RELATIONS, range(len(RELATIONS)), return_dtype=pl.Int8)
    companions = (
        _read_person_rows(snapshot, COMPANION, person_id)
        .join(next_steps.select("skill_id", "rank").drop_nulls(), on="skill_id", how="left")
        .sort("rank", relation_order)
    )
    return {
        "person_id": person_id,
        "next": next_steps.join(skill_names, on="skill_id", how="left", maintain_order="left").to_dicts(),
        "mastery": mastery_rows.join(skill_names, on="skill_id", how="left", maintain_order="left").to_dicts(),
        "companions": companions.to_dicts(),
        "replies": _read_person_rows(snapshot, REPLY_EFFECT, person_id).to_dicts(),
    }


def _read_person_rows(snapshot: Snapshot, table: Table, person_id: str) -> pl.DataFrame:
    """The rows of a person; none if the snapshot is older than the table."""
    if not snapshot.has_table(table.name):
        return pl.DataFrame(schema=table.schema)
    return snapshot.scan(table.name).filter(person_id=person_id).collect()


def _print_person_page(person_page: dict[str, Any], snapshot: Snapshot) -> None:
    stdout_console.rule(f"[bold]{escape(person_page['person_id'])}[/bold]", align="left")
    next_steps = person_page["next"]
    score_columns = ("probability", "mastery", "autonomy", "purpose")
    if no_recommendation_reason := next_steps[0]["no_recommendation_reason"]:
        stdout_console.print(f"{_NO_STEP_SENTENCES[no_recommendation_reason]}\n")
    else:
        print_table(
            f"Next steps (as of {snapshot.as_of}, valid until {snapshot.valid_until})",
            {"": "right", "micro-skill": "left", "step": "left", **dict.fromkeys(score_columns, "right")},
            [
                [
                    str(step["rank"]),
                    escape(step["skill_name"] or step["skill_id"]),
                    "refresh" if step["kind"] == "refresh" else f"{step['from_stage']} → {step['to_stage']}",
                    *(
                        "–" if step[score_column] is None else f"{step[score_column]:.2f}"
                        for score_column in score_columns
                    ),
                ]
                for step in next_steps
            ],
        )
        for step in next_steps:
            _print_step(step)
    _print_companions(person_page)
    _print_replies(person_page)
    held_stages = [mastery_row["stage"] for mastery_row in person_page["mastery"] if mastery_row["stage"] != STAGES[0]]
    stage_counts_text = ", ".join(f"{held_stages.count(stage)} as {stage}" for stage in reversed(STAGES[1:]))
    stdout_console.print(f"Holds {len(held_stages)} micro-skills: {stage_counts_text}.\n")


def _print_step(next_step: dict[str, Any]) -> None:
    """A step's explanation, how to practise it, and what would have changed it."""
    stdout_console.print(f"[bold]{next_step['rank']}.[/bold] {escape(next_step['explanation'])}")
    for heading, step_sentence in (
        ("How", next_step["how"]),
        ("What would have changed it", next_step["counterfactual"]),
    ):
        if step_sentence:
            stdout_console.print(f"   {heading}: {escape(step_sentence)}")
    # the model's contributions are for machines (`--json`)
    displayed_reasons = [reason for reason in next_step["reasons"] if not reason["code"].startswith("model_")]
    reasons_text = ", ".join(f"{reason['code']} {reason['value']:.2f}" for reason in displayed_reasons)
    stdout_console.print(f"   [dim]{escape(reasons_text)}[/dim]\n")


def _print_companions(person_page: dict[str, Any]) -> None:
    skill_name_by_id = {
        next_step["skill_id"]: next_step["skill_name"] or next_step["skill_id"] for next_step in person_page["next"]
    }
    companions = [
        companion for companion in person_page["companions"] if companion["rank"] <= _MAX_STEPS_WITH_COMPANIONS
    ]
    if companions:
        print_table(
            "With whom",
            {"micro-skill": "left", "relation": "left", "companion": "left", "why": "left"},
            [
                [
                    escape(skill_name_by_id[companion["skill_id"]]),
                    companion["relation"].replace("_", " "),
                    escape(companion["companion_id"] or "–"),
                    escape(companion["why"]),
                ]
                for companion in companions
            ],
        )


def _print_replies(person_page: dict[str, Any]) -> None:
    for reply in person_page["replies"]:
        skill_label = escape(reply["skill_id"] or "an unknown micro-skill")
        since_text = "" if reply["obeyed_date"] is None else f" since {reply['obeyed_date']}"
        stdout_console.print(
            f"Replied {reply['reply_kind']} about {skill_label}: {reply['effect'].replace('_', ' ')}{since_text}."
        )
