"""An SFTP server as an origin; its host key must be known.

Belongs here: connecting to the server of a `fetch` section, and listing and reading its files.
Does not belong here: which files are fetched (`pipelines.ingest.fetching`).

The library is asynchronous: one event loop per connection runs while a method waits for the server.
"""

import asyncio
import stat
from collections.abc import Awaitable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import asyncssh

from pipelines.config.fetch import FetchOptions
from pipelines.ingest.origins.origin import (
    CHUNK_BYTES,
    FileUnreadable,
    OriginUnreadable,
    RemoteFile,
    check_file_count,
    failing_as,
    make_remote_file,
)

T = TypeVar("T")
_CONNECT_SECONDS, _REQUEST_SECONDS, _CLOSE_SECONDS = 10, 60, 5
_DEFAULT_PORT = 22
_KNOWN_HOSTS_ADVICE = "add its key to a file, and name the file under `known_hosts` of `fetch`"


@dataclass(frozen=True)
class SftpOrigin:
    """The files below a folder of an SFTP server. Links to files are read, linked folders are not entered.

    Attributes:
        runner: The event loop of the connection.
        client: The SFTP session.
        folder: The folder; relative to that of the login if it does not begin with `/`.
        options: The `fetch` section.
    """

    runner: asyncio.Runner
    client: asyncssh.SFTPClient
    folder: str
    options: FetchOptions

    def list_files(self, depth: int) -> list[RemoteFile]:
        """See `Origin`."""
        remote_files: list[RemoteFile] = []
        with self._failing_as(OriginUnreadable):
            try:
                self.runner.run(self._collect_files("", depth, remote_files))
            except asyncssh.SFTPNoSuchFile:
                raise OriginUnreadable(f"there is no folder {self.folder} on the server: correct `url`") from None
        return remote_files

    def describe(self, remote_name: str) -> RemoteFile | None:
        """See `Origin`."""
        with self._failing_as(OriginUnreadable), suppress(asyncssh.SFTPNoSuchFile):
            return self.runner.run(self._describe(remote_name))
        return None

    def read(self, remote_name: str) -> Generator[bytes]:
        """See `Origin`."""
        with self._failing_as(FileUnreadable):
            stream = self.runner.run(_limit_time(self.client.open(self._path(remote_name), "rb")))
            try:
                while chunk := self.runner.run(_limit_time(stream.read(CHUNK_BYTES))):
                    yield cast(bytes, chunk)  # the library types it as text
            finally:
                with suppress(asyncssh.Error, OSError, TimeoutError):
                    self.runner.run(_limit_time(stream.close()))

    def _failing_as(self, failure: type[OriginUnreadable] | type[FileUnreadable]) -> AbstractContextManager[None]:
        return failing_as(failure, f"{self.options.address.hostname} could not be read", self.options)

    def _path(self, remote_name: str) -> str:
        return f"{self.folder.rstrip('/')}/{remote_name}".rstrip("/") or "/"

    async def _collect_files(self, name_prefix: str, depth: int, remote_files: list[RemoteFile]) -> None:
        subfolders = []
        folder_entries = self.client.scandir(self._path(name_prefix))
        while (entry := await _limit_time(anext(folder_entries, None))) is not None:
            remote_name = f"{name_prefix}{entry.filename!s}"
            if str(entry.filename) in (".", ".."):
                continue
            if entry.attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY:
                subfolders.append(remote_name)
            elif entry.attrs.type == asyncssh.FILEXFER_TYPE_REGULAR:
                remote_files.append(_make_file(remote_name, entry.attrs))
            else:  # a link, or a server that states no type
                with suppress(asyncssh.SFTPNoSuchFile, asyncssh.SFTPPermissionDenied):
                    remote_files += [
                        remote_file for remote_file in [await self._describe(remote_name)] if remote_file is not None
                    ]
            check_file_count(len(remote_files))
        for remote_name in subfolders if depth > 1 else ():
            if not remote_name.rsplit("/", 1)[-1].startswith("."):
                await self._collect_files(f"{remote_name}/", depth - 1, remote_files)

    async def _describe(self, remote_name: str) -> RemoteFile | None:
        attributes = await _limit_time(self.client.stat(self._path(remote_name)))
        file_mode = attributes.permissions
        is_file = attributes.type == asyncssh.FILEXFER_TYPE_REGULAR or (
            file_mode is not None and stat.S_ISREG(file_mode)
        )
        return _make_file(remote_name, attributes) if is_file else None


@contextmanager
def open_sftp(options: FetchOptions) -> Iterator[SftpOrigin]:
    """Connect to the server of a `fetch` section.

    Raises:
        OriginUnreadable: The host key is not known, a credential is missing or refused, or nothing answers.
    """
    folder = options.address.path.removeprefix("/~/") or "/"  # /~/ is the folder of the login
    failure_sentence = f"{options.address.hostname} could not be read"
    with asyncio.Runner() as runner:
        with failing_as(OriginUnreadable, failure_sentence, options):
            connection = runner.run(_connect(options))
            client = runner.run(_limit_time(connection.start_sftp_client(path_errors="surrogateescape")))
        try:
            yield SftpOrigin(runner, client, folder, options)
        finally:
            connection.close()
            with suppress(asyncssh.Error, OSError, TimeoutError):
                runner.run(asyncio.wait_for(connection.wait_closed(), _CLOSE_SECONDS))


async def _connect(options: FetchOptions) -> asyncssh.SSHClientConnection:
    host, port = str(options.address.hostname), options.address.port or _DEFAULT_PORT
    credentials = options.read_credentials()
    user = options.address.username or credentials.get("user")
    if not user:
        raise OriginUnreadable(f"name the user: sftp://USER@{host}/…, or set {options.variable('user')}")
    if not {"password", "key"} & set(credentials):
        raise OriginUnreadable(f"set {options.variable('password')} or {options.variable('key')}")
    known_hosts = Path(options.known_hosts or "~/.ssh/known_hosts").expanduser()
    if not known_hosts.is_file():
        raise OriginUnreadable(f"{_KNOWN_HOSTS_ADVICE}: there is no file {known_hosts}")
    try:
        return await asyncssh.connect(
            host,
            port,
            username=user,
            password=credentials.get("password"),
            client_keys=_read_keys(credentials, options),
            known_hosts=str(known_hosts),
            # nothing from the machine of the person who starts a run: no ~/.ssh/config, no agent, no GSSAPI
            config=None,
            agent_path=None,
            preferred_auth=["publickey", "keyboard-interactive", "password"],
            connect_timeout=_CONNECT_SECONDS,
            login_timeout=2 * _CONNECT_SECONDS,
            keepalive_interval=_CONNECT_SECONDS,
        )
    except asyncssh.HostKeyNotVerifiable:
        host_keys, certificate_keys = asyncssh.match_known_hosts(str(known_hosts), host, "", port)[:2]
        mismatch_phrase = "is another one than" if host_keys or certificate_keys else "is not in"
        raise OriginUnreadable(
            f"the host key of {host} {mismatch_phrase} {known_hosts}: {_KNOWN_HOSTS_ADVICE} after its owner "
            "confirmed it"
        ) from None
    except asyncssh.PermissionDenied:
        used_variables = [
            options.variable(credential_name)
            for credential_name in ("key", "password")
            if credential_name in credentials
        ]
        raise OriginUnreadable(f"{host} refused the user and {' and '.join(used_variables)}") from None


def _read_keys(credentials: dict[str, str], options: FetchOptions) -> list[asyncssh.SSHKey] | None:
    """The private key: the content of its variable, or of the file that the variable names."""
    private_key, passphrase = credentials.get("key"), credentials.get("passphrase")
    if private_key is None:
        return None
    try:
        if private_key.lstrip().startswith("-----BEGIN"):
            return [asyncssh.import_private_key(private_key, passphrase)]
        return [asyncssh.read_private_key(Path(private_key).expanduser(), passphrase)]
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, OSError):  # its message may quote the key
        raise OriginUnreadable(
            f"{options.variable('key')} holds no private key and names no file with one, or "
            f"{options.variable('passphrase')} does not open it"
        ) from None


def _make_file(remote_name: str, attributes: asyncssh.SFTPAttrs) -> RemoteFile:
    return make_remote_file(remote_name, attributes.size, attributes.mtime)


async def _limit_time(operation: Awaitable[T]) -> T:
    return await asyncio.wait_for(operation, _REQUEST_SECONDS)
