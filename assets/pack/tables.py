"""The tables of the pack, made of contracts, configuration and the card of the model in use.

Belongs here: one function per table, by the name under which a section asks for it.
Does not belong here: statements (`assets.pack.documents`), figures of an audit (`audit_figures`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from assets.pack.places import list_contracts
from ml.registry.model_card import ModelCard
from pipelines.config.company import Config
from pipelines.contracts.classification import DataClass
from pipelines.contracts.output_tables import PUBLISHED_TABLES
from pipelines.contracts.personal_columns import classify_columns, has_personal_data
from pipelines.contracts.table import Table

NO_MODEL = "No model is trained yet."
_PERSONAL_CLASSES = (DataClass.IDENTIFIER, DataClass.PERSONAL, DataClass.INFERENCE)


@dataclass(frozen=True)
class PublishedState:
    """What the pack says of the newest run.

    Attributes:
        snapshot_id: The current snapshot; None if nothing is published.
        as_of: Its day.
        model_version: The model in use; None if there is none.
        card: Its card.
    """

    snapshot_id: str | None = None
    as_of: str | None = None
    model_version: str | None = None
    card: ModelCard | None = None


def build_tables(config: Config, published: PublishedState, audit_table: str) -> dict[str, str]:
    """Every table as Markdown, by its name.

    Args:
        config: The company's footsteps.yaml.
        published: What is published.
        audit_table: The newest audit as Markdown.
    """
    return {
        "processing": _render_processing(list_contracts().values()),
        "sources": _render_sources(config),
        "recipients": _render_recipients(config),
        "inferences": _render_inferences(),
        "features": _render_features(published.card),
        "versions": _render_versions(config, published),
        "audit": audit_table,
    }


def _render_processing(contracts: Iterable[Table]) -> str:
    rows = []
    for table in contracts:
        if not has_personal_data(table):
            continue
        names_by_class: dict[DataClass, list[str]] = {data_class: [] for data_class in _PERSONAL_CLASSES}
        for column_name, data_class in classify_columns(table).items():
            if data_class in names_by_class:
                names_by_class[data_class].append(column_name)
        class_text = "; ".join(
            f"{data_class}: {', '.join(column_names)}"
            for data_class, column_names in names_by_class.items()
            if column_names
        )
        rows.append(
            (f"`{table.name}`", table.description, class_text, ", ".join(table.readers), _describe_period(table))
        )
    return _render_rows(("contract", "one row", "data about people", "readers", "kept"), rows)


def _describe_period(table: Table) -> str:
    if table.retention_days is None:
        return "no period of its own"
    if table.retention_column:
        return f"{table.retention_days:,} days from `{table.retention_column}`"
    return (
        f"{table.retention_days:,} days, with its snapshot"
        if table.layer == "out"
        else f"{table.retention_days:,} days"
    )


def _render_sources(config: Config) -> str:
    rows = [
        (f"`{source.name}`", source.system, str(source.shape or ""), source.delivery, f"`{source.path}`")
        for source in config.sources
    ]
    return _render_rows(("source", "system", "content", "delivery", "files"), rows)


def _render_recipients(config: Config) -> str:
    publish_options = config.publish
    target_names = {
        "Parquet files": True,
        "Delta Lake": publish_options.delta,
        "DuckDB": publish_options.duckdb,
        "change feed": publish_options.feed,
        "static site": publish_options.site,
        "PostgreSQL": publish_options.postgresql is not None,
        "bucket": publish_options.object_store is not None,
        "webhook": publish_options.webhook is not None,
        "web application": config.serve is not None,
    }
    switched_on = ", ".join(target_name for target_name, is_on in target_names.items() if is_on)
    rows = [(f"`{table.name}`", table.description, ", ".join(table.readers)) for table in PUBLISHED_TABLES]
    return f"Published as: {switched_on}.\n\n" + _render_rows(("published table", "one row", "readers"), rows)


def _render_inferences() -> str:
    rows = [
        (f"`{table.name}`", f"`{column.name}`", column.description)
        for table in PUBLISHED_TABLES
        for column in table.columns
        if classify_columns(table)[column.name] is DataClass.INFERENCE
    ]
    return _render_rows(("published table", "column", "what it says about a person"), rows)


def _render_features(card: ModelCard | None) -> str:
    if card is None:
        return NO_MODEL
    names_by_family: dict[str, list[str]] = {}
    for feature in card.features:
        names_by_family.setdefault(feature.family, []).append(f"`{feature.name}`")
    rows = [(family, ", ".join(feature_names)) for family, feature_names in sorted(names_by_family.items())]
    return "What the model in use sees:\n\n" + _render_rows(("family", "features"), rows)


def _render_versions(config: Config, published: PublishedState) -> str:
    rows = [
        ("footsteps", find_product_version()),
        ("policy", config.policy.version),
        ("snapshot", published.snapshot_id or "nothing is published yet"),
        ("day of the data", published.as_of or "–"),
        ("model in use", published.model_version or NO_MODEL),
        *sorted((published.card.versions if published.card else {}).items()),
    ]
    return _render_rows(("part", "version"), rows)


def find_product_version() -> str:
    """The version of the installed package; `checkout` if it is not installed."""
    try:
        return version("footsteps")
    except PackageNotFoundError:
        return "checkout"


def _render_rows(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(headings)} |", f"|{'---|' * len(headings)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines)
