"""What footsteps.yaml says of publication: the ways in, for how long, and where to.

Belongs here: the form of the section `publish`. Secrets are named, never written: the environment holds them.
Does not belong here: any publishing.
"""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PostgresqlOptions(_Declared):
    """A PostgreSQL server; the variable holds its URI, password included."""

    uri_variable: str = "FOOTSTEPS_POSTGRESQL_URI"
    # becomes the readers' schema, and with _data and _staging the names of two more
    schema_name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")] = "footsteps"


class ObjectStoreOptions(_Declared):
    """A bucket of an S3-compatible store; keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."""

    url: str
    endpoint: str | None = None
    region: str = "us-east-1"
    landing: bool = False  # exports are fetched from url/landing before each night
    lake: bool = False  # the lake's tables are copied to url/lake after each night

    @field_validator("url")
    @classmethod
    def _is_a_bucket(cls, url: str) -> str:
        if not url.startswith("s3://") or not url.removeprefix("s3://").strip("/"):
            raise ValueError("must be a bucket and a folder in it, such as s3://people-data/footsteps")
        return url.rstrip("/")


class WebhookOptions(_Declared):
    """Where the change feed is delivered to; the variable holds the key its deliveries are signed with."""

    url: str
    secret_variable: str = "FOOTSTEPS_FEED_SECRET"
    attempts: Annotated[int, Field(ge=1, le=20)] = 5
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    batch: Annotated[int, Field(ge=1, le=10_000)] = 100

    @field_validator("url")
    @classmethod
    def _is_an_endpoint(cls, url: str) -> str:
        if not url.startswith(("https://", "http://")):
            raise ValueError("must be an address such as https://portal.example/footsteps")
        return url


class PublishOptions(_Declared):
    """The section `publish` of footsteps.yaml."""

    # As long as the published tables' contracts promise.
    retention_days: Annotated[int, Field(ge=1)] = 90
    # More than this share of rows with another step in one night is no new evidence but a broken input.
    most_changed_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    # Mean distance of said and seen probability in the last evaluation that a publication may have.
    most_calibration_error: Annotated[float, Field(gt=0, le=1)] = 0.05
    delta: bool = True
    duckdb: bool = True
    feed: bool = True
    site: bool = True
    postgresql: PostgresqlOptions | None = None
    object_store: ObjectStoreOptions | None = None
    webhook: WebhookOptions | None = None
