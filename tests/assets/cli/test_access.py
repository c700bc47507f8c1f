"""Each person's access copy has a file of its own."""

from pathlib import Path

from assets.cli.access import build_copy_path


def test_a_person_id_with_points_or_slashes_leads_to_no_file_of_somebody_else() -> None:
    person_ids = ("anna.smith", "anna.jones", "anna", "../anna", "E0007")
    names = [build_copy_path(Path("copies"), person_id, "json") for person_id in person_ids]
    assert [path.parent for path in names] == [Path("copies")] * 5
    assert len(set(names)) == 5
    assert names[0].name == "access-anna.smith.json"
    assert names[4].name == "access-E0007.json"
