"""Publish targets: further ways to the published snapshot, such as PostgreSQL, the change feed and the pages.

Belongs here: what the UI shows of each target, above all a failure.
Does not belong here: the snapshot, whose op publishes the targets too (`assets.tables.snapshot`), how a target is
published (`pipelines.publish`).
"""

from datetime import UTC, datetime

import polars as pl
from dagster import AssetCheckResult, AssetCheckSeverity, AssetCheckSpec

from assets.incremental.asset_run import AssetRun, Declaration
from assets.incremental.incremental_asset import FollowUp, Results
from pipelines.config.company import Config
from pipelines.contracts.catalog import (
    ASPIRATION,
    CONSENT,
    DELIVERY,
    EVIDENCE,
    PERSON,
    PREFERENCE,
    REPLY,
    SKILL,
    SQUAD_REPLY,
)
from pipelines.contracts.feature_tables import EVALUATION, MODEL_CARD
from pipelines.contracts.output_tables import FREE_CHOICE, OWN_PRACTICE, PUBLISH_TARGET, SNAPSHOT
from pipelines.contracts.oversight_tables import PAUSE
from pipelines.publish.targets import PublishContext, list_configured_targets, publish_target
from pipelines.snapshots.reader import current_snapshot
from pipelines.storage.file_access import readable_by

# What the pages read beside the snapshot.
PAGE_INPUTS = (
    *(PERSON, SKILL, EVIDENCE, ASPIRATION, CONSENT, REPLY, PREFERENCE, SQUAD_REPLY),
    *(EVALUATION, MODEL_CARD, DELIVERY, FREE_CHOICE, OWN_PRACTICE, PAUSE),
)


def target_publication(config: Config) -> FollowUp:
    """The publication of the current snapshot to the targets that footsteps.yaml declares: a check for each.

    It follows the snapshot in the same op, so that no run moves the one without the others.
    """
    target_names = list_configured_targets(config.publish)

    def publish_targets(run: AssetRun) -> Results:
        settings, config = run.settings, run.config
        snapshot = current_snapshot(settings.published_path)
        publish_context = PublishContext(
            snapshot,
            run.tables.lake,
            config.publish,
            config.company,
            lambda: datetime.now(UTC),
            settings.published_path / "site",
            config.contracts,
            config.policy.team_people,
        )
        with readable_by(config.publish.group, settings.published_path):
            target_outcomes = [publish_target(target_name, publish_context) for target_name in target_names]
        # locations are relative to the data root, so that the table stays the same if the root is moved
        target_rows = [
            (
                target_outcome.target,
                snapshot.snapshot_id,
                target_outcome.location.removeprefix(f"{settings.root}/"),
                target_outcome.problem,
            )
            for target_outcome in target_outcomes
        ]
        yield run.materialize(PUBLISH_TARGET, pl.DataFrame(target_rows, schema=PUBLISH_TARGET.schema, orient="row"))
        for target_outcome in target_outcomes:
            yield AssetCheckResult(
                asset_key=PUBLISH_TARGET.name,
                check_name=f"{target_outcome.target}_is_published",
                passed=target_outcome.problem is None,
                severity=AssetCheckSeverity.WARN,
                description=target_outcome.problem or target_outcome.location,
                metadata={"snapshot_id": snapshot.snapshot_id, "location": target_outcome.location},
            )

    return FollowUp(
        Declaration("publish_targets", (PUBLISH_TARGET,), (SNAPSHOT, *(PAGE_INPUTS if "site" in target_names else ()))),
        publish_targets,
        tuple(
            AssetCheckSpec(
                f"{target_name}_is_published",
                asset=PUBLISH_TARGET.name,
                description=f"{target_name} holds the current snapshot.",
            )
            for target_name in target_names
        ),
    )
