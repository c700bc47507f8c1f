"""Companions and replies: which companions a person sees, the effects of replies, and a record of both for later runs.

Belongs here: which tables companions and reply effects are made of, and what is recorded once they are published.
Does not belong here: how (`ml.recommend.companion_matching`, `pipelines.core.replies`, `pipelines.core.consents`).
"""

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl
from dagster import AssetsDefinition

from assets.incremental.asset_run import AssetRun, PreviousTable
from assets.incremental.incremental_asset import Results, incremental_asset
from assets.resources.table_reader import TableReader
from assets.tables.objections import OBJECTION_TABLES, is_paused
from assets.tables.snapshot import materialize_output
from ml.recommend.companion_candidates import CompanionContext
from ml.recommend.companion_matching import EXPOSURE_TERMS, filter_valid_companions, match_companions
from ml.recommend.reply_filter import apply_replies
from ml.recommend.reranking import mark_accepted_steps
from pipelines.contracts.catalog import CONSENT, PERSON, PREFERENCE, REPLY, SKILL, SKILL_TEXT
from pipelines.contracts.columns import is_employed
from pipelines.contracts.feature_tables import MASTERY, MODEL_CARD, REACHED_STEP
from pipelines.contracts.output_tables import (
    COMPANION,
    NEXT_SKILL,
    OBEYED_REPLY,
    REPLY_EFFECT,
    SHOWN_COMPANION,
    SNAPSHOT,
)
from pipelines.contracts.policy import ReplyPolicy
from pipelines.core.consents import (
    find_active_consents,
    find_expiring_consents,
    find_opted_out_people,
    resolve_consent_skills,
)
from pipelines.core.objections import Objections
from pipelines.core.replies import (
    find_accepted_steps,
    find_hidden_skills,
    find_suppressed_steps,
    list_reply_effects,
    resolve_reply_skills,
)
from pipelines.snapshots.row_metadata import UNPUBLISHED, fill_snapshot_id
from pipelines.storage.parquet_files import content_sha256

# What `read_employee_input` reads.
EMPLOYEE_INPUT_TABLES = OBJECTION_TABLES
# The fingerprint of a run that matches everybody. Other runs only remove companions.
_MATCH_EVERYBODY = "matches"


def companion_assets() -> list[AssetsDefinition]:
    """Companions and reply effects, and the record of both."""
    return [companions, published_record]


@dataclass(frozen=True)
class EmployeeInput:
    """What people stated up to a day.

    Attributes:
        replies: One row per reply and micro-skill it names.
        accepted_steps: One row per step a person accepted, as `find_accepted_steps` returns them.
        hidden_pairs: One row per person_id and skill_id that only the person's own page may show.
        opted_out_people: One row per person_id who wants no recommendations.
        as_of: The day.
        is_paused: Whether the company has paused recommendations.
    """

    replies: pl.DataFrame
    accepted_steps: pl.DataFrame
    hidden_pairs: pl.DataFrame
    opted_out_people: pl.DataFrame
    as_of: date
    is_paused: bool = False

    @property
    def objections(self) -> Objections:
        """What people object to."""
        return Objections(self.hidden_pairs, self.opted_out_people, self.is_paused)


def read_employee_input(table_reader: TableReader, as_of: date) -> EmployeeInput:
    """What people stated up to a day (`EMPLOYEE_INPUT_TABLES`).

    Args:
        table_reader: Reads the tables.
        as_of: The last day whose statements count.
    """
    replies = resolve_reply_skills(table_reader.read(REPLY), table_reader.read(SKILL_TEXT))
    return EmployeeInput(
        replies=replies,
        accepted_steps=find_accepted_steps(replies, as_of),
        hidden_pairs=find_hidden_skills(replies, as_of),
        opted_out_people=find_opted_out_people(table_reader.read(PREFERENCE), as_of),
        as_of=as_of,
        is_paused=is_paused(table_reader),
    )


def filter_candidates_by_replies(
    policy: ReplyPolicy,
    employee_input: EmployeeInput,
    candidates: pl.DataFrame,
    mastery: pl.DataFrame,
    people: pl.DataFrame,
) -> pl.DataFrame:
    """The candidates that replies and preferences allow, with is_accepted; none while recommendations are paused.

    Args:
        policy: How long a reply without an end date holds.
        employee_input: What people stated.
        candidates: One row per person and candidate step.
        mastery: Mastery (`feat_skill__assn_mastery`) of these people.
        people: One row per person_id to recommend for.
    """
    accepted_steps = employee_input.accepted_steps
    suppressed_steps = find_suppressed_steps(employee_input.replies, employee_input.as_of, policy)
    willing_people = people.join(employee_input.opted_out_people, on="person_id", how="anti")
    if employee_input.is_paused:
        willing_people = willing_people.clear()
    return mark_accepted_steps(
        apply_replies(candidates, suppressed_steps, accepted_steps, mastery, willing_people), accepted_steps
    )


@incremental_asset(
    name="match_companions",
    incremental_mode="as_complete_run",
    extra_fingerprint=lambda run: _fingerprint_removals(run),
    tables=[COMPANION, REPLY_EFFECT],
    reads=[
        *(NEXT_SKILL, PERSON, MASTERY, REACHED_STEP, CONSENT, MODEL_CARD),
        *(SKILL, *EMPLOYEE_INPUT_TABLES),
    ],
    reads_previous=[PreviousTable(SHOWN_COMPANION, "since_date"), PreviousTable(OBEYED_REPLY, "obeyed_date")],
)
def companions(run: AssetRun) -> Results:
    """Match people to follow, walk with and lead for each recommended step, and list the effect of every reply.

    An incremental run, and a run that only extends the validity of earlier rows, matches nobody, because that would
    change the rows of other people. It only removes companions who may no longer be shown.
    """
    table_reader, employee_input = run.tables, read_employee_input(run.tables, run.as_of)
    consents = resolve_consent_skills(table_reader.read(CONSENT), table_reader.read(SKILL_TEXT))
    companion_context = CompanionContext(
        people=table_reader.read(PERSON)
        .filter(is_employed())
        .join(employee_input.opted_out_people, on="person_id", how="anti"),
        reached_steps=table_reader.read(REACHED_STEP),
        mastery=table_reader.read(MASTERY),
        skills=table_reader.read(SKILL),
        consents=find_active_consents(consents, employee_input.as_of, run.context.last_valid_day),
        hidden_pairs=employee_input.hidden_pairs,
        shown_pairs=run.read_previous(SHOWN_COMPANION),
    )
    recommended_steps = table_reader.read(NEXT_SKILL).filter(pl.col("skill_id").is_not_null())
    if _fingerprint_removals(run) != _MATCH_EVERYBODY:
        valid_companions = filter_valid_companions(table_reader.read(COMPANION), recommended_steps, companion_context)
        yield run.materialize(COMPANION, employee_input.objections.withhold(COMPANION, valid_companions))
    else:
        matched_companions = match_companions(
            recommended_steps, companion_context, employee_input.as_of, run.config.policy
        )
        yield materialize_output(run, COMPANION, matched_companions)
    reply_effects = list_reply_effects(employee_input.replies, run.read_previous(OBEYED_REPLY), employee_input.as_of)
    # a reply that takes effect now does so with the snapshot that is not published yet
    unpublished_snapshot_id = pl.when(pl.col("obeyed_date").is_not_null()).then(pl.lit(UNPUBLISHED))
    reply_effects = reply_effects.with_columns(pl.col("first_snapshot_id").fill_null(unpublished_snapshot_id))
    yield materialize_output(run, REPLY_EFFECT, reply_effects)


def _fingerprint_removals(run: AssetRun) -> str:
    """A text that changes when companions must go from unmatched rows; `_MATCH_EVERYBODY` if all rows are matched."""
    if run.context.is_incremental:
        return "by day"
    expiring_consents = find_expiring_consents(
        run.tables.read(CONSENT), run.context.valid_until, run.context.last_valid_day
    )
    return content_sha256(expiring_consents) if expiring_consents.height else _MATCH_EVERYBODY


@incremental_asset(
    name="record_published",
    incremental_mode="as_complete_run",
    tables=[SHOWN_COMPANION, OBEYED_REPLY],
    reads=[SNAPSHOT, COMPANION, REPLY_EFFECT],
)
def published_record(run: AssetRun) -> Results:
    """Record which companions were shown and which replies took effect, once both are published.

    The next run reads both tables, as `match_companions` declares. The graph shows no edge for that, because it would
    close a cycle. Recording the same run again changes nothing.
    """
    as_of, exposure_days, table_reader = run.as_of, run.config.policy.companions.exposure_days, run.tables
    shown_pairs = update_shown_pairs(
        table_reader.read(SHOWN_COMPANION), table_reader.read(COMPANION), as_of, exposure_days
    )
    yield run.materialize(SHOWN_COMPANION, shown_pairs)
    reply_effects = fill_snapshot_id(table_reader.read(REPLY_EFFECT), table_reader.read(SNAPSHOT)["snapshot_id"][0])
    yield run.materialize(OBEYED_REPLY, update_applied_replies(table_reader.read(OBEYED_REPLY), reply_effects, as_of))


def update_shown_pairs(
    shown_pairs: pl.DataFrame, companions: pl.DataFrame, as_of: date, exposure_days: int
) -> pl.DataFrame:
    """One row per pair and day on which it began to be shown, as `SHOWN_COMPANION`: recent pairs, and the new ones.

    Args:
        shown_pairs: The rows recorded so far.
        companions: The published companions.
        as_of: The day of the run.
        exposure_days: How long a pair is shown before it counts as shown again.
    """
    since_date = pl.col("since_date")
    recent_pairs = shown_pairs.filter(
        since_date != as_of, since_date > as_of - timedelta(days=EXPOSURE_TERMS * exposure_days)
    )
    current_pairs = recent_pairs.filter(
        since_date.is_between(as_of - timedelta(days=exposure_days), as_of, closed="none")
    )
    published_pairs = companions.select("person_id", "companion_id").drop_nulls().unique()
    new_pairs = published_pairs.join(current_pairs, on=("person_id", "companion_id"), how="anti").with_columns(
        since_date=pl.lit(as_of)
    )
    return pl.concat([pair_rows.select(SHOWN_COMPANION.column_names) for pair_rows in (recent_pairs, new_pairs)])


def update_applied_replies(applied_replies: pl.DataFrame, reply_effects: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """One row per reply and day on which it first took effect, as `OBEYED_REPLY`.

    Args:
        applied_replies: The rows recorded so far; those of this day are replaced.
        reply_effects: The reply effects of this run.
        as_of: The day of the run.
    """
    new_replies = reply_effects.filter(pl.col("obeyed_date") == as_of).select(OBEYED_REPLY.column_names)
    earlier_replies = applied_replies.filter(pl.col("obeyed_date") != as_of)
    return pl.concat([earlier_replies, new_replies.unique("reply_id", keep="first", maintain_order=True)])
