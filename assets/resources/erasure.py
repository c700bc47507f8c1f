"""Erasure in a run: whom exports must not bring back, and landing copies that hold erased people.

Belongs here: what a run does about erased people.
Does not belong here: the list and the deletion (`pipelines.privacy`), the command (`assets.cli.erase`).
"""

from collections.abc import Callable

from assets.resources.pipeline import PipelineResource
from pipelines.config.company import SourceConfig
from pipelines.privacy.erasure import open_list
from pipelines.privacy.erasure_places import delete_landing_copies as delete_copies
from pipelines.privacy.suppression import Suppression
from pipelines.sources.adapter import Export


def suppress_erased(pipeline: PipelineResource) -> Callable[[SourceConfig, Export], Export]:
    """How exports are landed without the records of erased people.

    Args:
        pipeline: The pipeline of the run.

    Raises:
        ErasureUnavailable: The list of erased people or its key is missing.
    """
    erased_people = open_list(pipeline.data_stores)
    if erased_people is None or not erased_people.people:
        return lambda _, export: export
    return lambda source, export: Suppression.of_source(erased_people, source).apply(export)


def delete_landing_copies(pipeline: PipelineResource, sources: list[SourceConfig]) -> int:
    """Delete the landing copies of files of sources that held records of erased people; return their number.

    Files of people's answers lose these records only.

    Args:
        pipeline: The pipeline of the run.
        sources: The sources.

    Raises:
        ErasureUnavailable: The list of erased people or its key is missing.
    """
    erased_people = open_list(pipeline.data_stores)
    if erased_people is None or not erased_people.people:
        return 0
    return delete_copies(pipeline.data_stores, sources, erased_people)
