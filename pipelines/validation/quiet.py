"""Great Expectations without its noise: no analytics, no captured warnings, no log lines with values in them.

Belongs here: what must be set before and around any call into Great Expectations.
Does not belong here: anything that judges data.
"""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

# Its own errors come back to us as results; its log repeats them, with data values in them.
_LOGGER = "great_expectations"


@contextmanager
def quiet() -> Iterator[None]:
    """Run the block with analytics off, its log silent and warnings going where they went before."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    logger = logging.getLogger(_LOGGER)
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    shown = warnings.showwarning
    try:
        with warnings.catch_warnings():
            # It imports sre_constants, sre_parse and sre_compile, which Python 3.11 deprecates.
            warnings.filterwarnings("ignore", r"module 'sre_\w+' is deprecated", DeprecationWarning)
            yield
    finally:
        logger.setLevel(level)
        if warnings.showwarning is not shown:
            # Its import calls logging.captureWarnings(True), which would swallow every later warning.
            logging.captureWarnings(False)
