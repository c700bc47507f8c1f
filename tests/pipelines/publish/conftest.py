"""What the tests of publication share: a PostgreSQL server of their own."""

from collections.abc import Iterator

import pytest

from benchmarks.published.processes import ServerNotInstalled, temporary_postgresql_server


@pytest.fixture(scope="session")
def postgresql_uri() -> Iterator[str]:
    """A PostgreSQL server, started for these tests and ended after them."""
    try:
        with temporary_postgresql_server() as uri:
            yield uri
    except ServerNotInstalled as missing:
        pytest.skip(str(missing))
