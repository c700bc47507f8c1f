"""What changed in the practice of a unit, in words: what, since when, by how much, and what else changed.

Belongs here: the sentence of a change. It names no person and no cause.
Does not belong here: which changes there are (`comparison`), sentences in other languages (`pipelines.publish.site`).
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

_KIND_TEXTS = {
    ("edge", "hours"): "hours of work on steps being taken",
    ("edge", "count"): "pieces of work on steps being taken",
    ("routine", "hours"): "hours of work in mastered micro-skills",
    ("routine", "count"): "pieces of work in mastered micro-skills",
    ("learning", "hours"): "hours of learning",
    ("learning", "count"): "pieces of learning",
    ("review_given", "count"): "reviews given",
    ("review_received", "count"): "reviews received",
    ("finished", "count"): "finished pieces of work",
}


def describe_change(
    change: Mapping[str, Any], finished_share: float | None, finished_per_hour_share: float | None
) -> str:
    """Describe the change of one part of a unit's work.

    Args:
        change: A row with practice_kind, practice_unit, practice_scope, practice_name, unit_name, changed_date,
            change_since and change_certainty.
        finished_share: Finished work per head since the change against the weeks before it, minus 1; None if unknown.
        finished_per_hour_share: The same of finished work per hour of work.
    """
    amount_text = _KIND_TEXTS.get((change["practice_kind"], change["practice_unit"]), "amounts")
    part_text = "" if change["practice_scope"] == "unit" else f" in “{change['practice_name']}”"
    change_since, changed_date = change["change_since"], change["changed_date"]
    sentences = [
        f"In {change['unit_name']}, {amount_text}{part_text} {_describe_share(change_since)} in the week of "
        f"{_format_day(changed_date)} and have stayed there, with season and number of people taken out "
        f"(certainty {100 * min(change['change_certainty'], 0.999):.1f} %)."
    ]
    others = []
    if finished_share is not None and change["practice_kind"] != "finished":
        others.append(f"finished work per person {_describe_share(finished_share)}")
    if finished_per_hour_share is not None:
        others.append(f"finished work per hour of work {_describe_share(finished_per_hour_share)}")
    if others:
        sentences.append(f"Over the same weeks, {' and '.join(others)}.")
    sentences.append("This says when it changed, not why.")
    return " ".join(sentences)


def _describe_share(share: float) -> str:
    percent = round(100 * abs(share))
    return "stayed the same" if percent == 0 else f"{'rose' if share > 0 else 'fell'} by {percent} %"


def _format_day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
