"""Charts of the same numbers are taken from the earlier pages; others are drawn."""

from pathlib import Path

import pytest

from pipelines.publish.site import drawn_charts
from pipelines.publish.site.drawn_charts import read_charts, write_charts


def draw_bar(lengths: list[float], label: str) -> str:
    return f"<svg>{lengths} {label}</svg>"


def fail_to_draw(lengths: list[float], label: str) -> str:
    raise AssertionError(f"{label} {lengths} is drawn again")


fail_to_draw.__qualname__ = draw_bar.__qualname__


def test_only_charts_of_other_numbers_are_drawn(tmp_path: Path) -> None:
    first = read_charts(None)
    bar = first.draw(draw_bar, [0.1, 0.2], "NDCG@10")
    write_charts(first, tmp_path)
    second = read_charts(tmp_path)
    assert second.draw(fail_to_draw, [0.1, 0.2], "NDCG@10") == bar
    with pytest.raises(AssertionError, match="drawn again"):
        second.draw(fail_to_draw, [0.1, 0.3], "NDCG@10")
    with pytest.raises(AssertionError, match="drawn again"):
        second.draw(fail_to_draw, [0.1, 0.2], label="NDCG@20")


def test_a_change_of_the_code_draws_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_charts(None)
    first.draw(draw_bar, [0.1], "NDCG@10")
    write_charts(first, tmp_path)
    monkeypatch.setattr(drawn_charts, "fingerprint_code", lambda: "other code")
    with pytest.raises(AssertionError, match="drawn again"):
        read_charts(tmp_path).draw(fail_to_draw, [0.1], "NDCG@10")


def test_only_the_charts_that_are_shown_are_kept(tmp_path: Path) -> None:
    first = read_charts(None)
    for length in (0.1, 0.2):
        first.draw(draw_bar, [length], "NDCG@10")
    write_charts(first, tmp_path)
    second = read_charts(tmp_path)
    second.draw(fail_to_draw, [0.2], "NDCG@10")
    write_charts(second, tmp_path)
    assert list(read_charts(tmp_path).earlier.values()) == ["<svg>[0.2] NDCG@10</svg>"]


def test_pages_of_an_earlier_version_have_no_charts(tmp_path: Path) -> None:
    assert read_charts(tmp_path).earlier == {}
