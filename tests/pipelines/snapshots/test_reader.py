"""The reader module is copied into other systems, which call it with named arguments."""

from inspect import signature

import pytest

from pipelines.snapshots.reader import Snapshot, current_delta, current_snapshot, list_snapshots


@pytest.mark.parametrize(
    ("function", "argument"),
    [
        (current_snapshot, "folder"),
        (list_snapshots, "folder"),
        (current_delta, "folder"),
        (Snapshot.path, "table"),
        (Snapshot.has_table, "table"),
        (Snapshot.scan, "table"),
        (Snapshot.pandas, "table"),
    ],
)
def test_arguments_keep_their_names(function: object, argument: str) -> None:
    assert list(signature(function).parameters)[-1] == argument
