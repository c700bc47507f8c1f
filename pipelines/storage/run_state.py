"""Stamps: what a step's tables were made of, so that a run can tell whether anything is to be made anew.

Belongs here: the record of a step's inputs and outputs, and the fingerprint of the code.
Does not belong here: what a run does about a difference (`assets.incremental.incremental_asset`), whose rows differ
(`pipelines.storage.change_log`).
"""

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path

_FOLDER = ".made_of"
# Libraries whose next version may compute another last digit.
_COMPUTING = ("polars", "numpy", "scipy", "scikit-learn")


@dataclass(frozen=True)
class AssetState:
    """What a step's tables were made of.

    inputs: fingerprint by name (a table's content, the day, the configuration, the code). outputs: content by table.
    said: the numbers told of each table. for_some: since a complete night, rows were made anew for some people only,
    whose neighbours may see them in another light.
    """

    name: str
    inputs: Mapping[str, str | None]
    outputs: Mapping[str, str | None]
    numeric_metadata: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    is_partial: bool = False


def read_asset_state(root: Path, name: str) -> AssetState | None:
    """The stamp of a step in the lake; None where it never finished, or its record is of another form."""
    try:
        return AssetState(
            **{
                {"step": "name", "said": "numeric_metadata", "for_some": "is_partial"}.get(key, key): value
                for key, value in json.loads((root / _FOLDER / f"{name}.json").read_text()).items()
            }
        )
    except (OSError, ValueError, TypeError):
        return None


def write_asset_state(root: Path, stamp: AssetState) -> None:
    """Keep the stamp; the last act of a step, so that one that broke off is made anew."""
    place = root / _FOLDER / f"{stamp.name}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_name(f".{place.name}.{os.getpid()}.{threading.get_ident()}")
    unfinished.write_text(
        json.dumps(
            {
                {"name": "step", "numeric_metadata": "said", "is_partial": "for_some"}.get(key, key): value
                for key, value in asdict(stamp).items()
            },
            sort_keys=True,
        )
    )
    unfinished.replace(place)


@cache
def fingerprint_code() -> str:
    """SHA-256 over this project's code and the versions of the libraries that compute: any change makes all anew."""
    root = Path(__file__).parents[2]
    digest = hashlib.sha256(" ".join(version(name) for name in _COMPUTING).encode())
    for package in ("pipelines", "ml", "assets"):
        for path in sorted((root / package).rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
