"""States: records of a source that describe one thing again and again, such as a grade that is calculated anew.

Belongs here: which of the records with one state_code counts.
Does not belong here: which records have a state_code (the adapters).
"""

import polars as pl

_STATE_KEY = ("source_name", "state_code")


def keep_last_states(records: pl.LazyFrame) -> pl.LazyFrame:
    """Keep one record per source and state_code: the first of its last consecutive records with the same learning_verb.

    A course that was failed, passed and confirmed as passed twice was passed once, on the day of the first of the three
    passes. A pass that was withdrawn later does not count.

    Args:
        records: Learning records: source_name, state_code, learning_verb, occurred_at, changed_at, delivery_number,
            row_number and any other column.

    Returns:
        The records without a state_code, and one per state_code and source.
    """
    state_records = records.drop_nulls("state_code").sort("occurred_at", "changed_at", "delivery_number", "row_number")
    starts_state = (pl.col("learning_verb") != pl.col("learning_verb").shift(1)).fill_null(True)
    numbered_records = state_records.with_columns(starts_state.over(_STATE_KEY).alias("@starts_state")).with_columns(
        pl.col("@starts_state").cum_sum().over(_STATE_KEY).alias("@state_number")
    )
    is_in_last_state = pl.col("@state_number") == pl.col("@state_number").max().over(_STATE_KEY)
    last_state_starts = numbered_records.filter(pl.col("@starts_state"), is_in_last_state)
    return pl.concat(
        [records.filter(pl.col("state_code").is_null()), last_state_starts.drop("@starts_state", "@state_number")]
    )
