"""Great Expectations without its noise: no analytics, no captured warnings, no log lines that contain values.

Belongs here: what must be set before and around every call into Great Expectations.
Does not belong here: validation itself.
"""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet_great_expectations() -> Iterator[None]:
    """Run the block with analytics off and the log of Great Expectations off; warnings go where they went before."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # its errors are in the results too; its log repeats them with data values
    gx_logger = logging.getLogger("great_expectations")
    log_level, original_showwarning = gx_logger.level, warnings.showwarning
    gx_logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            # it imports sre_constants, sre_parse and sre_compile, which Python 3.11 deprecates
            warnings.filterwarnings("ignore", r"module 'sre_\w+' is deprecated", DeprecationWarning)
            yield
    finally:
        gx_logger.setLevel(log_level)
        if warnings.showwarning is not original_showwarning:
            # its import calls logging.captureWarnings(True), which would swallow every later warning
            logging.captureWarnings(False)
