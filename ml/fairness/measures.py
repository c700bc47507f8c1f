"""What an audit measures: the selections, and the form of every measured row.

Belongs here: names and meanings.
Does not belong here: how they are measured (`rates`, `calibration`, `predictability`).
"""

from dataclasses import dataclass

import polars as pl

RATE, CALIBRATION, FEATURE = "rate", "calibration", "feature"
SECTIONS = (RATE, CALIBRATION, FEATURE)


@dataclass(frozen=True)
class Selection:
    """Something that happens to some people of a group and not to others.

    Attributes:
        name: Name of the measure.
        title: What happens, as a table names it.
        meaning: When it applies to a person, as a sentence.
        applies_to: To whom it can apply.
    """

    name: str
    title: str
    meaning: str
    applies_to: str


# Places of a list that count as its beginning: a list of ten holds every kind of step.
FIRST_PLACES = 3
_WILLING = "employed people who did not opt out"
_WITH_LIST = "people with a recommendation"
SELECTIONS = (
    Selection("recommended", "gets a recommendation", "at least one step is recommended", _WILLING),
    Selection(
        "new_skill",
        "gets something new",
        f"one of the first {FIRST_PLACES} steps takes up a new micro-skill",
        _WITH_LIST,
    ),
    Selection(
        "next_stage",
        "gets a higher stage",
        f"one of the first {FIRST_PLACES} steps leads to journeyman or master",
        _WITH_LIST,
    ),
    Selection(
        "likely_step",
        "gets a likely step",
        "the best step is at least as likely as that of half of all people",
        _WITH_LIST,
    ),
    Selection(
        "shown_as_example",
        "is shown as an example",
        "the person is shown to somebody as an example to follow",
        "people who agreed to be named for it",
    ),
    Selection(
        "followed",
        "is followed",
        "somebody reached the step for which the person was shown as an example",
        "people who were shown as an example in an earlier snapshot",
    ),
)
CALIBRATED = "came_true"
CALIBRATED_MEANING = "steps that were reached within the horizon, divided by the sum of their probabilities"
TITLE_BY_MEASURE = {
    **{selection.name: selection.title for selection in SELECTIONS},
    CALIBRATED: "promises that came true",
}

# One row per measure and group. The estimate is a rate, a ratio of reached to promised steps, or an AUC. `ratio`
# compares the group with the group of the highest rate, or its calibration with that of everybody else.
MEASURE_SCHEMA = pl.Schema(
    {
        "section": pl.String,
        "measure": pl.String,
        "attribute": pl.String,
        "group": pl.String,
        "people_count": pl.Int64,
        "case_count": pl.Int64,
        "estimate": pl.Float64,
        "low": pl.Float64,
        "high": pl.Float64,
        "ratio": pl.Float64,
        "ratio_low": pl.Float64,
        "ratio_high": pl.Float64,
        "p_value": pl.Float64,
    }
)
