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
_CHANGING_PART = re.compile(r"\d{4,}(?:[-_.:T ]?\d+)*Z?")


def choose_patterns(
    folder: Path, source_paths: Collection[str], other_paths: Collection[str]
) -> dict[str, tuple[str, ...]]:
    """Choose the patterns of a source's files.

    Args:
        folder: The folder of the exports.
        source_paths: Paths of the files, relative to the folder.
        other_paths: Paths that no pattern may select.

    Returns:
        The paths that each pattern selects; together they are the paths given. Dates and long numbers in a name become
        `*`, so that the next delivery is selected as well.
    """
    remaining_paths = sorted(set(source_paths))
    paths_by_pattern: dict[str, tuple[str, ...]] = {}
    while remaining_paths:
        pattern, selected_paths = next(
            (pattern, selected_paths)
            for path_group in _list_path_groups(remaining_paths)
            for pattern in _list_candidate_patterns(path_group)
            if (selected_paths := _select_paths(folder, pattern))
            and selected_paths >= set(path_group)
            and _is_exact(selected_paths, source_paths, other_paths)
        )
        paths_by_pattern[pattern] = tuple(path for path in remaining_paths if path in selected_paths)
        remaining_paths = [path for path in remaining_paths if path not in selected_paths]
    return paths_by_pattern


def make_source_name(source_label: str, taken_names: Collection[str]) -> str:
    """Make the name of a source: lower case letters, digits and underscores, different from all taken names."""
    ascii_label = (
        unicodedata.normalize("NFKD", _CHANGING_PART.sub(" ", source_label)).encode("ascii", "ignore").decode()
    )
    base_name = re.sub(r"[^a-z0-9]+", "_", ascii_label.lower()).strip("_")
    base_name = base_name if base_name[:1].isalpha() else f"source_{base_name}".rstrip("_")
    return next(candidate_name for candidate_name in _number_names(base_name) if candidate_name not in taken_names)


def _number_names(base_name: str) -> Iterator[str]:
    yield base_name
    suffix_number = 2
    while True:
        yield f"{base_name}_{suffix_number}"
        suffix_number += 1


def _list_path_groups(paths: list[str]) -> Iterator[list[str]]:
    """Yield all paths, those of the first path's folder, those that differ from it in numbers alone, and itself."""
    first_path = PurePosixPath(paths[0])
    yield paths
    yield [path for path in paths if PurePosixPath(path).parent == first_path.parent]
    yield [path for path in paths if generalise_path(path) == generalise_path(paths[0])]
    yield paths[:1]


def _list_candidate_patterns(paths: list[str]) -> Iterator[str]:
    """Yield patterns that select all of the paths, the narrowest first; at last the path itself."""
    pure_paths = [PurePosixPath(path) for path in paths]
    generalised_paths = {generalise_path(path) for path in paths}
    if len(generalised_paths) == 1:
        yield generalised_paths.pop()
    parent_folders = {str(pure_path.parent) for pure_path in pure_paths}
    file_names = [pure_path.name for pure_path in pure_paths]
    if len(paths) > 1:
        common_prefix = _find_common_start(file_names).rstrip("0123456789")
        reversed_endings = [file_name[len(common_prefix) :][::-1] for file_name in file_names]
        common_suffix = _find_common_start(reversed_endings)[::-1].lstrip("0123456789")
        have_same_name = len(set(file_names)) == 1
        file_name_pattern = generalise_path(file_names[0] if have_same_name else f"{common_prefix}0000{common_suffix}")
        if len(parent_folders) == 1:
            yield str(PurePosixPath(escape(parent_folders.pop())) / file_name_pattern)
        elif common_prefix or common_suffix:
            yield f"**/{file_name_pattern}"
    yield escape(paths[0])


def generalise_path(path: str) -> str:
    """Return the pattern of a path: `*` in place of dates and long numbers."""
    pattern_parts, last_match_end = [], 0
    for changing_part in _CHANGING_PART.finditer(path):
        pattern_parts += [escape(path[last_match_end : changing_part.start()]), "*"]
        last_match_end = changing_part.end()
    return re.sub(r"\*+", "*", "".join([*pattern_parts, escape(path[last_match_end:])]))


def _find_common_start(file_names: Sequence[str]) -> str:
    """Return the characters with which all names begin."""
    lowest_file_name, highest_file_name = min(file_names), max(file_names)
    return lowest_file_name[
        : next(
            (
                letter_index
                for letter_index, letter_pair in enumerate(zip(lowest_file_name, highest_file_name, strict=False))
                if letter_pair[0] != letter_pair[1]
            ),
            len(lowest_file_name),
        )
    ]


def _select_paths(folder: Path, pattern: str) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in list_landing_files(folder, pattern)}


def _is_exact(selected_paths: set[str], source_paths: Iterable[str], other_paths: Collection[str]) -> bool:
    return selected_paths <= set(source_paths) and not selected_paths & set(other_paths)
