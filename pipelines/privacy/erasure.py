"""The erasure of people from a data root: the places, in order, and a journal so that a killed erasure is completed.

Belongs here: the order of the places, what is counted before it is deleted, and the receipt.
Does not belong here: the deletion in each place, the run that computes the tables of everybody else afterwards.
"""

import hmac
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pipelines.privacy import erasure_places as places
from pipelines.privacy.content_search import compile_replacement, find_files_with
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erased_people import (
    ErasedPeople,
    ErasureUnavailable,
    read_erased_people,
    write_erased_people,
)
from pipelines.privacy.erasure_requests import list_request_files, read_requests
from pipelines.privacy.identities import PersonTraces, find_erased, find_traces, mark_record_numbers, read_mentions
from pipelines.privacy.receipt import Receipt, write_receipt
from pipelines.storage.atomic_write import write_text_atomically

# In the lake and in the publication, because either may be restored without the other.
_APPLIED_FILE = ".erased"
# In the counts of the receipt: numbers of the people that are ids of records as well.
_NOT_SEARCHED = "numbers that are not searched for"
# Readers that have resolved a pointer open its files within this time; then the replaced files are removed.
GRACE_SECONDS = 2.0
OnStep = Callable[[str], None]


@dataclass
class _Journal:
    """An erasure that has begun: whom it removes, and what it counted before it deleted anything of a place."""

    path: Path
    traces: PersonTraces
    counts: dict[str, dict[str, int]] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> "_Journal | None":
        if not path.exists():
            return None
        journal_document = json.loads(path.read_text(encoding="utf-8"))
        return cls(path, PersonTraces.from_document(journal_document["traces"]), journal_document["counts"])

    def write(self) -> None:
        journal_document = {"traces": self.traces.to_document(), "counts": self.counts}
        write_text_atomically(self.path, json.dumps(journal_document))


def open_list(data_root: DataRoot, *, is_new: bool = False) -> ErasedPeople | None:
    """The list of erased people of a data root; None if footsteps.yaml declares none.

    A data root without a lake may begin a list: nobody can have been erased from it.

    Args:
        data_root: The data root.
        is_new: Whether a missing list is created.

    Raises:
        ErasureUnavailable: The list or its key is missing, the list cannot be read, the key is not the one with which
            the list was written, or the list is shorter than one that the data root has seen, or lies within the data
            root, or is no longer declared although people were erased.
    """
    list_path, seen_entry_count = data_root.erased_people_path, _count_seen_entries(data_root)
    if list_path is None:
        if seen_entry_count:
            raise ErasureUnavailable(
                f"people were erased from {data_root.path}, and footsteps.yaml declares no list of them any more: "
                "declare `privacy: {erased_people: PATH}`, or the next exports bring them back"
            )
        return None
    if list_path.is_relative_to(data_root.path):
        raise ErasureUnavailable(
            f"privacy.erased_people lies within the data root {data_root.path}: a restored backup would replace it; "
            "declare a path outside"
        )
    erased_people = read_erased_people(list_path, may_create=is_new or not data_root.settings.lake_path.exists())
    if not is_new and len(erased_people.people) < seen_entry_count:
        raise ErasureUnavailable(
            f"{list_path} has {len(erased_people.people)} entries, and this data root has seen {seen_entry_count}: put "
            "the present list back; if it is lost, `footsteps erase --new-list` goes on with this one"
        )
    return erased_people


def erase_people(
    data_root: DataRoot, person_ids: set[str], now: datetime, on_step: OnStep = lambda _: None
) -> Receipt | None:
    """Add people to the list of erased people, and delete everything about them.

    The caller holds the lock of the data root.

    Args:
        data_root: The data root.
        person_ids: The people.
        now: The time of the receipt, in UTC.
        on_step: Is called with the name of each place before it is worked on.

    Returns:
        The receipt; None if the data root names none of these people.

    Raises:
        ErasureUnavailable: The list of erased people cannot be used (see `open_list`) or is not declared, some of the
            people are unknown, or the address of a server from which people must be erased is not set.
    """
    _open_declared_list(data_root)
    complete_erasures(data_root, now, on_step)
    erased_people = _open_declared_list(data_root)  # the completion may have added people
    unknown_ids = person_ids - set(read_mentions(data_root.lake, data_root.config)["person_id"])
    if unknown_ids and unknown_ids != person_ids:
        raise ErasureUnavailable(
            f"nobody was erased: no stored row has {len(unknown_ids)} of these {len(person_ids)} person_ids"
        )
    traces = find_traces(data_root.lake, data_root.config, person_ids)
    if not traces.identities:
        return None
    return _erase(data_root, erased_people, _open_journal(data_root, traces), now, on_step)


def erase_requested(data_root: DataRoot, now: datetime, on_step: OnStep = lambda _: None) -> Receipt | None:
    """Erase whom landing files ask to erase, then delete the files, which name them.

    Nothing is done for people who are on the list and in no table. The caller holds the lock of the data root.

    Args:
        data_root: The data root.
        now: The time of the receipt, in UTC.
        on_step: As in `erase_people`.

    Returns:
        The receipt; None if no file asks for anything.

    Raises:
        ErasureUnavailable: A file cannot be used (see `read_requests`), the list of erased people cannot be used (see
            `open_list`) or is not declared, or the address of a server from which people must be erased is not set.
    """
    request_files = list_request_files(data_root)
    if not request_files:
        return None
    erased_people, receipt = _open_declared_list(data_root), None
    traces = read_requests(data_root, request_files, erased_people)
    if erased_people.add(traces.identities, now.date()) != erased_people:
        receipt = _erase(data_root, erased_people, _open_journal(data_root, traces), now, on_step)
    if data_root.owns_landing:
        for request_path in request_files:
            request_path.unlink(missing_ok=True)
    return receipt


def complete_erasures(data_root: DataRoot, now: datetime, on_step: OnStep = lambda _: None) -> Receipt | None:
    """Complete an erasure that was killed, and erase again whom a restored backup brought back.

    Nothing is read but two small files if the data root has seen the list as it is. The caller holds the lock.

    Args:
        data_root: The data root.
        now: The time of the receipt, in UTC.
        on_step: As in `erase_people`.

    Returns:
        The receipt; None if there was nothing to erase.

    Raises:
        ErasureUnavailable: The list of erased people cannot be used (see `open_list`), or the address of a server from
            which people must be erased is not set.
    """
    erased_people = open_list(data_root)
    if erased_people is None:
        return None
    journal = _Journal.read(data_root.journal_path)
    receipt = None
    if journal is not None:
        receipt = _erase(data_root, erased_people, journal, now, on_step)
        erased_people = open_list(data_root) or erased_people
    if not all(
        mark_path.exists() and mark_path.read_text() == _describe_mark(erased_people)
        for mark_path in _list_marks(data_root)
    ):
        returned_ids = find_erased(data_root.lake, data_root.config, erased_people)
        if returned_ids:
            traces = find_traces(data_root.lake, data_root.config, returned_ids)
            receipt = _erase(data_root, erased_people, _open_journal(data_root, traces), now, on_step)
        else:
            _mark_applied(data_root, erased_people)
    return receipt


def _open_declared_list(data_root: DataRoot) -> ErasedPeople:
    """The list of erased people, without which nobody can be erased."""
    erased_people = open_list(data_root)
    if erased_people is None:
        raise ErasureUnavailable("declare `privacy: {erased_people: PATH}` in footsteps.yaml, outside the data root")
    return erased_people


def _open_journal(data_root: DataRoot, traces: PersonTraces) -> _Journal:
    """The journal of an erasure that begins."""
    return _Journal(data_root.journal_path, mark_record_numbers(data_root.lake, traces))


def _erase(
    data_root: DataRoot, erased_people: ErasedPeople, journal: _Journal, now: datetime, on_step: OnStep
) -> Receipt:
    """Work on every place, from the list on; each can be repeated."""
    on_step("journal")
    journal.write()
    traces, list_path = journal.traces, data_root.erased_people_path
    assert list_path is not None
    on_step("list of erased people")
    extended_list = erased_people.add(traces.identities, now.date())
    write_erased_people(list_path, extended_list)
    for place_name, make_plan in places.list_places(data_root, traces, extended_list).items():
        on_step(place_name)
        plan = make_plan()
        if place_name not in journal.counts:
            journal.counts[place_name] = dict(plan.count_by_name)
            journal.write()
        on_step(f"{place_name}: deletion")
        plan.execute()
    on_step("files that were replaced")
    time.sleep(GRACE_SECONDS if journal.counts.get("snapshots") else 0.0)
    places.remove_replaced_files(data_root)
    on_step("search by content")
    remaining_paths = find_files_with(data_root.path, traces.searched_texts, [data_root.journal_path])
    outside_paths = () if data_root.owns_landing else find_files_with(data_root.landing_folder, traces.searched_texts)
    erase_in_text = compile_replacement(traces.replaced_texts)  # a name of a file may hold a value as well
    receipt = Receipt(
        reason="erasure",
        subject=hash_subject(extended_list, traces),
        deleted_at=now.isoformat(),
        counts=_flatten_counts(journal.counts | {_NOT_SEARCHED: {"": len(traces.record_numbers)}}),
        remaining=tuple(erase_in_text(str(found_path.relative_to(data_root.path))) for found_path in remaining_paths),
        beyond=tuple(
            erase_in_text(str(found_path.relative_to(data_root.landing_folder))) for found_path in outside_paths
        ),
    )
    on_step("receipt")
    assert data_root.receipts_folder is not None
    write_receipt(data_root.receipts_folder, receipt, extended_list.key)
    _mark_applied(data_root, extended_list)
    journal.path.unlink()
    return receipt


def hash_subject(erased_people: ErasedPeople, traces: PersonTraces) -> str:
    """One keyed hash of all identities that an erasure removed."""
    joined_hashes = "\n".join(sorted(map(erased_people.hash_identity, traces.identities)))
    return hmac.digest(erased_people.key.encode(), joined_hashes.encode(), "sha256").hex()


def _mark_applied(data_root: DataRoot, erased_people: ErasedPeople) -> None:
    for mark_path in _list_marks(data_root):
        write_text_atomically(mark_path, _describe_mark(erased_people))


def _describe_mark(erased_people: ErasedPeople) -> str:
    return f"{erased_people.fingerprint} {len(erased_people.people)}"


def _count_seen_entries(data_root: DataRoot) -> int:
    """The number of entries of the longest list of erased people that the lake or the publication has seen."""
    split_marks = [mark_path.read_text().split() for mark_path in _list_marks(data_root) if mark_path.exists()]
    return max((int(mark_words[1]) for mark_words in split_marks if len(mark_words) > 1), default=0)


def remove_list_marks(data_root: DataRoot) -> None:
    """Let the next `complete_erasures` look for erased people: tables or snapshots were restored."""
    for mark_path in _list_marks(data_root):
        mark_path.unlink(missing_ok=True)


def _list_marks(data_root: DataRoot) -> list[Path]:
    """The files that say which list of erased people the lake and the publication have seen."""
    marked_folders = (data_root.settings.lake_path, data_root.settings.published_path)
    return [marked_folder / _APPLIED_FILE for marked_folder in marked_folders if marked_folder.is_dir()]


def _flatten_counts(counts_by_place: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {
        f"{place}: {counted_name}" if counted_name else place: count
        for place, count_by_name in counts_by_place.items()
        for counted_name, count in count_by_name.items()
        if count
    }
