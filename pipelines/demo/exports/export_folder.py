"""A folder of exports that is written piece by piece, with a count of rows per file.

Belongs here: opening, appending, closing, counting.
Does not belong here: what stands in the files.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import polars as pl

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass
class ExportFolder:
    """Where exports go. The first piece of a file replaces what an earlier run left; later pieces are appended."""

    root: Path
    rows: Counter[str] = field(default_factory=Counter)

    def append_csv(
        self,
        file: str,
        frame: pl.DataFrame,
        *,
        header: Sequence[str] | None = None,
        byte_order_mark: bool = False,
        line_terminator: Literal["\n", "\r\n"] = "\n",
    ) -> None:
        """Append rows to a CSV file; the first piece brings the header, which may repeat names that a frame can't."""
        path = self.root / file
        begins = file not in self.rows
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb" if begins else "ab") as stream:
            if begins:
                names = frame.columns if header is None else header
                stream.write(BYTE_ORDER_MARK if byte_order_mark else b"")
                stream.write((",".join(names) + line_terminator).encode())
            # An empty cell stands bare, as vendors write it, not as a pair of quotes.
            bare = frame.with_columns(pl.when(pl.col(pl.String) != "").then(pl.col(pl.String)).name.keep())
            bare.write_csv(stream, include_header=False, line_terminator=line_terminator)
        self.rows[file] += frame.height

    def append_lines(self, file: str, lines: pl.Series) -> None:
        """Append text lines to a file."""
        path = self.root / file
        begins = file not in self.rows
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb" if begins else "ab") as stream:
            lines.to_frame().write_csv(stream, include_header=False, quote_style="never")
        self.rows[file] += lines.len()
