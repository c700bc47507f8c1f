"""A request erases the person whom it names, nobody else, and neither it nor the list is lost."""

import polars as pl
import pytest
from erasable_company import NOW

from pipelines.contracts.catalog import ACCOUNT, PERSON
from pipelines.privacy.data_root import DataRoot
from pipelines.privacy.erased_people import ErasureUnavailable, Identity
from pipelines.privacy.erasure import complete_erasures, erase_people, erase_requested, open_list, remove_list_marks


def request(stores: DataRoot, content: bytes) -> DataRoot:
    privacy = stores.config.privacy.model_copy(update={"erasure_requests": "erase*.csv"})
    asking = DataRoot(stores.settings, stores.config.model_copy(update={"privacy": privacy}), stores.landing_folder)
    open_list(asking, is_new=True)
    (asking.landing_folder / "erase.csv").write_bytes(content)
    return asking


def share_accounts(stores: DataRoot) -> None:
    """Give p0000 and p0002 the same account in two systems, and the same address of a team."""
    shared = {"account_code": "ab", "work_email": "Team@x.example"}
    rows = [
        {**dict.fromkeys(ACCOUNT.column_names), **shared, "system_name": system, "person_id": person_id}
        for system, person_id in (("jira", "p0000"), ("github", "p0002"))
    ]
    accounts = stores.lake.scan(ACCOUNT).collect()
    stores.lake.write(ACCOUNT, pl.concat([accounts, pl.DataFrame(rows, schema=ACCOUNT.schema)]))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"person_id,account_code\np0001,\n,ab\n", "erase.csv, line 3: account_code leads to 2 people"),
        (b"work_email\nteam@x.example\n", "erase.csv, line 2: work_email leads to 2 people"),
        (b"account_code\nzzzzz\n", "erase.csv, line 2: account_code leads to no people"),
        ("work_email,note\nben@x.example,Bemühung\n".encode("cp1252"), "erase.csv cannot be read"),
    ],
)
def test_a_request_that_names_nobody_for_certain_is_refused_and_stays(
    data_root: DataRoot, content: bytes, sentence: str
) -> None:
    share_accounts(data_root)
    stores = request(data_root, content)
    with pytest.raises(ErasureUnavailable, match=sentence) as refusal:
        erase_requested(stores, NOW)
    assert not any(text in str(refusal.value) for text in ("team@", "zzzzz", "ben@"))
    assert stores.lake.scan(PERSON).collect().height == 3
    assert (stores.landing_folder / "erase.csv").read_bytes() == content


def test_somebody_whom_exports_bring_later_is_suppressed_by_the_person_id(data_root: DataRoot) -> None:
    stores = request(data_root, b"person_id\np9999\n")
    assert erase_requested(stores, NOW) is not None
    erased_people = open_list(stores)
    assert erased_people is not None
    assert erased_people.includes(Identity("employee_number", "p9999"))
    assert not (stores.landing_folder / "erase.csv").exists()


def test_a_mistyped_person_among_several_erases_nobody(data_root: DataRoot) -> None:
    open_list(data_root, is_new=True)
    with pytest.raises(ErasureUnavailable, match="no stored row has 1 of these 2 person_ids"):
        erase_people(data_root, {"p0001", "p000l"}, NOW)
    assert data_root.lake.scan(PERSON).collect().height == 3


def test_an_older_list_or_none_does_not_bring_people_back(data_root: DataRoot) -> None:
    open_list(data_root, is_new=True)
    list_path = data_root.erased_people_path
    assert list_path is not None
    empty_list = list_path.read_text()
    erase_people(data_root, {"p0001"}, NOW)
    list_path.write_text(empty_list)
    with pytest.raises(ErasureUnavailable, match="has 0 entries, and this data root has seen 1"):
        complete_erasures(data_root, NOW)
    privacy = data_root.config.privacy.model_copy(update={"erased_people": None})
    config = data_root.config.model_copy(update={"privacy": privacy})
    with pytest.raises(ErasureUnavailable, match="people were erased from"):
        complete_erasures(DataRoot(data_root.settings, config, data_root.landing_folder), NOW)
    # `footsteps erase --new-list` goes on with a list that is lost
    open_list(data_root, is_new=True)
    remove_list_marks(data_root)
    assert complete_erasures(data_root, NOW) is None
    assert open_list(data_root) is not None


def test_an_export_that_the_pattern_of_requests_matches_erases_nobody(data_root: DataRoot) -> None:
    privacy = data_root.config.privacy.model_copy(update={"erasure_requests": "*.csv"})
    config = data_root.config.model_copy(update={"privacy": privacy})
    stores = DataRoot(data_root.settings, config, data_root.landing_folder)
    open_list(stores, is_new=True)
    (stores.landing_folder / "people9.csv").write_text("employee_number\np0000\np0001\np0002\n")
    with pytest.raises(ErasureUnavailable, match="matches exports of a source"):
        erase_requested(stores, NOW)
    assert stores.lake.scan(PERSON).collect().height == 3


def test_an_erasure_deletes_the_requests_for_a_copy_that_name_nobody_else(data_root: DataRoot) -> None:
    privacy = data_root.config.privacy.model_copy(update={"access_requests": "copy*.csv"})
    config = data_root.config.model_copy(update={"privacy": privacy})
    stores = DataRoot(data_root.settings, config, data_root.landing_folder)
    contents = {
        "copy1.csv": b"person_id,asked_at\np0001,2026-06-30\n",
        "copy2.csv": b"person_id\np0001\np0002\n",
        "copy3.csv": b"somebody\np0001\n",
    }
    for file_name, content in contents.items():
        (stores.landing_folder / file_name).write_bytes(content)
    open_list(stores, is_new=True)
    erase_people(stores, {"p0001"}, NOW)
    assert sorted(path.name for path in stores.landing_folder.glob("copy*.csv")) == ["copy2.csv", "copy3.csv"]
