"""How many examples a costly property test tries: some in `make test`, many in `make test-long`."""

import os


def count_examples(quick: int, thorough: int) -> int:
    """The number of examples of a property test whose examples take tenths of a second each."""
    return thorough if os.environ.get("FOOTSTEPS_TEST_EXAMPLES") == "thorough" else quick
