"""What an audit measures of a company's people, read from published tables and the lake.

Belongs here: which tables, and of which day.
Does not belong here: what follows from them (`ml.fairness`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from assets.cli.terminal.console import CommandFailed
from assets.cli.terminal.inputs import load_current_snapshot
from assets.resources.table_reader import TableReader
from assets.tables.training_data import build_extra_features, to_events
from ml.fairness.audit import AuditedPeople
from ml.fairness.outcomes import count_promised_steps, describe_outcomes
from ml.fairness.person_features import average_features
from ml.registry.model_bundle import load_bundle, read_card
from pipelines.config.company import Config
from pipelines.config.settings import Settings
from pipelines.contracts.catalog import CONSENT, SKILL_TEXT
from pipelines.contracts.feature_tables import MODEL_CARD, REACHED_STEP
from pipelines.contracts.output_tables import COMPANION, NEXT_SKILL
from pipelines.core.consents import find_active_consents, resolve_consent_skills
from pipelines.snapshots.reader import Snapshot, list_snapshots
from pipelines.storage.lake import Lake


@dataclass(frozen=True, eq=False)
class AuditedSnapshot:
    """The people of the current snapshot, and where the figures come from.

    Attributes:
        people: What is audited.
        as_of: The last day that the snapshot has seen.
        promised_at: The day of the promises whose outcome is known; None if no stored snapshot is old enough.
        examples_since: The day of the first earlier snapshot that shows examples; None if there is none.
        model_version: The model in use; None without one.
        feature_meanings: What each feature of the model is, by its name.
    """

    people: AuditedPeople
    as_of: date
    promised_at: date | None
    examples_since: date | None
    model_version: str | None
    feature_meanings: Mapping[str, str]


def read_audited_people(settings: Settings, config: Config) -> AuditedSnapshot:
    """Read what is audited.

    Args:
        settings: The settings of the command.
        config: The configuration, for the horizon.

    Raises:
        CommandFailed: Nothing is published, or nobody has a recommended step.
    """
    snapshot, table_reader = load_current_snapshot(settings), TableReader(Lake(settings.lake_path))
    next_steps = snapshot.scan(NEXT_SKILL.name).collect()
    if next_steps["skill_id"].null_count() == next_steps.height:
        raise CommandFailed("the current snapshot recommends no step to anybody: there is nothing to compare")
    reached_steps = table_reader.read(REACHED_STEP)
    earlier_snapshots = [
        earlier for earlier in list_snapshots(settings.published_path) if earlier.as_of < snapshot.as_of
    ]
    earlier_examples = _read_examples(earlier_snapshots)
    outcomes = describe_outcomes(
        next_steps,
        snapshot.scan(COMPANION.name).collect(),
        _find_consenting_people(table_reader, snapshot),
        earlier_examples,
        reached_steps,
    )
    known_snapshots = [
        earlier
        for earlier in earlier_snapshots
        if earlier.as_of + timedelta(days=config.policy.horizon_days) <= snapshot.as_of
    ]
    promised_steps = None
    if known_snapshots:
        promising_snapshot = max(known_snapshots, key=lambda earlier: earlier.as_of)
        promised_steps = count_promised_steps(
            promising_snapshot.scan(NEXT_SKILL.name).collect(),
            reached_steps,
            promising_snapshot.as_of,
            config.policy.horizon_days,
        )
    model_versions = table_reader.read(MODEL_CARD)["model_version"]
    model_version = model_versions[0] if model_versions.len() else None
    return AuditedSnapshot(
        people=AuditedPeople(
            outcomes,
            promised_steps,
            None
            if model_version is None
            else _read_features(settings, table_reader, model_version, outcomes["person_id"], snapshot.as_of),
        ),
        as_of=snapshot.as_of,
        promised_at=max((earlier.as_of for earlier in known_snapshots), default=None),
        examples_since=earlier_examples["as_of"].min() if earlier_examples.height else None,  # type: ignore[arg-type]
        model_version=model_version,
        feature_meanings={}
        if model_version is None
        else {feature.name: feature.meaning for feature in read_card(settings.models_path / model_version).features},
    )


def _read_examples(earlier_snapshots: list[Snapshot]) -> pl.DataFrame:
    """One row per earlier snapshot and person shown in it as an example: companion_id, person_id, step_id, as_of."""
    columns = ("companion_id", "person_id", "step_id", "as_of")
    frames = [
        earlier.scan(COMPANION.name).filter(relation="follow").drop_nulls("companion_id").select(columns).collect()
        for earlier in earlier_snapshots
    ]
    return pl.concat([pl.DataFrame(schema={name: COMPANION.schema[name] for name in columns}), *frames])


def _find_consenting_people(table_reader: TableReader, snapshot: Snapshot) -> pl.Series:
    consents = resolve_consent_skills(table_reader.read(CONSENT), table_reader.read(SKILL_TEXT))
    active_consents = find_active_consents(consents, snapshot.as_of, snapshot.valid_until)
    return active_consents.filter("is_given", relation="follow")["person_id"]


def _read_features(
    settings: Settings, table_reader: TableReader, model_version: str, person_ids: pl.Series, as_of: date
) -> pl.DataFrame:
    reached_steps = table_reader.read(REACHED_STEP)
    extra_features = build_extra_features(table_reader, reached_steps).for_people(person_ids)
    recommender = load_bundle(settings.models_path / model_version, extra_features=extra_features)
    return average_features(recommender, to_events(reached_steps), person_ids, as_of=as_of)
