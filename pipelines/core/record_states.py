"""States: records of a source that describe one thing again and again, such as a grade that is calculated anew.

Belongs here: which of the records with one state_code counts.
Does not belong here: which records have a state_code (the adapters).
"""

import polars as pl

_STATE_KEY = ("source_name", "state_code")


def keep_last_states(records: pl.LazyFrame) -> pl.LazyFrame:
    """Keep one record per state: the one with which the last state began.

    A course that was failed, passed and confirmed as passed twice was passed once, on the day of the first of the three
    passes. A pass that was taken back since is none.

    Args:
        records: Learning records: source_name, state_code, learning_verb, occurred_at, changed_at, delivery_number,
            row_number and any other column.

    Returns:
        The records without a state_code, and one per state_code and source.
    """
    state_records = records.drop_nulls("state_code").sort("occurred_at", "changed_at", "delivery_number", "row_number")
    is_new_state = (pl.col("learning_verb") != pl.col("learning_verb").shift(1)).fill_null(True)
    numbered_states = state_records.with_columns(is_new_state.over(_STATE_KEY).alias("@is_new")).with_columns(
        pl.col("@is_new").cum_sum().over(_STATE_KEY).alias("@number")
    )
    is_last_state = pl.col("@number") == pl.col("@number").max().over(_STATE_KEY)
    last_states = numbered_states.filter(pl.col("@is_new"), is_last_state).drop("@is_new", "@number")
    return pl.concat([records.filter(pl.col("state_code").is_null()), last_states])
