"""The section `publish` of footsteps.yaml: publish targets, retention and the limits of the release checks.

Belongs here: the form of the section. It names secrets by their environment variables and never contains them.
Does not belong here: publishing itself (`pipelines.publish`).
"""

from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from pipelines.config.pages import PageOptions


class ConfigSection(BaseModel):
    """A section of footsteps.yaml: immutable, and without unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _check_bucket(url: str) -> str:
    if not url.startswith("s3://") or not url.removeprefix("s3://").strip("/"):
        raise ValueError("must be a bucket and a folder in it, such as s3://people-data/footsteps")
    return url.rstrip("/")


def _check_endpoint(url: str) -> str:
    try:
        url_parts = urlsplit(url)
    except ValueError:
        url_parts = urlsplit("")
    if url_parts.scheme not in ("https", "http") or not url_parts.hostname:
        raise ValueError("must be an address such as https://portal.example/footsteps")
    return url


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:  # the name of another machine
        return False


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
    allow_insecure: bool = False  # whether the address may be plain http to another machine
    secret_variable: str = "FOOTSTEPS_FEED_SECRET"
    attempts: Annotated[int, Field(ge=1, le=20)] = 5
    timeout_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
    batch: Annotated[int, Field(ge=1, le=10_000)] = 100

    @model_validator(mode="after")
    def _check_encryption(self) -> "WebhookOptions":
        url_parts = urlsplit(self.url)
        if url_parts.scheme == "http" and not (self.allow_insecure or _is_this_machine(url_parts.hostname or "")):
            raise ValueError("url is plain http to another machine: use https, or declare allow_insecure: true")
        return self

    @property
    def shown_url(self) -> str:
        """Scheme and host of the address: its path, query and user may contain a token."""
        url_parts = urlsplit(self.url)
        return f"{url_parts.scheme}://{url_parts.hostname}"


class PublishOptions(ConfigSection):
    """The section `publish` of footsteps.yaml."""

    # the group that may read what is published, by name or number; nobody but the owner if None
    group: Annotated[str, Field(min_length=1)] | Annotated[int, Field(ge=0)] | None = None
    # the retention in the contracts of the published tables
    retention_days: Annotated[int, Field(ge=1)] = 90
    # if a larger share of rows changes its step in one run, the input is broken
    most_changed_share: Annotated[float, Field(gt=0, le=1)] = 0.8
    # calibration error of the last evaluation up to which recommendations are published
    most_calibration_error: Annotated[float, Field(gt=0, le=1)] = 0.05
    # factor between promised and reached steps, by its interval, above which the run warns
    most_promised_factor: Annotated[float, Field(ge=1)] = 1.25
    delta: bool = True
    duckdb: bool = True
    feed: bool = True
    site: bool = True
    pages: PageOptions = PageOptions()
    postgresql: PostgresqlOptions | None = None
    object_store: ObjectStoreOptions | None = None
    webhook: WebhookOptions | None = None

    @property
    def secret_variables(self) -> tuple[str, ...]:
        """The environment variables that hold secrets of the targets, whatever their names are."""
        postgresql_variables = [self.postgresql.uri_variable] if self.postgresql else []
        return (*postgresql_variables, *([self.webhook.secret_variable] if self.webhook else []))

    @property
    def shown_addresses(self) -> tuple[str, ...]:
        """The addresses of the targets that may be shown: they hold no secret."""
        return (self.webhook.shown_url,) if self.webhook else ()
