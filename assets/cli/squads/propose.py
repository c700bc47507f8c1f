"""`footsteps squads propose`: squads for a portfolio, from the tables of the last run.

Belongs here: which tables are read, and what is printed.
Does not belong here: who may be proposed (`ml.recommend.squad_portfolio`), the solver (`ml.recommend.squad_proposal`).
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl

from assets.cli.terminal.console import (
    CommandFailed,
    print_json,
    print_note,
    print_table,
    resolve_settings,
    stdout_console,
)
from assets.cli.terminal.inputs import load_config, load_current_snapshot
from assets.resources.table_reader import EVERYBODY, TableReader
from assets.tables.squad_inputs import build_squad_context, match_squad_run, read_squad_run
from ml.recommend.squad_openings import find_openings
from ml.recommend.squad_portfolio import build_portfolio
from ml.recommend.squad_proposal import Proposal, propose_squads
from pipelines.contracts.catalog import SKILL
from pipelines.storage.lake import Lake

# Openings compared per person: more than a page shows, because a portfolio needs few people in many places.
PLANNING_LENGTH, PLANNED_OPENINGS_PER_SKILL = 50, 8


def propose_for_planners(
    data_root: Path | None,
    config_file: Path | None,
    project_codes: list[str],
    time_limit_seconds: float,
    output_file: Path | None,
    as_json: bool,
) -> None:
    """Propose squads, and print them or write them to a file.

    Args:
        data_root: The data root of the command.
        config_file: The footsteps.yaml, if it is not in the data root.
        project_codes: The projects of the portfolio; all open work if empty.
        time_limit_seconds: Limit of the search.
        output_file: File for the proposed people, or None.
        as_json: Whether to print JSON.

    Raises:
        CommandFailed: If nothing is published, recommendations are paused, a project has no opening, or the file
            exists.
    """
    settings = resolve_settings(data_root, config_file)
    if output_file is not None and output_file.exists():
        raise CommandFailed(f"{output_file} exists: name another file")
    snapshot, config = load_current_snapshot(settings), load_config(settings)
    table_reader = TableReader(Lake(settings.lake_path), EVERYBODY)
    squad_run = read_squad_run(table_reader, snapshot.as_of)
    if squad_run.objections.is_paused:
        raise CommandFailed("recommendations are paused, so that no squads are proposed: see `footsteps pause --help`")
    context = build_squad_context(table_reader, squad_run, snapshot.valid_until, config.policy.minimum_people)
    openings = _select_openings(find_openings(context), project_codes)
    policy = replace(config.policy.squads, list_length=PLANNING_LENGTH)
    matches = match_squad_run(table_reader, squad_run, openings, context, policy, PLANNED_OPENINGS_PER_SKILL)
    # matches are for the person, proposals for others: a micro-skill that a person hides is proposed to nobody
    matches = squad_run.objections.drop_objected_rows(matches)
    portfolio = build_portfolio(matches, openings, context, policy, snapshot.as_of)
    proposal = propose_squads(portfolio, time_limit_seconds)
    report = _describe(proposal, openings, len(portfolio.work_codes), str(snapshot.as_of))
    if output_file is not None:
        proposal.members.write_csv(output_file)
        report["output"] = str(output_file)
    if as_json:
        print_json({**report, "members": proposal.members.to_dicts()})
        return
    _print_proposal(proposal, report, output_file, table_reader.read(SKILL))


def _select_openings(openings: pl.DataFrame, project_codes: list[str]) -> pl.DataFrame:
    unknown_codes = sorted(set(project_codes) - set(openings["work_code"]))
    if unknown_codes:
        raise CommandFailed(
            f"no opening in {', '.join(unknown_codes)}: the project_code of out__squad_opening lists those with one"
        )
    return openings.filter(pl.col("work_code").is_in(project_codes)) if project_codes else openings


def _describe(proposal: Proposal, openings: pl.DataFrame, coverable_count: int, as_of: str) -> dict[str, Any]:
    work_count = openings["work_code"].n_unique()
    return {
        "as_of": as_of,
        "work": work_count,
        "work_without_enough_holders": work_count - coverable_count,
        "squads": proposal.members["work_code"].n_unique(),
        "people": proposal.members.height,
        "steps": proposal.members["to_stage"].count(),
        "people_without_known_workload": proposal.members.filter(pl.col("workload") == "unknown").height,
        "value": round(proposal.value, 3),
        "bound": round(proposal.bound, 3) if proposal.bound != float("inf") else None,
        "gap": max((part.gap for part in proposal.parts), default=0.0),
        "parts": len(proposal.parts),
        "greedy_parts": sum(part.method == "greedy" for part in proposal.parts),
        "time_limited_parts": sum(part.is_time_limited for part in proposal.parts),
    }


def _print_proposal(proposal: Proposal, report: dict[str, Any], output_file: Path | None, skills: pl.DataFrame) -> None:
    if output_file is None and proposal.members.height:
        _print_members(proposal.members, dict(skills.select("skill_id", "skill_name").iter_rows()))
    bound_text = f"bound {report['bound']}" if report["bound"] is not None else "no bound known"
    stdout_console.print(
        f"{report['squads']} squads of {report['work']} pieces of open work, {report['people']} people, "
        f"{report['steps']} steps. Value {report['value']}, {bound_text}, largest gap {report['gap']:.2%}, in "
        f"{report['parts']} parts that share nobody. The value counts squads, steps, wishes, and people who asked to "
        "join; no proposal exceeds the bound.",
        soft_wrap=True,
    )
    if output_file is not None:
        stdout_console.print(f"Written: {output_file}", soft_wrap=True)
    for count_key, sentence in (
        ("work_without_enough_holders", "pieces of work lack a micro-skill that nobody who may be proposed holds."),
        (
            "people_without_known_workload",
            "proposed people have no known weekly hours: ask how full their week is.",
        ),
        ("time_limited_parts", "parts were ended by the time limit: a higher --time-limit may find better squads."),
        ("greedy_parts", "parts are greedy, because the solver found no solution within the time limit."),
    ):
        if report[count_key]:
            print_note(f"{report[count_key]} {sentence}")


def _print_members(members: pl.DataFrame, skill_names: dict[str, str]) -> None:
    print_table(
        "Proposed squads: nobody is assigned; ask the people",
        {"work": "left", "micro-skill": "left", "person_id": "left", "next step": "left", "holds it": "left"},
        [
            [
                member["work_code"],
                skill_names.get(member["skill_id"], member["skill_id"]),
                member["person_id"],
                member["to_stage"] or "–",
                "yes" if member["brings"] else "no",
            ]
            for member in members.iter_rows(named=True)
        ],
    )
    stdout_console.print(
        "Where nobody in the table holds a micro-skill of the work, people on the work hold it, or somebody in another "
        "seat of the squad does.",
        soft_wrap=True,
    )
