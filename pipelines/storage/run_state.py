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

_STATES_FOLDER = ".made_of"
# The stored key of each field of AssetState; the files of earlier versions have these keys.
_STORED_KEY_BY_FIELD = {
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


def read_asset_state(lake_folder: Path, asset_name: str) -> AssetState | None:
    """Read the state of an asset.

    Args:
        lake_folder: Folder of the lake.
        asset_name: Name of the asset or check.

    Returns:
        The state; None if the asset was never completed, or if its file is damaged or has another form.
    """
    try:
        stored_document = json.loads((lake_folder / _STATES_FOLDER / f"{asset_name}.json").read_text())
    except (OSError, ValueError):
        return None
    if not isinstance(stored_document, dict) or set(stored_document) != set(_STORED_KEY_BY_FIELD.values()):
        return None
    return AssetState(
        **{field_name: stored_document[stored_key] for field_name, stored_key in _STORED_KEY_BY_FIELD.items()}
    )


def write_asset_state(lake_folder: Path, asset_state: AssetState) -> None:
    """Write the state as the last step of an asset, so that an interrupted asset is computed again.

    Args:
        lake_folder: Folder of the lake.
        asset_state: The state to write.
    """
    write_text_atomically(
        lake_folder / _STATES_FOLDER / f"{asset_state.name}.json",
        json.dumps(
            {stored_key: getattr(asset_state, field_name) for field_name, stored_key in _STORED_KEY_BY_FIELD.items()},
            sort_keys=True,
        ),
    )


def forget_states(lake_folder: Path) -> None:
    """Remove from every state what its tables were computed from, so that the next run computes every table.

    The days of earlier runs remain.

    Args:
        lake_folder: Folder of the lake.
    """
    for state_path in sorted((lake_folder / _STATES_FOLDER).glob("*.json")):
        if (asset_state := read_asset_state(lake_folder, state_path.stem)) is not None:
            as_of_by_input = {
                input_name: as_of_text for input_name, as_of_text in asset_state.inputs.items() if input_name == "as_of"
            }
            write_asset_state(lake_folder, AssetState(asset_state.name, as_of_by_input, {}))


@cache
def fingerprint_code() -> str:
    """Hash of this project's code and of the versions of the computing libraries: if it changes, all is recomputed."""
    project_root = Path(__file__).parents[2]
    code_digest = hashlib.sha256(" ".join(version(library_name) for library_name in _COMPUTING_LIBRARIES).encode())
    for package_name in ("pipelines", "ml", "assets"):
        for code_path in sorted((project_root / package_name).rglob("*.py")):
            code_digest.update(code_path.read_bytes())
    return code_digest.hexdigest()[:16]
