"""A vocabulary: the words of one standard, what each of them proves, and the specification that says so.

Belongs here: the class, and how several vocabularies become the transform of a field.
Does not belong here: the words themselves (one module per standard, or the adapter of the only system that has them).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pipelines.sources.casts.transform import Transform, TransformKind


@dataclass(frozen=True)
class Vocabulary:
    """The words of one standard.

    A word that stands in neither table is unknown: it proves nothing either, and is counted under its own name.

    Attributes:
        source: Specification or documentation, with version and section.
        proves: Canonical word per word of the standard.
        proves_nothing: Why a word of the standard is passed over, per word: it is known and shows neither practice nor
            assessment.
        is_partial: Whether the other words of the standard are left out as they say nothing; they are not unknown.
    """

    source: str
    proves: Mapping[str, str]
    proves_nothing: Mapping[str, str] = field(default_factory=dict)
    is_partial: bool = False

    def __post_init__(self) -> None:
        """Refuse a vocabulary without a source, and a word that both proves something and nothing."""
        if not self.source.strip():
            raise ValueError("a vocabulary needs its specification")
        if contradicting_words := {word.lower() for word in self.proves} & {
            word.lower() for word in self.proves_nothing
        }:
            raise ValueError(f"{sorted(contradicting_words)} both prove something and nothing")


def merge_vocabularies(*vocabularies: Vocabulary) -> Vocabulary:
    """Return one vocabulary with the words of several.

    Raises:
        ValueError: If one word has two meanings.
    """
    meaning_by_word: dict[str, str] = {}
    reason_by_word: dict[str, str] = {}
    for vocabulary in vocabularies:
        for word, meaning in vocabulary.proves.items():
            if meaning_by_word.setdefault(word, meaning) != meaning:
                raise ValueError(f"{word} proves {meaning_by_word[word]} and {meaning}")
        reason_by_word |= vocabulary.proves_nothing
    return Vocabulary("; ".join(vocabulary.source for vocabulary in vocabularies), meaning_by_word, reason_by_word)


def as_transform(vocabulary: Vocabulary, kind: TransformKind = "category") -> Transform:
    """Return the transform that reads the words of a vocabulary; any other text stays unread."""
    ignored_words = tuple(vocabulary.proves_nothing)
    return Transform(
        kind,
        vocabulary.proves,
        source=vocabulary.source,
        meaningless_words=ignored_words,
        is_partial=vocabulary.is_partial,
    )


def with_reason(reason: str, words: Iterable[str], prefix: str = "") -> dict[str, str]:
    """Return the same reason for several words, which share a prefix."""
    return {f"{prefix}{word}": reason for word in words}
