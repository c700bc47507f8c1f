"""The model registry: which bundle is in use, in one small record next to the bundles.

Belongs here: reading and replacing the record, loading the bundle in use.
Does not belong here: bundles (see model_bundle), the decision which one is used (see promotion).
"""

import json
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from ml.ranking.features import ExtraFeatures
from ml.ranking.recommender import Recommender
from ml.registry.model_bundle import BundleError, load_bundle, read_card
from ml.registry.promotion import Decision, TrainingVersion
from pipelines.storage.atomic_write import write_text_atomically

RECORD_FILE = "champion.json"
FROZEN_FOLDER = "frozen"  # in a bundle's folder: the same recipe fitted before the window that it was measured on


@dataclass(frozen=True)
class RegistryRecord:
    """The model in use, the one before it, and the latest training. Fields are named as the stored keys."""

    model_version: str
    previous: str | None
    promoted_on: date
    latest: TrainingVersion
    verdict: Decision  # on the promotion of the latest training


@dataclass(frozen=True, eq=False)
class Champion:
    """The bundle in use, loaded."""

    model_version: str
    recommender: Recommender


def read_record(bundle_folder: Path) -> RegistryRecord | None:
    """The record in a folder of bundles; None if nothing was trained. Raises BundleError if it cannot be read."""
    record_path = bundle_folder / RECORD_FILE
    if not record_path.exists():
        return None
    try:
        stored_record = json.loads(record_path.read_text())
        return RegistryRecord(
            stored_record["model_version"],
            stored_record["previous"],
            date.fromisoformat(stored_record["promoted_on"]),
            TrainingVersion(
                **{**stored_record["latest"], "as_of": date.fromisoformat(stored_record["latest"]["as_of"])}
            ),
            Decision(**stored_record["verdict"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{RECORD_FILE} is not the record of a champion: train again") from error


def find_latest_trained(bundle_folder: Path) -> str | None:
    """The version that was trained last, promoted or not; None if there is none or the record cannot be read."""
    try:
        registry_record = read_record(bundle_folder)
    except BundleError:
        return None
    return registry_record.latest.model_version if registry_record is not None else None


def write_record(bundle_folder: Path, registry_record: RegistryRecord) -> None:
    """Replace the record as a whole: a reader sees the old or the new one."""
    write_text_atomically(
        bundle_folder / RECORD_FILE, json.dumps(asdict(registry_record), indent=2, sort_keys=True, default=str) + "\n"
    )


def load_champion(
    bundle_folder: Path, registry_record: RegistryRecord | None, extra_features: ExtraFeatures | None
) -> tuple[Champion | None, str | None]:
    """Load the model in use, or the one before it if its bundle is refused.

    Args:
        bundle_folder: The folder of bundles.
        registry_record: Its record.
        extra_features: The extra features of the bundles.

    Returns:
        The champion, None if no bundle can be used; and why bundles were refused, None if none was.
    """
    refusals: list[str] = []
    model_versions = () if registry_record is None else (registry_record.model_version, registry_record.previous)
    for model_version in dict.fromkeys(filter(None, model_versions)):
        try:
            champion = Champion(
                model_version, load_bundle(bundle_folder / model_version, extra_features=extra_features)
            )
            return champion, "; ".join(refusals) or None
        except (BundleError, OSError) as error:
            refusals.append(f"{model_version} is refused: {error}")
    return None, "; ".join(refusals) or None


def load_fitted_before(
    bundle_folder: Path, model_version: str, freeze_tick: int, extra_features: ExtraFeatures | None
) -> Recommender | None:
    """Load a model that was fitted only on events before a freeze.

    It is the model itself, or else the earlier fit of the same recipe that its folder holds.

    Args:
        bundle_folder: The folder of bundles.
        model_version: The model.
        freeze_tick: Moment in ticks.
        extra_features: The extra features of the bundle.

    Returns:
        The model; None if both were fitted on later events or cannot be loaded.
    """
    for model_folder in (bundle_folder / model_version, bundle_folder / model_version / FROZEN_FOLDER):
        try:
            if read_card(model_folder).data_end <= freeze_tick:
                return load_bundle(model_folder, extra_features=extra_features)
        except (BundleError, OSError):
            continue
    return None
