"""The receipt of a deletion: what was removed where, signed.

Belongs here: the document, its signature and the check of it.
Does not belong here: the deletion (`erasure`, `retention`).

A receipt names nobody: it holds a keyed hash of the erased people's identities, so that who has the key can show to
whom it belongs.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from pipelines.storage.atomic_write import write_text_atomically

_SIGNATURE = "signature"


@dataclass(frozen=True)
class Receipt:
    """What a deletion removed.

    Attributes:
        reason: `erasure` or `retention`.
        subject: The keyed hash of the erased people's identities; empty for retention.
        deleted_at: When it was complete, in UTC.
        counts: Rows, files, events, pages or bundles removed, by place.
        remaining: Files in which a search by content still found a value, relative to the data root.
        beyond: Files outside the data root that held the person: their owner deletes them.
    """

    reason: str
    subject: str
    deleted_at: str
    counts: Mapping[str, int] = field(default_factory=dict)
    remaining: tuple[str, ...] = ()
    beyond: tuple[str, ...] = ()


def write_receipt(folder: Path, receipt: Receipt, key: str) -> Path:
    """Write a signed receipt as JSON.

    Args:
        folder: The folder of receipts.
        receipt: The receipt.
        key: The key of the signature, an HMAC with SHA-256.

    Returns:
        The file.
    """
    document = asdict(receipt)
    path = folder / f"{receipt.deleted_at.replace(':', '')}-{receipt.reason}-{receipt.subject[:12] or 'all'}.json"
    write_text_atomically(path, json.dumps({**document, _SIGNATURE: _sign(document, key)}, indent=1) + "\n")
    return path


def verify_receipt(path: Path, key: str) -> bool:
    """Whether a receipt was signed with this key and not changed since.

    Args:
        path: The file.
        key: The key of the signature.
    """
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    signature = document.pop(_SIGNATURE, "")
    return hmac.compare_digest(signature, _sign(document, key))


def _sign(document: Mapping[str, Any], key: str) -> str:
    canonical_text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.digest(key.encode(), f"receipt\0{canonical_text}".encode(), "sha256").hex()
