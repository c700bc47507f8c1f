"""What the tests of publication share: a PostgreSQL server of their own."""

from collections.abc import Iterator

import pytest

from benchmarks.postgresql_server import NoServerInstalled, throwaway_server


@pytest.fixture(scope="session")
def postgresql_uri() -> Iterator[str]:
    """A PostgreSQL server, started for these tests and ended after them."""
    try:
        with throwaway_server() as uri:
            yield uri
    except NoServerInstalled as missing:
        pytest.skip(str(missing))
