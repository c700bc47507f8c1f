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


def write_receipt(receipts_folder: Path, receipt: Receipt, signing_key: str) -> Path:
    """Write a signed receipt as JSON.

    Args:
        receipts_folder: The folder of receipts.
        receipt: The receipt.
        signing_key: The key of the signature, an HMAC with SHA-256.

    Returns:
        The file.
    """
    receipt_document = asdict(receipt)
    receipt_path = (
        receipts_folder / f"{receipt.deleted_at.replace(':', '')}-{receipt.reason}-{receipt.subject[:12] or 'all'}.json"
    )
    write_text_atomically(
        receipt_path,
        json.dumps({**receipt_document, _SIGNATURE: _sign(receipt_document, signing_key)}, indent=1) + "\n",
    )
    return receipt_path


def verify_receipt(receipt_path: Path, signing_key: str) -> bool:
    """Whether a receipt was signed with this key and not changed since.

    Args:
        receipt_path: The file.
        signing_key: The key of the signature.
    """
    receipt_document: dict[str, Any] = json.loads(receipt_path.read_text(encoding="utf-8"))
    signature = receipt_document.pop(_SIGNATURE, "")
    return hmac.compare_digest(signature, _sign(receipt_document, signing_key))


def _sign(receipt_document: Mapping[str, Any], signing_key: str) -> str:
    canonical_text = json.dumps(receipt_document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hmac.digest(signing_key.encode(), f"receipt\0{canonical_text}".encode(), "sha256").hex()
