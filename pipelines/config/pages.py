"""The section `publish.pages` of footsteps.yaml: the language of the pages and the company's words for the stages.

Belongs here: the form of the section.
Does not belong here: texts in a language (`pipelines.publish.site.language`).
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

StageWord = Annotated[str, Field(min_length=1, max_length=40)]


class StageWords(BaseModel):
    """The company's own words for the stages; the words of the page's language if None."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    apprentice: StageWord | None = None
    journeyman: StageWord | None = None
    master: StageWord | None = None


class PageOptions(BaseModel):
    """The language of the pages and the words for the stages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    language: Literal["en", "de", "fr", "es"] = "en"
    stage_words: StageWords = StageWords()
