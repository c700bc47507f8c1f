"""Texts that stand for nothing: lost letters, closed accounts and bots."""

import polars as pl
import pytest

from pipelines.sources.casts.placeholders import drop_placeholders


@pytest.mark.parametrize(
    ("text", "account"),
    [
        *(("???? ??????", None), ("?", None), ("??.", None), ("J?rg", "J?rg"), ("?x", "?x")),
        *(("Former user", None), ("Deleted User", None), ("Formerly", "Formerly")),
        *(
            ("project_123_bot_4ffc", None),
            ("group_7_bot", None),
            ("renovate[bot]", None),
            ("project_bot", "project_bot"),
        ),
    ],
)
def test_an_account_that_is_nobodys_is_nothing(text: str, account: str | None) -> None:
    frame = pl.DataFrame({"text": [text]})
    assert frame.select(drop_placeholders(pl.col("text"), "account_code")).item() == account


def test_a_closed_account_may_be_the_title_of_a_skill() -> None:
    frame = pl.DataFrame({"text": ["Anonymous"]})
    assert frame.select(drop_placeholders(pl.col("text"), "skill_text")).item() == "Anonymous"
