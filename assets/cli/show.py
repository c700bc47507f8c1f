"""`footsteps show`: what the published tables hold for a person.

Belongs here: one page of text per person.
Does not belong here: the making of any of it.
"""

from pathlib import Path
from typing import Any

import polars as pl
from rich.markup import escape

from assets.cli.console import CommandFailed, print_json, print_table, resolve_settings, stdout_console
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import SKILL
from pipelines.contracts.columns import RELATIONS
from pipelines.contracts.output_tables import COMPANION, NEXT_SKILL, OUT_MASTERY, REPLY_EFFECT
from pipelines.snapshots.reader import NothingPublished, Snapshot, current_snapshot
from pipelines.storage.lake import Lake

_WHY_NOT = {
    "too_little_evidence": "There is too little evidence to say anything good.",
    "nothing_eligible": "Nothing is open that is not reached already.",
    "opted_out": "The person asked for none.",
    "all_dismissed": "Everything that is open was sent away by the person.",
}
# The first steps are those a page has room for; --json has all.
_STEPS_WITH_COMPANIONS = 3


def load_current_snapshot(settings: Settings) -> Snapshot:
    """The current snapshot. Raises Failed where there is none."""
    try:
        return current_snapshot(settings.published_path)
    except NothingPublished as nothing:
        raise CommandFailed(f"{nothing} (data root: {settings.root})") from nothing


def show_people(data_root: Path | None, person: str | None, sample: int, as_json: bool) -> None:
    """Print next steps and stages of the person, or of some people."""
    if person is None and not sample:
        raise CommandFailed("say whom to show: `footsteps show PERSON`, or `footsteps show --sample 3`")
    settings = resolve_settings(data_root)
    snapshot = load_current_snapshot(settings)
    people = [person] if person is not None else _sample(snapshot, sample)
    skills = Lake(settings.lake_path).scan(SKILL).select("skill_id", "skill_name").collect()
    pages = [_page(snapshot, one, skills) for one in people]
    if as_json:
        print_json({"snapshot_id": snapshot.snapshot_id, "people": pages})
        return
    for page in pages:
        _print(page, snapshot)


def _sample(snapshot: Snapshot, count: int) -> list[str]:
    """People spread over the table: the same ones each time."""
    everyone = snapshot.scan(NEXT_SKILL.name).select("person_id").unique().sort("person_id").collect()["person_id"]
    step = max(1, everyone.len() // max(count, 1))
    return everyone.gather_every(step, step // 2).head(count).to_list()


def _page(snapshot: Snapshot, person: str, skills: pl.DataFrame) -> dict[str, Any]:
    mine = pl.col("person_id") == person
    steps = snapshot.scan(NEXT_SKILL.name).filter(mine).collect()
    if not steps.height:
        raise CommandFailed(f"nobody has the person_id {person!r} in this snapshot: see `footsteps show --sample 3`")
    held = snapshot.scan(OUT_MASTERY.name).filter(mine).collect()
    order = pl.col("stage").replace_strict({"master": 0, "journeyman": 1, "apprentice": 2, "none": 3})
    held = held.sort(order, pl.col("level_share"), "skill_id", descending=[False, True, False])
    named = [frame.join(skills, on="skill_id", how="left", maintain_order="left") for frame in (steps, held)]
    return {
        "person_id": person,
        "next": named[0].to_dicts(),
        "mastery": named[1].to_dicts(),
        **_own_words(snapshot, person, named[0]),
    }


def _own_words(snapshot: Snapshot, person: str, steps: pl.DataFrame) -> dict[str, Any]:
    """Companions in the order of the list, and replies; none of either in a snapshot that was made before they were."""
    tables = {table.name for table in snapshot.tables}
    found = {}
    for key, table in (("companions", COMPANION), ("replies", REPLY_EFFECT)):
        rows = snapshot.scan(table.name).collect() if table.name in tables else pl.DataFrame(schema=table.schema)
        found[key] = rows.filter(pl.col("person_id") == person)
    place = steps.select("skill_id", "rank").drop_nulls()
    order = pl.col("relation").replace_strict(list(RELATIONS), list(range(len(RELATIONS))), return_dtype=pl.Int8)
    companions = found["companions"].join(place, on="skill_id", how="left").sort("rank", order)
    return {"companions": companions.to_dicts(), "replies": found["replies"].to_dicts()}


def _print(page: dict[str, Any], snapshot: Snapshot) -> None:
    stdout_console.rule(f"[bold]{escape(page['person_id'])}[/bold]", align="left")
    steps = page["next"]
    if steps[0]["no_recommendation_reason"]:
        stdout_console.print(f"{_WHY_NOT[steps[0]['no_recommendation_reason']]}\n")
    else:
        print_table(
            f"Next steps (as of {snapshot.as_of}, valid until {snapshot.valid_until})",
            {
                "": "right",
                "micro-skill": "left",
                "step": "left",
                "probability": "right",
                "mastery": "right",
                "autonomy": "right",
                "purpose": "right",
            },
            [
                [
                    str(s["rank"]),
                    escape(s["skill_name"] or s["skill_id"]),
                    f"{s['from_stage']} → {s['to_stage']}" if s["kind"] != "refresh" else "refresh",
                    *(_figure(s[name]) for name in ("probability", "mastery", "autonomy", "purpose")),
                ]
                for s in steps
            ],
        )
        for step in steps:
            _print_step(step)
    _print_companions(page)
    held = [one for one in page["mastery"] if one["stage"] != "none"]
    counts = ", ".join(
        f"{sum(one['stage'] == stage for one in held)} as {stage}" for stage in ("master", "journeyman", "apprentice")
    )
    stdout_console.print(f"Holds {len(held)} micro-skills: {counts}.\n")


def _print_step(step: dict[str, Any]) -> None:
    """A step's sentence, what would have changed it and how to go about it."""
    stdout_console.print(f"[bold]{step['rank']}.[/bold] {escape(step['explanation'])}")
    for word, said in (("How", step["how"]), ("What would have changed it", step["counterfactual"])):
        if said:
            stdout_console.print(f"   {word}: {escape(said)}")
    stdout_console.print(f"   [dim]{escape(_reasons(step['reasons']))}[/dim]\n")


def _reasons(reasons: list[dict[str, Any]]) -> str:
    """Motives and what the score is made of, by code; the model's contributions are for machines (`--json`)."""
    told = [one for one in reasons if not one["code"].startswith("model_")]
    return ", ".join(f"{one['code']} {one['value']:.2f}" for one in told)


def _print_companions(page: dict[str, Any]) -> None:
    """Who goes along with the first steps, and what became of the person's replies."""
    names = {step["skill_id"]: step["skill_name"] or step["skill_id"] for step in page["next"]}
    shown = [one for one in page["companions"] if one["rank"] <= _STEPS_WITH_COMPANIONS]
    if shown:
        print_table(
            "With whom",
            {"micro-skill": "left", "relation": "left", "companion": "left", "why": "left"},
            [
                [
                    escape(names[one["skill_id"]]),
                    one["relation"].replace("_", " "),
                    escape(one["companion_id"] or "–"),
                    escape(one["why"]),
                ]
                for one in shown
            ],
        )
    for one in page["replies"]:
        about = escape(one["skill_id"] or "an unknown micro-skill")
        waited = "" if one["obeyed_date"] is None else f" since {one['obeyed_date']}"
        stdout_console.print(f"Replied {one['reply_kind']} about {about}: {one['effect'].replace('_', ' ')}{waited}.")


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
