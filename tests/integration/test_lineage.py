"""OpenLineage events of real runs, received by a server on this machine."""

import json
import shutil
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from conftest import END, DemoRun
from dagster import DagsterInstance, DagsterRun, DagsterRunStatus
from typer.testing import CliRunner, Result

from assets.cli.app import app
from assets.resources.undelivered_lineage import UndeliveredLineage, read_undelivered_lineage, write_undelivered_lineage
from assets.tables import model
from pipelines.contracts.catalog import EVIDENCE, PERSON
from pipelines.storage.lake import Lake

pytestmark = pytest.mark.slow

KEY = "s3cret-key"


class Receiver(ThreadingHTTPServer):
    """Takes events; answers 503 instead while `is_down`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.events: list[dict[str, Any]] = []
        self.requests: list[tuple[str, str | None]] = []
        self.is_down = False

    def of(self, job_name: str) -> list[dict[str, Any]]:
        """The events of one job, in the order of their arrival."""
        return [event for event in self.events if event["job"]["name"] == job_name]


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((self.path, self.headers["Authorization"]))
        if not self.server.is_down:
            self.server.events.append(json.loads(body))
        self.send_response(503 if self.server.is_down else 201)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    monkeypatch.setenv("FOOTSTEPS_OPENLINEAGE_KEY", KEY)
    with Receiver() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def root(demo_run: DemoRun, receiver: Receiver, tmp_path: Path) -> Path:
    """A copy of the demo after its first run, with a receiver."""
    copy = tmp_path / "copy"
    shutil.copytree(demo_run.settings.root, copy)
    url = f"http://127.0.0.1:{receiver.server_port}"
    with (copy / "footsteps.yaml").open("a") as config_file:
        config_file.write(f"\nmonitoring: {{openlineage: {{url: '{url}', namespace: acme}}}}\n")
    return copy


def call(root: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, [*arguments, "--json", "--data-root", str(root)])


def run(root: Path, *arguments: str) -> Result:
    return call(root, "run", "--as-of", END.isoformat(), *arguments)


def find_lineage_issues(root: Path) -> list[str]:
    findings = json.loads(call(root, "doctor").stdout)["findings"]
    return [sentence for sentence in findings if sentence.startswith("lineage: ")]


def test_a_run_sends_its_steps_with_tables_columns_rows_and_checks(root: Path, receiver: Receiver) -> None:
    # a complete run in which nothing else is new: every step is executed
    assert run(root, "--allow-row-count-drop").exit_code == 0
    assert set(receiver.requests) == {("/api/v1/lineage", f"Bearer {KEY}")}
    first, last = receiver.events[0], receiver.events[-1]
    assert (first["eventType"], first["job"]["name"]) == ("START", "nightly")
    assert (last["eventType"], last["job"]["name"]) == ("COMPLETE", "nightly")
    assert first["run"]["runId"] == last["run"]["runId"]
    assert datetime.fromisoformat(first["eventTime"]) < datetime.fromisoformat(last["eventTime"])
    assert len(receiver.of("nightly")) == 2
    start, end = receiver.of("nightly.collect_evidence")
    assert (start["eventType"], end["eventType"]) == ("START", "COMPLETE")
    assert start["run"]["runId"] == end["run"]["runId"] != first["run"]["runId"]
    assert end["run"]["facets"]["parent"]["run"]["runId"] == first["run"]["runId"]
    assert {dataset["namespace"] for dataset in [*end["inputs"], *end["outputs"]]} == {"acme"}
    inputs = {dataset["name"]: dataset for dataset in end["inputs"]}
    outputs = {dataset["name"]: dataset for dataset in end["outputs"]}
    assert PERSON.name in inputs
    fields = outputs[EVIDENCE.name]["facets"]["schema"]["fields"]
    assert [field["name"] for field in fields] == [column.name for column in EVIDENCE.columns]
    row_count = Lake(root / "lake").scan(EVIDENCE).select(pl.len()).collect().item()
    assert outputs[EVIDENCE.name]["outputFacets"]["outputStatistics"]["rowCount"] == row_count
    assertions = inputs[PERSON.name]["inputFacets"]["dataQualityAssertions"]["assertions"]
    assert {assertion["success"] for assertion in assertions if assertion["assertion"] == "person_id__unique"} == {True}
    started = [event["run"]["runId"] for event in receiver.events if event["eventType"] == "START"]
    ended = [event["run"]["runId"] for event in receiver.events if event["eventType"] == "COMPLETE"]
    assert sorted(started) == sorted(ended)
    assert read_undelivered_lineage(root) == UndeliveredLineage()
    # the events hold nothing about a person
    people = Lake(root / "lake").scan(PERSON).select("person_id", "work_email").collect()
    text = json.dumps(receiver.events)
    for cell in [*people["person_id"], *people["work_email"].drop_nulls()]:
        assert f'"{cell}"' not in text


def test_a_failed_step_fails_its_run_and_sends_no_message_of_the_error(
    root: Path, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise ValueError("Ada Lovelace")

    worklogs = next((root / "landing" / "tempo").glob("*.csv"))
    header, first_row, *_ = worklogs.read_text().splitlines()
    worklogs.with_name("worklogs_2027-01-03.csv").write_text(f"{header}\n{first_row}\n")
    monkeypatch.setattr(model, "run_champion_challenger", fail)
    assert run(root).exit_code == 1
    failed = receiver.of("nightly.train_ranker")[-1]
    assert failed["eventType"] == "FAIL"
    assert failed["run"]["facets"]["errorMessage"]["message"] == "ValueError"
    assert receiver.of("nightly")[-1]["eventType"] == "FAIL"
    assert "Lovelace" not in json.dumps(receiver.events)


def test_a_receiver_that_is_away_stops_no_run_and_gets_the_events_with_the_next(root: Path, receiver: Receiver) -> None:
    receiver.is_down = True
    missed = run(root)
    assert missed.exit_code == 0
    assert "monitoring: lineage: " in missed.stderr
    (issue,) = find_lineage_issues(root)
    assert issue.endswith("The receiver lacks events of 1 run; the next run sends them again.")
    assert KEY not in issue
    assert str(receiver.server_port) not in issue
    receiver.is_down = False
    assert run(root).exit_code == 0
    states = [(event["run"]["runId"], event["eventType"]) for event in receiver.of("nightly")]
    new_run, missed_run = states[0][0], states[1][0]
    assert states == [(new_run, "START"), (missed_run, "START"), (missed_run, "COMPLETE"), (new_run, "COMPLETE")]
    assert find_lineage_issues(root) == []


def test_the_next_run_ends_a_run_that_was_killed(root: Path, receiver: Receiver) -> None:
    with DagsterInstance.from_config(str(root / "dagster_home")) as instance:
        killed = instance.add_run(DagsterRun("nightly", status=DagsterRunStatus.STARTED))
    deleted_id = str(uuid4())
    write_undelivered_lineage(root, UndeliveredLineage((killed.run_id, deleted_id)))
    assert find_lineage_issues(root) == []  # nothing failed: a run may be under way
    assert run(root).exit_code == 0
    states = [event["eventType"] for event in receiver.of("nightly") if event["run"]["runId"] == killed.run_id]
    assert states == ["START", "ABORT"]
    assert read_undelivered_lineage(root) == UndeliveredLineage()
