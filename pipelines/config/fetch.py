"""`fetch` of a source in footsteps.yaml: where its files are placed, outside of the landing folder.

Belongs here: the form of the section, and the environment variables that hold credentials. It names variables and never
contains what they hold.
Does not belong here: connecting (`pipelines.ingest.origins`), downloading (`pipelines.ingest.fetching`).
"""

import os
import re
from pathlib import PurePosixPath
from typing import Annotated, Literal, cast
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field, model_validator

from pipelines.config.publish import ConfigSection, ObjectStoreOptions

Scheme = Literal["folder", "sftp", "s3", "gs", "abfss"]
# Per scheme: the credentials, and the environment variable of each unless `variables` names another one. Google's
# library reads GOOGLE_APPLICATION_CREDENTIALS itself.
_VARIABLES_BY_SCHEME: dict[Scheme, dict[str, str]] = {
    "folder": {},
    "sftp": {
        "user": "FOOTSTEPS_SFTP_USER",
        "password": "FOOTSTEPS_SFTP_PASSWORD",
        "key": "FOOTSTEPS_SFTP_KEY",
        "passphrase": "FOOTSTEPS_SFTP_PASSPHRASE",
    },
    "s3": {
        "access_key": "AWS_ACCESS_KEY_ID",
        "secret_key": "AWS_SECRET_ACCESS_KEY",
        "session_token": "AWS_SESSION_TOKEN",
    },
    "gs": {},
    "abfss": {
        "account_key": "AZURE_STORAGE_KEY",
        "sas_token": "AZURE_STORAGE_SAS_TOKEN",
        "tenant_id": "AZURE_TENANT_ID",
        "client_id": "AZURE_CLIENT_ID",
        "client_secret": "AZURE_CLIENT_SECRET",
    },
}
# Keys that only some schemes have.
_SCHEMES_BY_KEY: dict[str, tuple[Scheme, ...]] = {
    "known_hosts": ("sftp",),
    "region": ("s3",),
    "endpoint": ("s3", "gs", "abfss"),
}
_VARIABLE_PATTERN = re.compile(r"[A-Z_][A-Z0-9_]*")
_NO_ADDRESS = (
    "must be a folder such as /mnt/share/hr, or an address such as sftp://user@host/folder, s3://bucket/folder, "
    "gs://bucket/folder or abfss://container@account.dfs.core.windows.net/folder"
)


def _check_url(url: str) -> str:
    if "://" not in url:
        if not PurePosixPath(url).is_absolute():
            raise ValueError(_NO_ADDRESS)
        return url.rstrip("/") or "/"
    url_parts = urlsplit(url)
    if url_parts.scheme not in _VARIABLES_BY_SCHEME or url_parts.scheme == "folder" or not url_parts.hostname:
        raise ValueError(_NO_ADDRESS)
    if url_parts.password is not None or (url_parts.username and url_parts.scheme not in ("sftp", "abfss")):
        raise ValueError("must not contain a password or key: put it into an environment variable")
    if url_parts.query or url_parts.fragment:
        raise ValueError("must not contain ? or #: a signature belongs into an environment variable")
    if url_parts.scheme == "abfss" and not (url_parts.username and ".dfs." in url_parts.hostname):
        raise ValueError("must be like abfss://container@account.dfs.core.windows.net/folder")
    if url_parts.port is not None and url_parts.scheme != "sftp":  # `port` raises ValueError for what is no port
        raise ValueError("must not contain a port: give the address of the server under `endpoint`")
    if ".." in PurePosixPath(url_parts.path).parts:
        raise ValueError("must not contain ..")
    return url.rstrip("/")


def _check_endpoint(url: str) -> str:
    url_parts = urlsplit(url)
    if url_parts.scheme not in ("http", "https") or not url_parts.hostname or "@" in url_parts.netloc:
        raise ValueError("must be an address such as https://s3.example")
    return url.rstrip("/")


def _check_variable(variable_name: str) -> str:
    if not _VARIABLE_PATTERN.fullmatch(variable_name):  # a password here would reach messages
        raise ValueError("must be the name of an environment variable in capitals, such as HR_PASSWORD, not its value")
    return variable_name


def _check_pattern(pattern: str) -> str:
    if not pattern or PurePosixPath(pattern).is_absolute() or ".." in PurePosixPath(pattern).parts:
        raise ValueError("must be a pattern under the url, such as *.csv or 2026/*.csv")
    return pattern


class FetchOptions(ConfigSection):
    """Where the files of a source are placed, which of them are fetched, and which variables hold the credentials."""

    url: Annotated[str, AfterValidator(_check_url)]
    # by default, what `path` of the source reads in its landing folder
    pattern: Annotated[str, AfterValidator(_check_pattern)] | None = None
    # names of environment variables, by credential; the default names are those of `_VARIABLES_BY_SCHEME`
    variables: dict[str, Annotated[str, AfterValidator(_check_variable)]] = Field(default_factory=dict)
    known_hosts: str | None = None  # file with the keys of SFTP servers; ~/.ssh/known_hosts by default
    endpoint: Annotated[str, AfterValidator(_check_endpoint)] | None = None  # of a store that is not the vendor's own
    region: str | None = None
    max_megabytes: Annotated[float, Field(gt=0)] = 4096  # a larger file is refused

    @model_validator(mode="after")
    def _check_keys(self) -> "FetchOptions":
        for option_key, schemes in _SCHEMES_BY_KEY.items():
            if getattr(self, option_key) is not None and self.scheme not in schemes:
                raise ValueError(f"{option_key} is for {', '.join(schemes)} only: take it out")
        allowed_credentials = _VARIABLES_BY_SCHEME[self.scheme]
        if unknown_credentials := sorted(set(self.variables) - set(allowed_credentials)):
            allowed_phrase = (
                f"allowed: {', '.join(allowed_credentials)}"
                if allowed_credentials
                else "no credential of this address can be named"
            )
            raise ValueError(f"variables names {unknown_credentials[0]!r}; {allowed_phrase}")
        return self

    @property
    def scheme(self) -> Scheme:
        """How the files are reached."""
        return cast(Scheme, self.address.scheme) if "://" in self.url else "folder"

    @property
    def address(self) -> SplitResult:
        """The parts of the url."""
        return urlsplit(self.url)

    def variable(self, credential: str) -> str:
        """The environment variable that holds a credential."""
        return self.variables.get(credential, _VARIABLES_BY_SCHEME[self.scheme][credential])

    def read_credentials(self) -> dict[str, str]:
        """The credentials that the environment holds, by name; what is not set is left out."""
        value_by_credential = {
            credential: os.environ.get(self.variable(credential)) for credential in _VARIABLES_BY_SCHEME[self.scheme]
        }
        return {
            credential: credential_value
            for credential, credential_value in value_by_credential.items()
            if credential_value
        }

    @property
    def unset_credentials(self) -> list[str]:
        """The credentials for which `variables` names an environment variable that is not set."""
        return [
            credential
            for credential, environment_variable in self.variables.items()
            if not os.environ.get(environment_variable)
        ]

    @property
    def secret_variables(self) -> tuple[str, ...]:
        """The environment variables whose values no message may show."""
        return tuple(
            self.variable(credential) for credential in _VARIABLES_BY_SCHEME[self.scheme] if credential != "user"
        )


def bucket_fetch_options(bucket_options: ObjectStoreOptions) -> FetchOptions:
    """How exports are fetched from the bucket of `publish.object_store`, whose section was checked by itself."""
    endpoint = (
        bucket_options.endpoint
        if bucket_options.endpoint is None or "://" in bucket_options.endpoint
        else f"https://{bucket_options.endpoint}"
    )
    return FetchOptions.model_construct(
        url=f"{bucket_options.url}/landing", endpoint=endpoint, region=bucket_options.region
    )


def split_landing_pattern(path_pattern: str) -> tuple[str, str]:
    """The folder in the landing folder that `path_pattern` of a source fixes, and the pattern of files in it.

    Args:
        path_pattern: Such as `hr/people_*.csv`.

    Returns:
        Such as `hr` and `people_*.csv`; the folder is empty if the pattern is for the landing folder itself.
    """
    path_parts = PurePosixPath(path_pattern).parts
    folder_has_wildcard = [any(character in path_part for character in "*?[") for path_part in path_parts[:-1]]
    fixed_folder_count = folder_has_wildcard.index(True) if True in folder_has_wildcard else len(folder_has_wildcard)
    return "/".join(path_parts[:fixed_folder_count]), "/".join(path_parts[fixed_folder_count:])
