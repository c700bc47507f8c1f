"""The connection to the origin of a `fetch` section.

Belongs here: which kind of origin an address is.
Does not belong here: the kinds (`folder`, `object_store`, `sftp`).
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from pipelines.config.fetch import FetchOptions
from pipelines.ingest.origins.folder import open_folder
from pipelines.ingest.origins.origin import Origin, OriginUnreadable


@contextmanager
def open_origin(options: FetchOptions) -> Iterator[Origin]:
    """Connect to an origin.

    Args:
        options: The `fetch` section.

    Raises:
        OriginUnreadable: It cannot be reached, or a variable that the section names is not set.
    """
    if unset_variables := options.unset_credentials:
        # not by its name: somebody may have written the credential itself there
        instruction = "set the environment variable that `variables` of `fetch` names for"
        raise OriginUnreadable(f"{instruction} {' and '.join(unset_variables)}")
    with _connect(options) as origin:
        yield origin


def _connect(options: FetchOptions) -> AbstractContextManager[Origin]:
    if options.scheme == "folder":
        return open_folder(options)
    if options.scheme == "sftp":
        # the imports take a second each: only if such an origin is opened
        from pipelines.ingest.origins.sftp import open_sftp

        return open_sftp(options)
    from pipelines.ingest.origins.object_store import open_object_store

    return open_object_store(options)
