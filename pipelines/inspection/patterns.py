"""Patterns of paths: as few as possible that select exactly the files of one source, now and after the next delivery.

Belongs here: patterns and names of sources.
Does not belong here: which files belong together (`grouping`), how a run lists files (`pipelines.ingest.landing`).
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from glob import escape
from pathlib import Path, PurePosixPath

from pipelines.ingest.landing import list_landing_files

# A date, a time or a running number of four digits or more, with the signs inside it.
_CHANGING = re.compile(r"\d{4,}(?:[-_.:T ]?\d+)*Z?")


def choose_patterns(folder: Path, paths: Collection[str], others: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Choose the patterns of a source's files.

    Args:
        folder: The folder of the exports.
        paths: Paths of the files, relative to the folder.
        others: Paths that no pattern may select.

    Returns:
        The paths that each pattern selects; together they are the paths given. Dates and long numbers in a name become
        `*`, so that the next delivery is selected as well.
    """
    remaining = sorted(set(paths))
    chosen: dict[str, tuple[str, ...]] = {}
    while remaining:
        pattern, selected = next(
            (pattern, selected)
            for group in _groups(remaining)
            for pattern in _candidates(group)
            if (selected := _select(folder, pattern)) and selected >= set(group) and _is_exact(selected, paths, others)
        )
        chosen[pattern] = tuple(path for path in remaining if path in selected)
        remaining = [path for path in remaining if path not in selected]
    return chosen


def source_name(text: str, taken: Collection[str]) -> str:
    """Make the name of a source: lower case letters, digits and underscores, unlike every taken name."""
    letters = unicodedata.normalize("NFKD", _CHANGING.sub(" ", text)).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", letters.lower()).strip("_")
    name = name if name[:1].isalpha() else f"source_{name}".rstrip("_")
    return next(candidate for candidate in _numbered(name) if candidate not in taken)


def _numbered(name: str) -> Iterator[str]:
    yield name
    number = 2
    while True:
        yield f"{name}_{number}"
        number += 1


def _groups(paths: list[str]) -> Iterator[list[str]]:
    """Yield all paths, those of the first path's folder, those that differ from it in numbers alone, and itself."""
    first = PurePosixPath(paths[0])
    yield paths
    yield [path for path in paths if PurePosixPath(path).parent == first.parent]
    yield [path for path in paths if generalise_path(path) == generalise_path(paths[0])]
    yield paths[:1]


def _candidates(paths: list[str]) -> Iterator[str]:
    """Yield patterns that select all of the paths, the narrowest first; at last the path itself."""
    parts = [PurePosixPath(path) for path in paths]
    generalised = {generalise_path(path) for path in paths}
    if len(generalised) == 1:
        yield generalised.pop()
    parents = {str(part.parent) for part in parts}
    names = [part.name for part in parts]
    if len(paths) > 1:
        prefix = _common_start(names).rstrip("0123456789")
        suffix = _common_start([name[len(prefix) :][::-1] for name in names])[::-1].lstrip("0123456789")
        is_same_name = len(set(names)) == 1
        pattern = generalise_path(names[0] if is_same_name else f"{prefix}0000{suffix}")
        if len(parents) == 1:
            yield str(PurePosixPath(escape(parents.pop())) / pattern)
        elif prefix or suffix:
            yield f"**/{pattern}"
    yield escape(paths[0])


def generalise_path(path: str) -> str:
    """Return the pattern of a path: `*` in place of dates and long numbers."""
    parts, end = [], 0
    for match in _CHANGING.finditer(path):
        parts += [escape(path[end : match.start()]), "*"]
        end = match.end()
    return re.sub(r"\*+", "*", "".join([*parts, escape(path[end:])]))


def _common_start(names: Sequence[str]) -> str:
    """Return the characters with which all names begin."""
    first, last = min(names), max(names)
    return first[: next((i for i, pair in enumerate(zip(first, last, strict=False)) if pair[0] != pair[1]), len(first))]


def _select(folder: Path, pattern: str) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in list_landing_files(folder, pattern)}


def _is_exact(selected: set[str], paths: Iterable[str], others: Collection[str]) -> bool:
    return selected <= set(paths) and not selected & set(others)
