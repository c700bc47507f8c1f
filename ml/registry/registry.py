"""The champion: which bundle is in use, kept in one small record beside the bundles.

Belongs here: the record, its reading and its replacement in one stroke; finding a bundle that can be used.
Does not belong here: bundles (see bundle), the decision (see promotion).
"""

import json
import os
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from ml.ranking.features import ExtraFeatures
from ml.ranking.recommender import Recommender
from ml.registry.model_bundle import BundleError, load_bundle, read_card
from ml.registry.promotion import Decision, TrainingVersion

RECORD_FILE = "champion.json"
FROZEN_FOLDER = "frozen"  # in a bundle's folder: the same recipe fitted before the window that it was measured on


@dataclass(frozen=True)
class RegistryRecord:
    """What is in use, what was before it, what the latest training saw, and what came of it."""

    model_version: str
    previous: str | None
    promoted_on: date
    latest: TrainingVersion
    verdict: Decision


@dataclass(frozen=True, eq=False)
class Champion:
    """The bundle in use, read."""

    model_version: str
    recommender: Recommender


def read_record(models: Path) -> RegistryRecord | None:
    """The record; None where nothing was ever trained. Raises BundleError where it cannot be read."""
    path = models / RECORD_FILE
    if not path.exists():
        return None
    try:
        said = json.loads(path.read_text())
        latest = {**said["latest"], "as_of": date.fromisoformat(said["latest"]["as_of"])}
        return RegistryRecord(
            said["model_version"],
            said["previous"],
            date.fromisoformat(said["promoted_on"]),
            TrainingVersion(**latest),
            Decision(**said["verdict"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise BundleError(f"{RECORD_FILE} is not the record of a champion: train again") from error


def find_latest_trained(models: Path) -> str | None:
    """The version that was trained last, promoted or not; None where nothing was or the record cannot be read."""
    try:
        record = read_record(models)
    except BundleError:
        return None
    return record.latest.model_version if record is not None else None


def write_record(models: Path, record: RegistryRecord) -> None:
    """Replace the record whole, so that a reader sees the old or the new one."""
    models.mkdir(parents=True, exist_ok=True)
    unfinished = models / f".{RECORD_FILE}.{os.getpid()}"
    unfinished.write_text(json.dumps(asdict(record), indent=2, sort_keys=True, default=str) + "\n")
    unfinished.replace(models / RECORD_FILE)


def load_champion(
    models: Path, record: RegistryRecord | None, extra: ExtraFeatures | None
) -> tuple[Champion | None, str | None]:
    """The champion, or the one before it where its bundle is refused; and why it was refused, if it was."""
    if record is None:
        return None, None
    reasons: list[str] = []
    for version in dict.fromkeys((record.model_version, record.previous)):
        if version is None:
            continue
        try:
            return Champion(version, load_bundle(models / version, extra_features=extra)), "; ".join(reasons) or None
        except (BundleError, OSError) as refusal:
            reasons.append(f"{version} is refused: {refusal}")
    return None, "; ".join(reasons)


def load_fitted_before(models: Path, version: str, freeze: int, extra: ExtraFeatures | None) -> Recommender | None:
    """That model if all it saw lies before the freeze, or else its frozen twin; None where both saw more."""
    for folder in (models / version, models / version / FROZEN_FOLDER):
        try:
            if read_card(folder).data_end <= freeze:
                return load_bundle(folder, extra_features=extra)
        except (BundleError, OSError):
            continue
    return None
