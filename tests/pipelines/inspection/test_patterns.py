"""Patterns select the files of one source and no other; names of sources are valid."""

from pathlib import Path

import pytest

from pipelines.inspection.patterns import choose_patterns, make_source_name

FILES = (
    *("hr/emp_2026-05-30.csv", "hr/emp_2026-06-30.csv", "hr/emp.csv", "hr/roles_2026-06-30.csv"),
    *("a/log[1].json", "a/log[2].json", "p/page1.json", "p/page12.json", "q/2024/h.csv", "q/2025/h.csv"),
    *("de/h.csv", "us/h.csv", "top 20250101T101010Z.csv"),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in FILES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path


@pytest.mark.parametrize(
    ("paths", "patterns"),
    [
        (["hr/emp_2026-05-30.csv", "hr/emp_2026-06-30.csv"], ["hr/emp_*.csv"]),
        (["hr/emp_2026-06-30.csv"], ["hr/emp_2026-06-30.csv"]),
        (["hr/emp.csv"], ["hr/emp.csv"]),
        (["top 20250101T101010Z.csv"], ["top *.csv"]),
        (["a/log[1].json", "a/log[2].json"], ["a/log[[]*].json"]),
        (["p/page1.json", "p/page12.json"], ["p/page*.json"]),
        (["q/2024/h.csv", "q/2025/h.csv"], ["q/*/h.csv"]),
        (["q/2024/h.csv", "q/2025/h.csv", "de/h.csv", "us/h.csv"], ["**/h.csv"]),
        (["de/h.csv", "us/h.csv"], ["de/h.csv", "us/h.csv"]),
    ],
)
def test_the_patterns_select_exactly_the_files(folder: Path, paths: list[str], patterns: list[str]) -> None:
    chosen = choose_patterns(folder, paths, set(FILES) - set(paths))
    assert list(chosen) == patterns
    assert sorted(path for selected in chosen.values() for path in selected) == sorted(paths)


@pytest.mark.parametrize(
    ("text", "taken", "name"),
    [
        ("tempo", (), "tempo"),
        ("2025 Stunden Übersicht", (), "stunden_ubersicht"),
        ("20250101", (), "source"),
        ("360 feedback", (), "source_360_feedback"),
        ("tempo", ("tempo", "tempo_2"), "tempo_3"),
    ],
)
def test_the_name_of_a_source_is_valid_and_new(text: str, taken: tuple[str, ...], name: str) -> None:
    assert make_source_name(text, taken) == name
