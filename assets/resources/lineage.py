"""Column lineage of what a step made, in Dagster's own form.

The open-source UI draws no graph of it: there a column's description says what it is made of
(`assets.resources.metadata`).

Belongs here: the rendering of the declared lineage for one materialization.
Does not belong here: which column is made of which (`pipelines.contracts.lineage`).
"""

from collections.abc import Iterable, Iterator
from typing import Any

from dagster import AssetExecutionContext, AssetKey, MaterializeResult, TableColumnDep, TableColumnLineage

from assets.resources.metadata import table_contract
from pipelines.contracts.lineage import find_origins


def attach_lineage(results: Iterable[Any], context: AssetExecutionContext) -> Iterator[Any]:
    """The results of a step, each table's with the columns of its inputs that its columns are made of.

    Dagster takes lineage from materializations alone, not from definitions.
    """
    graph = context.assets_def.asset_deps
    for result in results:
        if isinstance(result, MaterializeResult) and result.asset_key is not None:
            inputs = sorted(key.to_user_string() for key in graph[result.asset_key])
            drawn = build_lineage(result.asset_key.to_user_string(), inputs)
            result = result._replace(metadata={**(result.metadata or {}), "dagster/column_lineage": drawn})
        yield result


def build_lineage(name: str, inputs: Iterable[str]) -> TableColumnLineage:
    """The declared lineage of a table that is made of these inputs."""
    origins = find_origins(table_contract(name), [table_contract(one) for one in inputs])
    return TableColumnLineage(
        {
            column: [TableColumnDep(asset_key=AssetKey(table), column_name=origin) for table, origin in found]
            for column, found in origins.items()
        }
    )
