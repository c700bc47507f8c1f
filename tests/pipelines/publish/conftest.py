"""What the tests of publication share: a PostgreSQL server and an S3 server of their own."""

from collections.abc import Iterator

import pytest

from pipelines.publish.throwaway_server import NoServerInstalled, throwaway_server


@pytest.fixture(scope="session")
def postgresql_uri() -> Iterator[str]:
    """A PostgreSQL server, started for these tests and ended after them."""
    try:
        with throwaway_server() as uri:
            yield uri
    except NoServerInstalled as missing:
        pytest.skip(str(missing))


@pytest.fixture
def s3_endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 server on this machine with one bucket, people-data."""
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1").create_bucket(Bucket="people-data")
    try:
        yield endpoint
    finally:
        running.stop()
