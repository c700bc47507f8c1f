"""Exports in a bucket are fetched before a run; a bucket that cannot be reached stops no run."""

from pathlib import Path
from typing import Any

import pytest

import pipelines.publish.object_store
from assets.resources.bucket_exports import fetch_exports
from pipelines.config.company import Config
from pipelines.config.publish import ObjectStoreOptions, PublishOptions


def declared(**options: Any) -> Config:
    store = ObjectStoreOptions(url="s3://people-data/footsteps", **options)
    return Config.model_construct(publish=PublishOptions(object_store=store))


def test_exports_are_fetched_if_that_is_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[Path] = []
    monkeypatch.setattr(pipelines.publish.object_store, "fetch_landing", lambda folder, _: fetched.append(folder))
    assert fetch_exports(declared(landing=True), tmp_path) is None
    assert fetch_exports(declared(), tmp_path) is None
    assert fetched == [tmp_path]


def test_a_bucket_that_cannot_be_reached_is_reported_in_a_sentence_without_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path, options: ObjectStoreOptions) -> list[str]:
        raise OSError("refused the key very-secret\nand more")

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    monkeypatch.setattr(pipelines.publish.object_store, "fetch_landing", refuse)
    message = fetch_exports(declared(landing=True), tmp_path)
    assert message == (
        "exports could not be fetched from s3://people-data/footsteps/landing, files that are there are landed: "
        "OSError: refused the key $AWS_SECRET_ACCESS_KEY"
    )
