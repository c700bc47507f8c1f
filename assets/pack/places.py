"""Places of the product that make a statement true: how each is named, looked up and fingerprinted.

Belongs here: the kinds of places, what is found there, and the error for a place that is gone.
Does not belong here: statements (`assets.pack.documents`), the recorded fingerprints (`places.json`).
"""

import hashlib
import importlib
import inspect
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, get_args

from pydantic import BaseModel

from assets.pack.tests_of_checkout import read_test
from pipelines.config.company import Config
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, quarantine_table, raw_table
from pipelines.contracts.catalog import STORED_TABLES
from pipelines.contracts.personal_columns import classify_columns
from pipelines.contracts.policy import RecommendationPolicy, TrainingPolicy
from pipelines.contracts.table import Table

PlaceKind = Literal["table", "column", "rule", "policy", "training", "config", "command", "code", "test"]


class PlaceGone(Exception):
    """A statement names a place that the product does not have (any more)."""


@dataclass(frozen=True)
class Place:
    """One place of the product.

    Attributes:
        kind: What it is.
        address: Where it is: `table`, `table.column`, `table:rule`, a dotted key, a command, `module:object`, or the
            node id of a test.
    """

    kind: PlaceKind
    address: str

    @property
    def key(self) -> str:
        """The place as text, unique among all places."""
        return f"{self.kind} {self.address}"


@dataclass(frozen=True)
class PlaceContent:
    """What a place says.

    Attributes:
        declared: What is declared there, as text: the same in every company. None if it cannot be looked up here (tests
            are not part of an installed package).
        shown: What a statement shows of it: the company's own value of a key, or the name.
    """

    declared: str | None
    shown: str

    @property
    def fingerprint(self) -> str | None:
        """The first twelve digits of the SHA-256 of what is declared."""
        return None if self.declared is None else hashlib.sha256(self.declared.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Product:
    """The product as it is looked at: its configuration and its commands.

    Attributes:
        config: The company's footsteps.yaml; None for the defaults.
        command_texts: The help text by command.
        tables: The contract by table.
        policy: The policy whose fields are keys.
        training: The training policy.
    """

    config: Config | None
    command_texts: Mapping[str, str]
    tables: Mapping[str, Table] = field(default_factory=lambda: list_contracts())
    policy: RecommendationPolicy = field(default_factory=RecommendationPolicy)
    training: TrainingPolicy = field(default_factory=TrainingPolicy)

    def look_up(self, place: Place) -> PlaceContent:
        """Look up a place.

        Args:
            place: The place.

        Raises:
            PlaceGone: The product has no such place.
        """
        try:
            return _LOOKUPS[place.kind](self, place.address)
        except (KeyError, AttributeError, ImportError, ValueError, StopIteration) as error:
            raise PlaceGone(f"{place.key} is gone: correct the statements that name it") from error


def list_contracts() -> dict[str, Table]:
    """Every contract by its name: raw tables and quarantines once, for `SYSTEM` and `TABLE`."""
    raw_tables = (raw_table("SYSTEM", canonical_schema) for canonical_schema in CANONICAL_SCHEMAS.values())
    return {table.name: table for table in (*raw_tables, quarantine_table("TABLE"), *STORED_TABLES.values())}


def _look_up_table(product: Product, address: str) -> PlaceContent:
    table = product.tables[address]
    declared = [
        table.description,
        table.key,
        table.column_names,
        table.retention_days,
        table.retention_column,
        table.readers,
        table.owner,
    ]
    days = "no period of its own" if table.retention_days is None else f"{table.retention_days:,} days"
    return PlaceContent(_to_text(declared), days)


def _look_up_column(product: Product, address: str) -> PlaceContent:
    table_name, _, column_name = address.partition(".")
    table = product.tables[table_name]
    column = next(column for column in table.columns if column.name == column_name)
    data_class = str(classify_columns(table)[column_name])
    declared = [str(column.dtype), column.description, column.allowed, data_class, column.is_free_text]
    return PlaceContent(_to_text(declared), data_class)


def _look_up_rule(product: Product, address: str) -> PlaceContent:
    table_name, _, rule_name = address.partition(":")
    rule = next(rule for rule in product.tables[table_name].rules if rule.name == rule_name)
    row_rule = rule.row_rule
    declared = [
        *(rule.kind, rule.columns, str(rule.severity), rule.allowed, rule.minimum, rule.maximum, rule.pattern),
        rule.reference.target if rule.reference else None,
        [row_rule.description, str(row_rule.expression)] if row_rule else None,
    ]
    return PlaceContent(_to_text(declared), row_rule.description if row_rule else rule.name)


def _look_up_policy(product: Product, address: str) -> PlaceContent:
    default = _follow(product.policy, address)
    return PlaceContent(
        _to_text(default), _show(_follow(product.config.policy, address) if product.config else default)
    )


def _look_up_training(product: Product, address: str) -> PlaceContent:
    default = _follow(product.training, address)
    own_value = _follow(product.config.training, address) if product.config else default
    return PlaceContent(_to_text(default), _show(own_value))


def _look_up_config(product: Product, address: str) -> PlaceContent:
    """A key of footsteps.yaml: what is declared are its default and whether it is required."""
    model: Any = Config
    *sections, key = address.split(".")
    for section in sections:
        model = _find_section(_find_field(model, section))
    key_field = _find_field(model, key)
    declared = [key, _to_text(key_field[1]), key_field[2]]
    own_value: Any = product.config
    for name in (*sections, key):
        own_value = getattr(own_value, name, None)
    return PlaceContent(_to_text(declared), _show(own_value if product.config else key_field[1]))


def _look_up_command(product: Product, address: str) -> PlaceContent:
    return PlaceContent(product.command_texts[address], f"footsteps {address}")


def _look_up_code(product: Product, address: str) -> PlaceContent:  # noqa: ARG001
    module_name, _, object_path = address.partition(":")
    code_object: Any = importlib.import_module(module_name)
    for name in object_path.split("."):
        code_object = getattr(code_object, name)
    code_object = inspect.unwrap(code_object)  # a function may be cached
    is_source = inspect.isfunction(code_object) or inspect.isclass(code_object)
    return PlaceContent(
        " ".join(inspect.getsource(code_object).split()) if is_source else _to_text(code_object), object_path
    )


def _look_up_test(product: Product, address: str) -> PlaceContent:  # noqa: ARG001
    return PlaceContent(read_test(address), address.rpartition("::")[2].removeprefix("test_").replace("_", " "))


_LOOKUPS: dict[PlaceKind, Callable[[Product, str], PlaceContent]] = {
    "table": _look_up_table,
    "column": _look_up_column,
    "rule": _look_up_rule,
    "policy": _look_up_policy,
    "training": _look_up_training,
    "config": _look_up_config,
    "command": _look_up_command,
    "code": _look_up_code,
    "test": _look_up_test,
}


def _follow(start: Any, dotted_path: str) -> Any:
    for name in dotted_path.split("."):
        start = getattr(start, name)
    return start


def _find_field(model: Any, key: str) -> tuple[Any, Any, bool]:
    """Annotation, default and whether it is required, of a field of a section."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        model_field = model.model_fields[key]
        return model_field.annotation, model_field.get_default(call_default_factory=True), model_field.is_required()
    if is_dataclass(model):
        dataclass_field = next(dataclass_field for dataclass_field in fields(model) if dataclass_field.name == key)
        return dataclass_field.type, dataclass_field.default, False
    raise KeyError(key)


def _find_section(found_field: tuple[Any, Any, bool]) -> Any:
    """The class of a section, which may be optional."""
    annotation = found_field[0]
    candidates = (annotation, *get_args(annotation))
    return next(
        candidate
        for candidate in candidates
        if isinstance(candidate, type) and (issubclass(candidate, BaseModel) or is_dataclass(candidate))
    )


def _to_text(declared: Any) -> str:
    return json.dumps(declared, default=str, sort_keys=True)


def _show(own_value: Any) -> str:
    if own_value is None or own_value == [] or own_value == ():
        return "not declared"
    if isinstance(own_value, BaseModel) or is_dataclass(own_value):
        return "declared"  # its address may hold a token
    if isinstance(own_value, bool):
        return "yes" if own_value else "no"
    if isinstance(own_value, list | tuple):
        return "; ".join(str(entry) for entry in own_value)
    return f"{own_value:,}" if isinstance(own_value, int) else str(own_value)
