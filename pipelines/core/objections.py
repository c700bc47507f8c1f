"""What people object to, as a property of every published table: opt-outs, hidden micro-skills, and the pause of all.

Belongs here: the one filter that all published rows pass, and the rows that statements about several people may count.
Does not belong here: which reply or preference is in force (`replies`, `consents`), consent to be named as a companion
(`ml.recommend.companion_matching`).
"""

from dataclasses import dataclass

import polars as pl

from pipelines.contracts.classification import PersonRole
from pipelines.contracts.personal_columns import person_columns
from pipelines.contracts.table import Table

_PERSON_SKILL_KEY = ("person_id", "skill_id")
# How columns of a micro-skill end. A row with one that its subject hides is marked, so that readers show it to the
# subject alone.
_SKILL_COLUMN_SUFFIX, _SKILL_LIST_SUFFIX = "skill_id", "skill_ids"
# The micro-skill of a row in which another person is named.
_COMPANION_SKILL_COLUMN = "companion_skill_id"
# What recommends a step outside the lists. Rows with a rank or a step are recommendations as a whole.
_NEXT_STEP_COLUMNS = ("next_skill_id", "completes_share")
_RECOMMENDED_ROW_COLUMNS = ("rank", "step_id")
# Other people whom a row may name: the row stays without them. Any other row that names somebody goes.
_NAMED_IN_PASSING_COLUMNS = ("follow_id", "lead_id")
_HELD_LIST_COLUMNS = ("held_skill_ids", "held_skill_names")
_MISSING_LIST_COLUMN = "missing_skill_ids"
# The unusual pair of a person, and the step that opens most to them.
_UNUSUAL_COLUMNS = ("unusual_skill_ids", "both_people_count")
_OPENING_COLUMN = "opening_skill_id"
_OPENED_COUNT_COLUMNS = ("opened_capability_count", "opened_role_count", "opened_work_count")


@dataclass(frozen=True)
class Objections:
    """What people object to on a day.

    Attributes:
        hidden_pairs: One row per person_id and skill_id that only the person's own page may show.
        opted_out_people: One row per person_id who wants no recommendations.
        is_paused: Whether the company has paused recommendations: nobody gets one.
    """

    hidden_pairs: pl.DataFrame
    opted_out_people: pl.DataFrame
    is_paused: bool = False

    def drop_objected_rows(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Drop the rows of hidden micro-skills and of people who opted out.

        What is published about several people together is computed from the remaining rows.

        Args:
            rows: Rows with person_id, skill_id and any other column.
        """
        shown_rows = rows.join(self.hidden_pairs, on=_PERSON_SKILL_KEY, how="anti", maintain_order="left")
        return shown_rows.join(self.opted_out_people, on="person_id", how="anti", maintain_order="left")

    def withhold(self, table: Table, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows as they may be published.

        Args:
            table: Contract of the published table.
            rows: Its rows, with or without the metadata of the run.

        Returns:
            The rows without recommendations to people who opted out, or to anybody if recommendations are paused,
            without other people who opted out or hide the micro-skill, without hidden micro-skills in lists, and with
            is_hidden if the table has it. Tables that name nobody stay as they are.
        """
        for column in person_columns(table):
            if column.name in _NAMED_IN_PASSING_COLUMNS:
                is_withheld = self._is_opted_out(rows, column.name) | self._is_hidden(rows, column.name, "skill_id")
                rows = rows.with_columns(pl.when(~is_withheld).then(column.name).alias(column.name))
            elif column.role is PersonRole.OTHER and not column.is_list:
                rows = rows.filter(~self._is_opted_out(rows, column.name))
                if _COMPANION_SKILL_COLUMN in rows.columns:
                    rows = rows.filter(~self._is_hidden(rows, column.name, _COMPANION_SKILL_COLUMN))
        if "person_id" not in table.column_names:
            return rows
        gets_no_steps = self._gets_no_steps(rows)
        for column_name in _RECOMMENDED_ROW_COLUMNS:
            if column_name in rows.columns:
                rows = rows.filter(~(gets_no_steps & rows[column_name].is_not_null()))
                gets_no_steps = self._gets_no_steps(rows)
        rows = self._withhold_next_step(rows, gets_no_steps)
        rows = self._withhold_combination(rows, gets_no_steps)
        if "is_hidden" in table.column_names:
            hidden_marks = [
                self._is_hidden(rows, "person_id", column_name).alias(column_name)
                for column_name in rows.columns
                if column_name.endswith(_SKILL_COLUMN_SUFFIX)
            ]
            hidden_marks += [
                self._holds_hidden(rows, column_name).alias(column_name)
                for column_name in rows.columns
                if column_name.endswith(_SKILL_LIST_SUFFIX)
            ]
            rows = rows.with_columns(
                pl.DataFrame(hidden_marks).select(is_hidden=pl.any_horizontal(pl.all())).to_series()
            )
        return rows

    def _withhold_next_step(self, rows: pl.DataFrame, gets_no_steps: pl.Series) -> pl.DataFrame:
        """Capabilities without hidden micro-skills, and without a next step for people who get none."""
        if _MISSING_LIST_COLUMN not in rows.columns:
            return rows
        numbered_rows = rows.with_row_index("row")
        visible_lists = [
            numbered_rows.select("row", "person_id", *list_columns)
            .explode(list_columns)
            .join(self.hidden_pairs, left_on=("person_id", list_columns[0]), right_on=_PERSON_SKILL_KEY, how="anti")
            .sort("row", maintain_order=True)
            .drop_nulls(list_columns[0])
            .group_by("row", maintain_order=True)
            .agg(list_columns)
            for list_columns in (_HELD_LIST_COLUMNS, (_MISSING_LIST_COLUMN,))
        ]
        visible_rows = numbered_rows.drop(*_HELD_LIST_COLUMNS, _MISSING_LIST_COLUMN)
        for visible_list_rows in visible_lists:
            visible_rows = visible_rows.join(visible_list_rows, on="row", how="left", maintain_order="left")
        empty_list = pl.lit([], pl.List(pl.String))
        has_no_step = gets_no_steps | self._is_hidden(rows, "person_id", "next_skill_id")
        return visible_rows.with_columns(
            *(pl.col(column_name).fill_null(empty_list) for column_name in _HELD_LIST_COLUMNS),
            pl.when(gets_no_steps)
            .then(empty_list)
            .otherwise(pl.col(_MISSING_LIST_COLUMN).fill_null(empty_list))
            .alias(_MISSING_LIST_COLUMN),
            *(pl.when(~has_no_step).then(column_name).alias(column_name) for column_name in _NEXT_STEP_COLUMNS),
        ).select(rows.columns)

    def _withhold_combination(self, rows: pl.DataFrame, gets_no_steps: pl.Series) -> pl.DataFrame:
        """Combinations without hidden micro-skills, and none of people who get no steps."""
        if _OPENING_COLUMN not in rows.columns:
            return rows
        rows = rows.filter(~gets_no_steps)
        is_pair_shown = ~self._holds_hidden(rows, _UNUSUAL_COLUMNS[0])
        is_opening_shown = ~self._is_hidden(rows, "person_id", _OPENING_COLUMN)
        return rows.with_columns(
            *(pl.when(is_pair_shown).then(column_name).alias(column_name) for column_name in _UNUSUAL_COLUMNS),
            pl.when(is_opening_shown).then(_OPENING_COLUMN).alias(_OPENING_COLUMN),
            *(
                pl.when(is_opening_shown).then(column_name).otherwise(0).alias(column_name)
                for column_name in _OPENED_COUNT_COLUMNS
            ),
        )

    def _gets_no_steps(self, rows: pl.DataFrame) -> pl.Series:
        """Whether the person of a row opted out, or recommendations are paused for everybody."""
        if self.is_paused:
            return pl.repeat(True, rows.height, dtype=pl.Boolean, eager=True)
        return self._is_opted_out(rows, "person_id")

    def _is_opted_out(self, rows: pl.DataFrame, person_column: str) -> pl.Series:
        return rows[person_column].is_in(self.opted_out_people["person_id"].implode()).fill_null(False)

    def _holds_hidden(self, rows: pl.DataFrame, list_column: str) -> pl.Series:
        """Whether a list of micro-skills holds one that the person of the row hides."""
        numbered_rows = rows.select("person_id", list_column).with_row_index("row")
        hidden_rows = numbered_rows.explode(list_column).join(
            self.hidden_pairs, left_on=("person_id", list_column), right_on=_PERSON_SKILL_KEY, how="semi"
        )
        return numbered_rows["row"].is_in(hidden_rows["row"].implode())

    def _is_hidden(self, rows: pl.DataFrame, person_column: str, skill_column: str) -> pl.Series:
        marked_pairs = self.hidden_pairs.select(_PERSON_SKILL_KEY).unique().with_columns(is_pair_hidden=pl.lit(True))
        return (
            rows.select(person_column, skill_column)
            .join(
                marked_pairs,
                left_on=(person_column, skill_column),
                right_on=_PERSON_SKILL_KEY,
                how="left",
                maintain_order="left",
            )["is_pair_hidden"]
            .fill_null(False)
        )
