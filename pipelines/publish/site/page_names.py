"""The address of each person's page: a folder whose name nobody can guess, and which changes on request.

Belongs here: the key of the data root, and the names that follow from it.
Does not belong here: what is in the folders (`page_writer`).

A name is an HMAC of the person_id and of how often the person asked for a new one. Without the key, which lies in a
private file of the data root, nobody can compute the name of anybody.
"""

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field, replace
from pathlib import Path

from pipelines.storage.atomic_write import write_text_atomically

_KEY_FILE = "page_names.json"
_KEY_BYTES, _NAME_LENGTH = 32, 32


@dataclass(frozen=True)
class PageNames:
    """The names of people's folders.

    Attributes:
        key: The secret of the data root.
        renewal_counts: By person_id: how often the person got a new name.
    """

    key: bytes = field(repr=False)
    renewal_counts: dict[str, int] = field(default_factory=dict, repr=False)

    def folder_of(self, person_id: str) -> str:
        """The name of a person's folder, 32 hexadecimal digits."""
        hashed_text = json.dumps([person_id, self.renewal_counts.get(person_id, 0)])
        return hmac.new(self.key, hashed_text.encode(), hashlib.sha256).hexdigest()[:_NAME_LENGTH]

    def renew(self, person_id: str) -> "PageNames":
        """The same names, and a new one for a person."""
        renewal_count = self.renewal_counts.get(person_id, 0) + 1
        return replace(self, renewal_counts={**self.renewal_counts, person_id: renewal_count})


def read_page_names(root: Path) -> PageNames:
    """Read the names of a data root; without a key, one is made.

    Args:
        root: The data root.
    """
    if not (root / _KEY_FILE).is_file():
        write_page_names(root, PageNames(secrets.token_bytes(_KEY_BYTES)))
    stored_document = json.loads((root / _KEY_FILE).read_text())
    return PageNames(bytes.fromhex(stored_document["key"]), stored_document["renewal_counts"])


def write_page_names(root: Path, page_names: PageNames) -> None:
    """Write the key and the renewals; only the owner of the data root may read the file.

    Args:
        root: The data root.
        page_names: The key and the renewals of addresses.
    """
    stored_document = {"key": page_names.key.hex(), "renewal_counts": page_names.renewal_counts}
    write_text_atomically(root / _KEY_FILE, json.dumps(stored_document))
    (root / _KEY_FILE).chmod(0o600)
