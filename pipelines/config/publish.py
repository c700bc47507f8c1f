"""The section `publish` of footsteps.yaml: publish targets, retention and the limits of the release checks.

Belongs here: the form of the section. It names secrets by their environment variables and never contains them.
Does not belong here: publishing itself (`pipelines.publish`).
"""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class ConfigSection(BaseModel):
    """A section of footsteps.yaml: immutable, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _check_bucket(url: str) -> str:
    if not url.startswith("s3://") or not url.removeprefix("s3://").strip("/"):
        raise ValueError("must be a bucket and a folder in it, such as s3://people-data/footsteps")
    return url.rstrip("/")


def _check_endpoint(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise ValueError("must be an address such as https://portal.example/footsteps")
    return url


Endpoint = Annotated[str, AfterValidator(_check_endpoint)]


class PostgresqlOptions(ConfigSection):
    """A PostgreSQL server; the environment variable contains its URI with the password."""

    uri_variable: str = "FOOTSTEPS_POSTGRESQL_URI"
    # the schema of the readers; two more schemas have this name with _data and _staging
    schema_name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")] = "footsteps"


class ObjectStoreOptions(ConfigSection):
    """A bucket of an S3-compatible store; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY contain the keys."""

    url: Annotated[str, AfterValidator(_check_bucket)]
    endpoint: str | None = None
    region: str = "us-east-1"
    landing: bool = False  # whether exports are fetched from url/landing before each run
    lake: bool = False  # whether the tables of the lake are copied to url/lake after each run


class WebhookOptions(ConfigSection):
    """The receiver of the change feed; the environment variable contains the key that signs the requests."""

    url: Endpoint
    secret_variable: str = "FOOTSTEPS_FEED_SECRET"
    attempts: Annotated[int, Field(ge=1, le=20)] = 5
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    batch: Annotated[int, Field(ge=1, le=10_000)] = 100


class PublishOptions(ConfigSection):
    """The section `publish` of footsteps.yaml."""

    # the retention in the contracts of the published tables
    retention_days: Annotated[int, Field(ge=1)] = 90
    # if a larger share of rows changes its step in one run, the input is broken
    most_changed_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    # calibration error of the last evaluation up to which recommendations are published
    most_calibration_error: Annotated[float, Field(gt=0, le=1)] = 0.05
    delta: bool = True
    duckdb: bool = True
    feed: bool = True
    site: bool = True
    postgresql: PostgresqlOptions | None = None
    object_store: ObjectStoreOptions | None = None
    webhook: WebhookOptions | None = None
