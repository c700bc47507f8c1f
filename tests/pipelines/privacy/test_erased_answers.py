"""Files of people's answers lose the rows of erased people, and no row of anybody else, whoever answers meanwhile."""

import fcntl
import threading
from datetime import timedelta
from pathlib import Path

import pytest
from erasable_company import CONFIG, NOW

from pipelines.config.company import Config
from pipelines.ingest import answer_files
from pipelines.ingest.answer_files import lock_answers
from pipelines.ingest.landing import LandingContext, land_source
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erased_people import ErasedPeople, list_identities
from pipelines.privacy.erasure import erase_people, open_list
from pipelines.privacy.erasure_places import delete_landing_copies, list_places
from pipelines.privacy.identities import PersonTraces
from pipelines.privacy.suppression import ERASED_PERSON, Suppression

HEADER = (
    "record_code,employee_number,work_email,account_code,"
    "skill_text,consent_relation,consent_status,expires_date,stated_at"
)
DAY = NOW.date()


def write_row(person_id: str, number: int) -> str:
    return f"c{number},{person_id},,,all,all,withdrawn,,2026-07-01T1{number}:00:00Z"


OWN_ROW, OTHER_ROW, LATER_ROW = write_row("p0001", 0), write_row("p0002", 1), write_row("p0000", 2)


@pytest.fixture
def served(data_root: DataRoot) -> DataRoot:
    """The company with pages from which people answer; p0001 and p0002 withdrew a consent."""
    serve = {"header": {"header": "X-User", "key": "employee_number"}}
    stores = DataRoot(data_root.settings, Config.model_validate({**CONFIG, "serve": serve}), data_root.landing_folder)
    answer_file = stores.landing_folder / "answers" / f"consent_{DAY}.csv"
    answer_file.parent.mkdir()
    answer_file.write_text("\n".join([HEADER, OWN_ROW, OTHER_ROW]) + "\n")
    return stores


def read_rows(stores: DataRoot) -> list[str]:
    return (stores.landing_folder / "answers" / f"consent_{DAY}.csv").read_text().splitlines()[1:]


def append(answer_file: Path, row: str) -> None:
    """Add a row as the server does: the file is read and replaced under the lock."""
    with lock_answers(answer_file.parents[2]):
        answer_files.write_text_atomically(answer_file, answer_file.read_text() + row + "\n")


def land(stores: DataRoot, erased_people: ErasedPeople, days: int = 0) -> dict[str, int]:
    """Land the answers; returns what was passed over."""
    source = stores.config.source("served_consents")
    moment = NOW + timedelta(days=days)
    context = LandingContext(
        stores.lake,
        stores.landing_folder,
        moment.date(),
        moment,
        suppress=lambda source, export: Suppression.of_source(erased_people, source).apply(export),
    )
    (landed_file,) = land_source(context, source)
    assert landed_file.status == "landed", landed_file.reason
    delete_landing_copies(stores, [source], erased_people)
    return dict(landed_file.passed_over)


def test_the_answers_of_others_on_the_day_stay_when_it_is_landed(served: DataRoot) -> None:
    erased_people = ErasedPeople("a key of sixteen characters").add(list_identities(["p0001"], [], []), DAY)
    assert land(served, erased_people) == {ERASED_PERSON: 1}
    assert read_rows(served) == [OTHER_ROW]
    # the file has another content now, which is landed like any file that grew
    assert land(served, erased_people, days=1) == {}
    assert read_rows(served) == [OTHER_ROW]


def test_an_erasure_removes_answers_that_no_run_has_read(served: DataRoot) -> None:
    open_list(served, is_new=True)
    receipt = erase_people(served, {"p0001"}, NOW)
    assert receipt is not None
    assert receipt.counts["landing copies: rows of answers"] == 1
    assert receipt.remaining == ()
    assert read_rows(served) == [OTHER_ROW]


def test_a_file_with_the_answers_of_nobody_else_is_deleted(served: DataRoot) -> None:
    answer_file = served.landing_folder / "answers" / f"consent_{DAY}.csv"
    answer_file.write_text(f"{HEADER}\n{OWN_ROW}\n")
    open_list(served, is_new=True)
    erase_people(served, {"p0001"}, NOW)
    assert not answer_file.exists()


def test_an_answer_between_the_count_and_the_deletion_is_kept(served: DataRoot) -> None:
    answer_file = served.landing_folder / "answers" / f"consent_{DAY}.csv"
    feedback_file = served.landing_folder / "feedback.csv"
    erased_people = (open_list(served, is_new=True) or ErasedPeople("")).add(list_identities(["p0001"], [], []), DAY)
    traces = PersonTraces(person_ids=("p0001",), employee_numbers=("p0001",))
    plan = list_places(served, traces, erased_people)["landing copies"]()
    append(answer_file, LATER_ROW)
    # a command adds to an export of the company under the same lock
    with lock_answers(served.path):
        answer_files.write_text_atomically(feedback_file, feedback_file.read_text() + "f9,p0002,,sql,0.5,2026-07-01\n")
    plan.execute()
    assert read_rows(served) == [OTHER_ROW, LATER_ROW]
    assert feedback_file.read_text().endswith("f9,p0002,,sql,0.5,2026-07-01\n")
    assert not (served.landing_folder / "people.csv").exists()


def test_an_answer_during_the_deletion_waits_for_it(served: DataRoot, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_file = served.landing_folder / "answers" / f"consent_{DAY}.csv"
    waiting_threads: list[threading.Thread] = []
    write = answer_files.write_text_atomically

    def write_while_somebody_answers(path: Path, text: str) -> None:
        monkeypatch.setattr(answer_files, "write_text_atomically", write)
        with (served.path / ".answering").open("w") as lock_file, pytest.raises(BlockingIOError):
            fcntl.flock(lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        waiting_threads.append(threading.Thread(target=append, args=(answer_file, LATER_ROW)))
        waiting_threads[0].start()
        write(path, text)

    monkeypatch.setattr(answer_files, "write_text_atomically", write_while_somebody_answers)
    open_list(served, is_new=True)
    erase_people(served, {"p0001"}, NOW)
    waiting_threads[0].join()
    assert read_rows(served) == [OTHER_ROW, LATER_ROW]
