"""The encoding in which a text file is written, if it is neither UTF-8 nor UTF-16.

Belongs here: the guess by charset-normalizer, and why windows-1252 comes first.
Does not belong here: opening and transcoding files (`files`).
"""

import codecs
import re
from collections.abc import Iterable

# Encodings of one byte and of East Asia that exporting systems and spreadsheets write.
_CANDIDATES = (
    *("cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1257", "mac_roman", "cp850", "koi8_r"),
    *("cp932", "gb18030", "big5", "cp949"),
)
# This many bytes of lines with other letters than ASCII are enough to tell encodings apart.
MAX_SEARCHED_BYTES = 1 << 16
# The letters of windows-1252 that stand where windows-1254 has the Turkish ones; Icelandic has them beside á, í and æ.
_ICELANDIC_OR_TURKISH, _ICELANDIC = re.compile("[ðþýÐÞÝ]"), re.compile("[áíæÁÍÆ]")


def find_non_ascii_lines(chunks: Iterable[bytes]) -> bytes:
    """Return the lines that hold other bytes than ASCII, up to `MAX_SEARCHED_BYTES` bytes in all."""
    found_lines, found_byte_count, incomplete_line = [], 0, b""
    for chunk in chunks:
        unsearched_bytes = incomplete_line + chunk
        *complete_lines, incomplete_line = unsearched_bytes.split(b"\n")
        for line in () if unsearched_bytes.isascii() else complete_lines:
            if not line.isascii() and found_byte_count < MAX_SEARCHED_BYTES:
                found_lines.append(line)
                found_byte_count += len(line)
        if found_byte_count >= MAX_SEARCHED_BYTES:
            break
        incomplete_line = incomplete_line[-MAX_SEARCHED_BYTES:]
    return b"\n".join([*found_lines, b"" if incomplete_line.isascii() else incomplete_line])[:MAX_SEARCHED_BYTES]


def guess_encoding(encoded_lines: bytes) -> str | None:
    """Return the encoding of a text that is not UTF-8.

    Args:
        encoded_lines: Lines of the file with other bytes than ASCII.

    Returns:
        Name of the encoding; None if the text makes sense in none, or equal sense in several. Windows-1252 comes first:
        a text that makes sense in it often makes as much sense in windows-1250, while a text of another script or of
        Central Europe makes none.
    """
    import charset_normalizer  # slow to import, and most files are UTF-8

    encoding_matches = list(charset_normalizer.from_bytes(encoded_lines, cp_isolation=list(_CANDIDATES)))
    least_chaos = min((match.chaos for match in encoding_matches), default=1.0)
    clearest_matches = [match for match in encoding_matches if match.chaos == least_chaos]
    possible_encodings = [encoding for match in clearest_matches for encoding in match.could_be_from_charset]
    if "cp1252" in possible_encodings:
        return "cp1254" if _is_turkish(encoded_lines.decode("cp1252", "replace")) else "windows-1252"
    highest_coherence = max((match.coherence for match in clearest_matches), default=0.0)
    most_coherent_matches = [match for match in clearest_matches if match.coherence == highest_coherence]
    if len(most_coherent_matches) == 1:
        return codecs.lookup(most_coherent_matches[0].encoding).name
    # A few letters between signs make equal sense in many encodings; in windows-1252 they are the most frequent.
    windows_match = charset_normalizer.from_bytes(encoded_lines, cp_isolation=["cp1252"], threshold=1.0).best()
    return None if windows_match is None else "windows-1252"


def _is_turkish(text: str) -> bool:
    """Return whether a text that was decoded as windows-1252 is Turkish."""
    return len(set(_ICELANDIC_OR_TURKISH.findall(text))) > 1 and _ICELANDIC.search(text) is None
