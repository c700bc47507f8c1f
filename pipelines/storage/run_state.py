"""Run state: what each asset was computed from, so that a run can tell whether it must be computed again.

Belongs here: the record of an asset's inputs and outputs, and the fingerprint of the code.
Does not belong here: what a run does if they differ (`assets.incremental.incremental_asset`), whose rows differ
(`change_log`).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path

from pipelines.storage.atomic_write import write_text_atomically

_FOLDER = ".made_of"
# The stored key of each field of AssetState; the files of earlier versions have these keys.
_STORED_KEYS = {
    "name": "step",
    "inputs": "inputs",
    "outputs": "outputs",
    "numeric_metadata": "said",
    "is_partial": "for_some",
}
# Libraries whose next version may compute other last digits.
_COMPUTING_LIBRARIES = ("polars", "numpy", "scipy", "scikit-learn")


@dataclass(frozen=True)
class AssetState:
    """What the tables of an asset, or the results of its checks, were computed from.

    Attributes:
        name: Name of the asset or check.
        inputs: Fingerprint by name: content hash of a table, the day, the configuration, the code.
        outputs: Content hash by table.
        numeric_metadata: The numbers that were reported, by table or check.
        is_partial: Whether rows of some people only were recomputed since the last complete run; rows of other people
            may depend on them.
    """

    name: str
    inputs: Mapping[str, str | None]
    outputs: Mapping[str, str | None]
    numeric_metadata: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    is_partial: bool = False


def read_asset_state(root: Path, asset_name: str) -> AssetState | None:
    """Read the state of an asset.

    Args:
        root: Folder of the lake.
        asset_name: Name of the asset or check.

    Returns:
        The state; None if the asset was never completed, or if its file is damaged or has another form.
    """
    try:
        stored_state = json.loads((root / _FOLDER / f"{asset_name}.json").read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(stored_state, dict) or set(stored_state) != set(_STORED_KEYS.values()):
        return None
    return AssetState(**{attribute: stored_state[stored_key] for attribute, stored_key in _STORED_KEYS.items()})


def write_asset_state(root: Path, state: AssetState) -> None:
    """Write the state as the last act of an asset, so that an interrupted asset is computed again.

    Args:
        root: Folder of the lake.
        state: The state to write.
    """
    write_text_atomically(
        root / _FOLDER / f"{state.name}.json",
        json.dumps(
            {stored_key: getattr(state, attribute) for attribute, stored_key in _STORED_KEYS.items()}, sort_keys=True
        ),
    )


def forget_states(root: Path) -> None:
    """Let the next run compute every table: no state tells any more what tables were made of.

    The days of earlier runs stay known.

    Args:
        root: Folder of the lake.
    """
    for path in sorted((root / _FOLDER).glob("*.json")):
        if (state := read_asset_state(root, path.stem)) is not None:
            days = {name: day for name, day in state.inputs.items() if name == "as_of"}
            write_asset_state(root, AssetState(state.name, days, {}))


@cache
def fingerprint_code() -> str:
    """Hash of this project's code and of the versions of the computing libraries: if it changes, all is recomputed."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256(" ".join(version(library) for library in _COMPUTING_LIBRARIES).encode())
    for package in ("pipelines", "ml", "assets"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
