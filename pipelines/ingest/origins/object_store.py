"""A bucket or container as an origin: S3 and what is compatible with it, Google Cloud Storage, Azure Blob Storage.

Belongs here: the stores of a `fetch` section, and listing and reading their objects.
Does not belong here: the bucket that the lake and the publication are copied to (`pipelines.publish.object_store`).
"""

import os
import socket
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import SplitResult, urlsplit

import pyarrow.fs as pafs

from pipelines.config.fetch import FetchOptions
from pipelines.ingest.origins.origin import (
    FileUnreadable,
    OriginUnreadable,
    RemoteFile,
    check_file_count,
    failing_as,
    make_remote_file,
)

_UNREAD_SENTENCE = "the store could not be read"
# each part is a request
_CHUNK_BYTES = 8 << 20
_CONNECT_SECONDS, _REQUEST_SECONDS, _ATTEMPTS = 10, 60, 3


@dataclass(frozen=True)
class ObjectStoreOrigin:
    """The objects below a folder of a bucket.

    Attributes:
        store: File system of pyarrow.
        bucket: Name of the bucket or container.
        folder: Bucket and folder.
        options: The `fetch` section.
    """

    store: Any
    bucket: str
    folder: str
    options: FetchOptions

    def list_files(self, depth: int) -> list[RemoteFile]:
        """See `Origin`."""
        selector = pafs.FileSelector(self.folder, recursive=depth > 1, allow_not_found=True)
        with failing_as(OriginUnreadable, _UNREAD_SENTENCE, self.options):
            file_infos = [
                file_info for file_info in self.store.get_file_info(selector) if file_info.type == pafs.FileType.File
            ]
            # a folder without objects does not exist: only a bucket can be missing
            if not file_infos and self.store.get_file_info(self.bucket).type == pafs.FileType.NotFound:
                raise OriginUnreadable(f"there is no bucket {self.bucket}: correct `url`")
        check_file_count(len(file_infos))
        return [_describe_object(file_info, file_info.path.removeprefix(f"{self.folder}/")) for file_info in file_infos]

    def describe(self, remote_name: str) -> RemoteFile | None:
        """See `Origin`."""
        with failing_as(OriginUnreadable, _UNREAD_SENTENCE, self.options):
            file_info = self.store.get_file_info(f"{self.folder}/{remote_name}")
        return _describe_object(file_info, remote_name) if file_info.type == pafs.FileType.File else None

    def read(self, remote_name: str) -> Generator[bytes]:
        """See `Origin`."""
        with (
            failing_as(FileUnreadable, _UNREAD_SENTENCE, self.options),
            self.store.open_input_stream(f"{self.folder}/{remote_name}") as stream,
        ):
            while chunk := stream.read(_CHUNK_BYTES):
                yield bytes(chunk)


@contextmanager
def open_object_store(options: FetchOptions) -> Iterator[ObjectStoreOrigin]:
    """Connect to the store of a `fetch` section.

    Raises:
        OriginUnreadable: The store cannot be reached, or its credentials have no valid form.
    """
    address = options.address
    bucket = address.username if options.scheme == "abfss" else address.netloc
    with failing_as(OriginUnreadable, _UNREAD_SENTENCE, options):
        store = _STORES[options.scheme](options, address)
    yield ObjectStoreOrigin(store, str(bucket), f"{bucket}{address.path}".rstrip("/"), options)


def _open_s3(options: FetchOptions, _: SplitResult) -> Any:
    endpoint = urlsplit(options.endpoint or "")
    credentials = options.read_credentials()
    has_keys = {"access_key", "secret_key"} <= set(credentials)
    return pafs.S3FileSystem(
        # otherwise the chain of Amazon's library: profile, web identity, role of the machine
        **(credentials if has_keys else {}),
        region=options.region,
        endpoint_override=endpoint.netloc or None,
        scheme=endpoint.scheme or "https",
        connect_timeout=_CONNECT_SECONDS,
        request_timeout=_REQUEST_SECONDS,
        retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=_ATTEMPTS),
    )


def _open_gcs(options: FetchOptions, _: SplitResult) -> Any:
    endpoint = urlsplit(options.endpoint or "https://storage.googleapis.com")
    _check_reachable(endpoint)
    return pafs.GcsFileSystem(
        endpoint_override=endpoint.netloc if options.endpoint else None,
        scheme=endpoint.scheme,
        anonymous=endpoint.scheme == "http",  # an emulator: no credential goes over an open connection
        retry_time_limit=timedelta(seconds=_CONNECT_SECONDS),
    )


def _open_azure(options: FetchOptions, address: SplitResult) -> Any:
    account_name, _, account_domain = str(address.hostname).partition(".dfs.")
    endpoint = urlsplit(options.endpoint or f"https://{account_name}.blob.{account_domain}")
    _check_reachable(endpoint)
    credentials = options.read_credentials()
    # a key or a signature stands for the whole account; otherwise the credentials of Entra ID
    credentials = next(
        (
            {credential_name: credentials[credential_name]}
            for credential_name in ("account_key", "sas_token")
            if credential_name in credentials
        ),
        credentials,
    )
    return pafs.AzureFileSystem(
        account_name,
        **credentials,
        blob_storage_authority=endpoint.netloc if options.endpoint else f".blob.{account_domain}",
        dfs_storage_authority=endpoint.netloc if options.endpoint else f".dfs.{account_domain}",
        blob_storage_scheme=endpoint.scheme,
        dfs_storage_scheme=endpoint.scheme,
    )


_STORES = {"s3": _open_s3, "gs": _open_gcs, "abfss": _open_azure}


def _check_reachable(endpoint: SplitResult) -> None:
    """Fail at once if nothing answers: the libraries of Google and Microsoft would try for many minutes."""
    if any(
        os.environ.get(proxy_variable) for proxy_variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
    ):
        return  # only the proxy may be reachable
    port = endpoint.port or {"http": 80}.get(endpoint.scheme, 443)
    socket.create_connection((str(endpoint.hostname), port), timeout=_CONNECT_SECONDS).close()


def _describe_object(file_info: Any, remote_name: str) -> RemoteFile:
    return make_remote_file(
        remote_name, file_info.size, None if file_info.mtime_ns is None else file_info.mtime_ns / 1e9
    )
