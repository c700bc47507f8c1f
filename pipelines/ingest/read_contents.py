"""Which files of a source a run has read already, by their content.

Belongs here: what the ledger says of a content before the file is read.
Does not belong here: reading the file and writing the ledger (`pipelines.ingest.landing`).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from pipelines.config.company import SourceConfig
from pipelines.ingest.deliveries import ARRIVAL_STATUSES, is_full_delivery


@dataclass(frozen=True)
class ReadContents:
    """The contents of one source in the ledger.

    Attributes:
        read_hashes: The contents that were landed or refused under the present mapping.
        full_export_hashes: Those that were landed as full exports.
        last_hash_by_file_name: Content of the last file that was not refused, by file name, under any mapping.
    """

    read_hashes: frozenset[str]
    full_export_hashes: frozenset[str]
    last_hash_by_file_name: Mapping[str, str]

    def includes(self, file_name: str, sha256: str) -> bool:
        """Whether landing the file would change nothing.

        Its content was read before under the present mapping and, if it is a full export, no file of this name with
        another content came after it: a full export that returns to an earlier content, such as one that undoes a
        mistake, is read again.
        """
        return sha256 in self.read_hashes and not (
            sha256 in self.full_export_hashes and self.has_returned(file_name, sha256)
        )

    def has_returned(self, file_name: str, sha256: str) -> bool:
        """Whether the last file of this name had another content."""
        return self.last_hash_by_file_name.get(file_name, sha256) != sha256


def find_read_contents(ledger: pl.DataFrame, source: SourceConfig) -> ReadContents:
    """Find what a source has delivered already.

    Args:
        ledger: Rows of `DELIVERY` in the order of delivery.
        source: The source.

    Returns:
        Its contents.
    """
    deliveries = ledger.filter(source_name=source.name)
    same_mapping_deliveries = deliveries.filter(mapping_code=source.mapping_code)
    full_exports = same_mapping_deliveries.filter(is_full_delivery(source), delivery_status="landed")
    arrivals = deliveries.filter(pl.col("delivery_status").is_in(ARRIVAL_STATUSES)).select("file_name", "file_sha256")
    return ReadContents(
        frozenset(same_mapping_deliveries["file_sha256"]),
        frozenset(full_exports["file_sha256"]),
        dict(arrivals.iter_rows()),
    )
