"""When a ranker is trained anew: by its age, or because much was learnt since.

Belongs here: the decision.
Does not belong here: training (`ml.recommender`), whether the new one is used (its evaluation).
"""

from datetime import UTC, date, datetime

from ml.bundle import Card
from ml.histories import DAY

# Four weeks: a twelfth of a year's steps is new, and people's ways change no faster.
LONGEST_DAYS = 28
# A tenth more steps than it learned from is a new source or a new unit, whatever its age.
NEW_SHARE = 0.1


def is_training_due(card: Card, step_count: int, as_of: date) -> bool:
    """Whether a ranker with this card is too old, or has seen too little of `step_count` reached steps, as of a day."""
    if not card.is_calendar:
        return True
    trained = datetime.fromtimestamp(card.data_end / DAY * 86_400, UTC).date()
    return (as_of - trained).days >= LONGEST_DAYS or step_count > card.n_events * (1 + NEW_SHARE)
