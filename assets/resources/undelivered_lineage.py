"""The runs whose OpenLineage events the receiver does not have yet.

Belongs here: the file that holds the list. Nothing slow to import: the command line reads it.
Does not belong here: sending events (`lineage`).
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.storage.atomic_write import write_text_atomically

# The file in the data root that holds the list.
_STATE_FILE = "undelivered_lineage.json"


@dataclass(frozen=True)
class UndeliveredLineage:
    """The runs whose events the receiver does not have.

    Attributes:
        run_ids: Dagster's ids of the runs, the oldest first.
        problem: Why the last delivery failed, in one line; None if it did not.
    """

    run_ids: tuple[str, ...] = ()
    problem: str | None = None


def read_undelivered_lineage(root: Path) -> UndeliveredLineage:
    """Read which runs of a data root are still to be delivered.

    Args:
        root: The data root.
    """
    state_file = root / _STATE_FILE
    if not state_file.is_file():
        return UndeliveredLineage()
    stored_state = json.loads(state_file.read_text())
    return UndeliveredLineage(tuple(stored_state["run_ids"]), stored_state["problem"])


def write_undelivered_lineage(root: Path, undelivered_lineage: UndeliveredLineage) -> None:
    """Replace the list of a data root; an empty one has no file.

    Args:
        root: The data root, whose lock the caller holds.
        undelivered_lineage: The list.
    """
    if undelivered_lineage.run_ids:
        write_text_atomically(root / _STATE_FILE, json.dumps(asdict(undelivered_lineage)))
    else:
        (root / _STATE_FILE).unlink(missing_ok=True)
