"""`footsteps evaluate --outcomes`: how far recommended steps brought people, compared with other steps.

Belongs here: reading the company's tables, and printing the estimates with what they cannot prove.
Does not belong here: the estimates (`ml.evaluation.benefits`), accuracy (`assets.cli.evaluate`).
"""

from dataclasses import asdict
from functools import partial

from assets.cli.terminal.console import CommandFailed, print_json, print_table, stdout_console
from assets.cli.terminal.inputs import load_config
from ml.evaluation.benefits import CANNOT_PROVE, Benefit, Difference, estimate_benefit
from ml.evaluation.outcomes import COVARIATES, FOLLOW_UP_DAYS, OUTCOMES, StepRecords, label_taken_steps
from pipelines.config.settings import Settings

_MEANING_BY_OUTCOME = {
    "held": "stage held",
    "worked": "worked in it",
    "completed": "capability completed",
}
_HEADINGS = ("outcome", "after", "recommended", "others", "naive", "inverse propensity", "doubly robust")


def print_outcomes(settings: Settings, seed: int, as_json: bool) -> None:
    """Estimate the benefit of recommended steps from what earlier runs recorded, and print it.

    Args:
        settings: The settings of the command.
        seed: Seed of the folds and of the bootstrap.
        as_json: Whether to print JSON.

    Raises:
        CommandFailed: If nothing was run here, or no reader recorded what it showed.
    """
    benefits = estimate_company_benefits(read_step_records(settings), seed)
    if as_json:
        print_json({"outcomes": [asdict(benefit) for benefit in benefits], "cannot_prove": list(CANNOT_PROVE)})
        return
    print_table(
        "Recommended steps that were taken, compared with other steps (difference of shares, 95 % interval)",
        {**dict.fromkeys(_HEADINGS, "right"), "outcome": "left"},
        [_format_benefit(benefit) for benefit in benefits],
    )
    for reason in dict.fromkeys(benefit.reason for benefit in benefits if benefit.reason):
        stdout_console.print(f"No estimate: {reason}.", soft_wrap=True)
    for sentence in CANNOT_PROVE:
        stdout_console.print(sentence, soft_wrap=True)


def read_step_records(settings: Settings) -> StepRecords:
    """Read what runs recorded of reached and shown steps, without what people object to.

    Args:
        settings: The settings of the command.

    Raises:
        CommandFailed: If nothing was run here, or no reader recorded what it showed.
    """
    # imported here because they take seconds
    from assets.resources.table_reader import TableReader
    from assets.tables.companions import read_employee_input
    from ml.mastery.knowledge_tracing import read_knowledge_tracing
    from ml.mastery.state import MASTERY_INPUTS, estimate_mastery
    from pipelines.contracts.catalog import EVIDENCE, SKILL
    from pipelines.contracts.feature_tables import REACHED_STEP, SHOWN_STEP, TRACING
    from pipelines.contracts.output_tables import SNAPSHOT
    from pipelines.storage.lake import Lake

    table_reader, policy = TableReader(Lake(settings.lake_path)), load_config(settings).policy
    as_of_days = table_reader.read(SNAPSHOT)["as_of"]
    if as_of_days.is_empty():
        raise CommandFailed("nothing was run here: run `footsteps run`")
    shown_steps = table_reader.read(SHOWN_STEP)
    if shown_steps.is_empty():
        raise CommandFailed(
            "no reader recorded which steps it showed, so recommended steps cannot be told from others: deliver "
            "exposures, or record them with `footsteps exposure`"
        )
    as_of, tracing_cards = as_of_days[0], table_reader.read(TRACING)["card"]
    tracing_model = read_knowledge_tracing(tracing_cards[0]) if tracing_cards.len() else None
    objections = read_employee_input(table_reader, as_of).objections
    return StepRecords(
        reached_steps=objections.drop_objected_rows(table_reader.read(REACHED_STEP)),
        shown_steps=objections.drop_objected_rows(shown_steps),
        evidence=table_reader.read(EVIDENCE, list(dict.fromkeys((*MASTERY_INPUTS, "evidence_id")))),
        skills=table_reader.read(SKILL),
        as_of=as_of,
        horizon_days=policy.horizon_days,
        estimate_mastery=partial(estimate_mastery, as_of=as_of, policy=policy.stages, tracing_model=tracing_model),
    )


def estimate_company_benefits(records: StepRecords, seed: int) -> list[Benefit]:
    """Estimate each outcome after each number of days.

    Args:
        records: What is recorded.
        seed: Seed of the folds and of the bootstrap.
    """
    taken_steps_by_days = {days: label_taken_steps(records, days) for days in FOLLOW_UP_DAYS}
    return [
        estimate_benefit(taken_steps, outcome, days, COVARIATES, seed)
        for outcome in OUTCOMES
        for days, taken_steps in taken_steps_by_days.items()
    ]


def _format_benefit(benefit: Benefit) -> list[str]:
    return [
        _MEANING_BY_OUTCOME[benefit.outcome],
        f"{benefit.follow_up_days} days",
        f"{benefit.recommended_count:,}",
        f"{benefit.other_count:,}",
        *map(_format_difference, (benefit.naive, benefit.inverse_propensity, benefit.doubly_robust)),
    ]


def _format_difference(difference: Difference | None) -> str:
    if difference is None:
        return "–"
    return f"{difference.difference:+.3f} [{difference.low:+.3f}, {difference.high:+.3f}]"
