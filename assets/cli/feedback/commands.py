"""The commands `footsteps reply`, `footsteps exposure` and `footsteps outcome`.

Belongs here: the commands and their options.
Does not belong here: what a command writes (`reply`, `exposure`).
"""

from datetime import UTC, datetime
from typing import Annotated

import typer

from assets.cli.terminal.options import (
    AsJson,
    ConfigFile,
    DataRoot,
    HappenedAt,
    LandingFolder,
    PersonId,
    SkillId,
    SnapshotId,
    SnoozeEnd,
    StepGoal,
    ToStage,
    example,
    report_failures,
)


def add_feedback(app: typer.Typer) -> None:
    """Add the commands to the app.

    Args:
        app: The app of the command line.
    """
    app.command(
        "reply",
        epilog=example(
            "footsteps reply 100012 dismiss dat-2",
            "footsteps reply 100012 snooze dat-2 --until 2026-09-01",
            "footsteps reply 100012 dispute dat-2 --stage journeyman",
            'footsteps reply 100012 accept "Join tables in SQL" --goal journeyman',
        ),
    )(report_failures(reply_to_step))
    app.command(
        "exposure",
        epilog=example(
            "footsteps exposure 100012 dat-2 journeyman 1",
            "footsteps exposure 100012 dat-2 journeyman 3 --snapshot 20260630-0123456789ab --at 2026-07-01",
        ),
    )(report_failures(record_exposure))
    app.command("outcome", epilog=example("footsteps outcome 100012 dat-2 journeyman accepted"))(
        report_failures(record_outcome)
    )


def reply_to_step(
    person: Annotated[str, typer.Argument(help="person_id of the person who replies.")],
    kind: Annotated[str, typer.Argument(help="accept, dismiss, snooze, dispute, hide, done or retract.")],
    skill: Annotated[str, typer.Argument(help="skill_id or name of the micro-skill.")],
    goal: StepGoal = None,
    until: SnoozeEnd = None,
    stage: Annotated[str | None, typer.Option(help="Of a dispute: the stage the person holds.")] = None,
    on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day of the reply; now by default.")] = None,
    config_file: ConfigFile = None,
    landing_folder: LandingFolder = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Write a person's reply to a step for the next run; a repeated reply is written once."""
    from assets.cli.feedback.reply import Reply, write_reply

    reply = Reply(kind, skill, goal, until.date() if until else None, stage)
    write_reply(data_root, config_file, landing_folder, person, reply, on.replace(tzinfo=UTC) if on else None, as_json)


def record_exposure(
    person: PersonId,
    skill_id: SkillId,
    to_stage: ToStage,
    rank: Annotated[int, typer.Argument(min=1, help="Rank at which the reader showed it, from 1.")],
    snapshot_id: SnapshotId = None,
    happened_at: HappenedAt = None,
    config_file: ConfigFile = None,
    landing_folder: LandingFolder = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Record for the next run that a reader showed a recommended step; a repeated record is written once."""
    from assets.cli.feedback.exposure import ShownStep, write_record

    step = ShownStep(person, skill_id, to_stage, snapshot_id, happened_at.replace(tzinfo=UTC) if happened_at else None)
    write_record(data_root, config_file, landing_folder, "exposure", step, {"shown_rank": str(rank)}, as_json)


def record_outcome(
    person: PersonId,
    skill_id: SkillId,
    to_stage: ToStage,
    kind: Annotated[str, typer.Argument(help="accepted, dismissed, started or done.")],
    snapshot_id: SnapshotId = None,
    happened_at: HappenedAt = None,
    config_file: ConfigFile = None,
    landing_folder: LandingFolder = None,
    data_root: DataRoot = None,
    as_json: AsJson = False,
) -> None:
    """Write what came of a step that was shown, for the next run; a repeated record is written once."""
    from assets.cli.feedback.exposure import ShownStep, write_record

    step = ShownStep(person, skill_id, to_stage, snapshot_id, happened_at.replace(tzinfo=UTC) if happened_at else None)
    write_record(data_root, config_file, landing_folder, "outcome", step, {"outcome_kind": kind}, as_json)
