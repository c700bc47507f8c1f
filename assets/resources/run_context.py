"""The context of a run: the days it sees, and whether it is complete.

Belongs here: the tags of a run and what follows from them.
Does not belong here: the record of complete runs (`complete_run`), which assets a run executes
(`assets.automation.run_selection`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

from assets.resources.complete_run import CompleteRuns

AS_OF_TAG = "footsteps/as_of"
ALLOW_ROW_COUNT_DROP_TAG = "footsteps/allow_row_count_drop"
# Why the run was started, in words.
CAUSE_TAG = "footsteps/cause"
# The day for which the schedule asked for the run.
SCHEDULED_DAY_TAG = "footsteps/scheduled_day"
# Set on a run that follows new files to the people they touch. Other runs are complete, or a part of a complete run.
INCREMENTAL_TAG = "footsteps/incremental"
# Runs that an earlier version queued carry these tags.
_FORMER_TAGS = {
    ALLOW_ROW_COUNT_DROP_TAG: "footsteps/accept_shrink",
    SCHEDULED_DAY_TAG: "footsteps/night_of",
    INCREMENTAL_TAG: "footsteps/by_day",
}


@dataclass(frozen=True)
class RunContext:
    """What the tags of a run and the last complete run decide.

    Attributes:
        tags: Tags of the run.
        complete_runs: The complete runs of the data root.
    """

    tags: Mapping[str, str]
    complete_runs: CompleteRuns

    @property
    def is_incremental(self) -> bool:
        """Whether the run follows new files only to the people they touch."""
        return self._read_tag(INCREMENTAL_TAG) == "true"

    @property
    def allows_row_count_drop(self) -> bool:
        """Whether a full export with far fewer rows than the last one is landed."""
        return self._read_tag(ALLOW_ROW_COUNT_DROP_TAG) == "true"

    @cached_property
    def today(self) -> date:
        """The day for which the run was scheduled, or the current day in the company's time zone."""
        scheduled_day_text = self._read_tag(SCHEDULED_DAY_TAG)
        return date.fromisoformat(scheduled_day_text) if scheduled_day_text else self.complete_runs.local_date()

    @cached_property
    def as_of(self) -> date:
        """The last day whose data the run sees: from the run's tag, from footsteps.yaml, or today."""
        as_of_text = self._read_tag(AS_OF_TAG)
        return date.fromisoformat(as_of_text) if as_of_text else self.complete_runs.choose_as_of(self.today)

    @property
    def valid_until(self) -> date:
        """The last day on which rows that this run computes are valid."""
        return self.as_of + self._valid_days

    @property
    def renewed_until(self) -> date | None:
        """The day up to which a complete run extends the validity of every row; None for a run of a declared day."""
        if self.is_incremental or self._read_tag(AS_OF_TAG) or self.complete_runs.config.as_of != "today":
            return None
        return self.today + self._valid_days

    @property
    def last_valid_day(self) -> date:
        """The last day on which the published rows are valid: consents must last until then."""
        return max(self.valid_until, self.renewed_until or self.valid_until)

    @property
    def _valid_days(self) -> timedelta:
        return timedelta(days=self.complete_runs.config.policy.valid_days)

    def _read_tag(self, tag_name: str) -> str | None:
        """The value of a tag of the run, under its present or its former name."""
        return self.tags.get(tag_name) or self.tags.get(_FORMER_TAGS.get(tag_name, tag_name))
