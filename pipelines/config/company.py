"""footsteps.yaml: the sources, the policy and the taxonomy, validated with the line of every error.

Belongs here: the form of the configuration, and how it is read.
Does not belong here: paths and days of a run (`pipelines.config.settings`), the systems themselves
(`pipelines.sources`).
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, field_validator, model_validator

from pipelines.config.audit import AuditOptions
from pipelines.config.badges import BadgeOptions
from pipelines.config.dagster_options import DagsterOptions
from pipelines.config.error_lines import ConfigProblem, describe_error, find_repeated_key, raise_problems
from pipelines.config.fetch import FetchOptions, split_landing_pattern
from pipelines.config.monitoring import AlertConfig, MonitoringOptions
from pipelines.config.pause import PauseOptions
from pipelines.config.practice import PracticeOptions
from pipelines.config.privacy import PrivacyOptions
from pipelines.config.publish import ConfigSection, PublishOptions
from pipelines.config.serve import ServeOptions, add_answer_sources
from pipelines.config.value_checks import (
    check_encoding,
    check_landing_pattern,
    check_scale,
    check_time_zone,
    parse_as_of,
)
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.contracts.columns import AccountKind
from pipelines.contracts.documents.terms import ContractTerms
from pipelines.contracts.policy import RecommendationPolicy, TrainingPolicy
from pipelines.sources.adapter import all_adapters
from pipelines.sources.declaration import SourceOptions
from pipelines.sources.mapping import declared_shape_maps, nearest_names
from pipelines.sources.mapping_checks import NO_ORIGIN, find_mapping_problems


class ConfigError(Exception):
    """The configuration cannot be used; the message has the line of each error and the allowed values."""


def _check_system(system: str) -> str:
    if system not in (allowed_systems := sorted(all_adapters())):
        raise ValueError(f"unknown system {system!r}; allowed: {', '.join(allowed_systems)}")
    return system


def _check_headers(headers: Any) -> Any:
    if isinstance(headers, dict):
        raise ValueError("must be a header of the file, or a list of headers")
    raise_problems(
        ConfigProblem((header_index,) if isinstance(headers, list) else (), _NOT_TEXT)
        for header_index, header in enumerate(headers if isinstance(headers, list) else [headers])
        if not isinstance(header, str | None)
    )
    return headers


def _check_words(meaning_by_word: Any) -> Any:
    word_meanings = meaning_by_word.items() if isinstance(meaning_by_word, dict) else ()
    raise_problems(
        ConfigProblem((exported_word if isinstance(exported_word, str | int) else repr(exported_word),), _NOT_TEXT)
        for exported_word, meaning in word_meanings
        if not isinstance(exported_word, str) or not isinstance(meaning, str)
    )
    return meaning_by_word


# YAML reads an unquoted no, 7 and 2025-06-30 as false, a number and a date.
_NOT_TEXT = "must be text: write it in quotes"
TimeZone = Annotated[str, AfterValidator(check_time_zone)]
DateOrder = Literal["day_first", "month_first"]


def _list_account_map_systems() -> str:
    """The systems whose exports can be account maps, as a message lists them."""
    account_map_systems = [
        system
        for system, adapter in all_adapters().items()
        if any(shape_map.shape == "account" for shape_map in adapter.shapes)
    ]
    return ", ".join(["tabular with `shape: account`", *account_map_systems])


class ColumnMapping(ConfigSection):
    """Where the values of one canonical column come from, if the header alone does not determine it."""

    column: Annotated[str | list[str] | None, BeforeValidator(_check_headers)] = None  # several headers are joined
    constant: Annotated[str | None, BeforeValidator(_check_headers)] = None
    # lowest and highest mark, scaled to 0..1
    scale: Annotated[tuple[float, float], AfterValidator(check_scale)] | None = None
    unit: Literal["hours", "minutes", "seconds"] | None = None
    format: str | None = None
    date_order: DateOrder | None = None
    values: Annotated[dict[str, str] | None, BeforeValidator(_check_words)] = None

    @model_validator(mode="after")
    def _check_origin(self) -> "ColumnMapping":
        if (self.column is not None and self.constant is not None) or not self.model_fields_set:
            raise ValueError(NO_ORIGIN)
        return self


class SourceConfig(ConfigSection):
    """One kind of export: the system that writes it, where its files are, how they are delivered and read."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    system: Annotated[str, AfterValidator(_check_system)]
    path: Annotated[str, AfterValidator(check_landing_pattern)]
    shape: CanonicalSchemaName | None = None
    delivery: Literal["full", "incremental"] = "incremental"
    freshness_days: Annotated[float, Field(gt=0)] | None = None
    # a full export is refused if it has fewer rows than this share of the previous one
    floor_share: Annotated[float, Field(ge=0, le=1)] = 0.8
    mapping: dict[str, ColumnMapping] = Field(default_factory=dict)
    accounts: AccountKind = "own"
    # for an account map or a course catalogue: the systems whose accounts or courses it lists; if empty, all systems
    serves: list[str] = Field(default_factory=list)
    settles: bool = False  # for an account map: it prevails over every other key and settles conflicts
    encoding: Annotated[str, AfterValidator(check_encoding)] | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal_comma: bool | None = None
    date_order: DateOrder | None = None
    time_zone: TimeZone = "UTC"  # of timestamps without a time zone
    member: str | None = None  # of archives with several files: the pattern of the file that this source reads
    fetch: FetchOptions | None = None  # where the files are placed, if not in the landing folder

    @field_validator("mapping", mode="before")
    @classmethod
    def _expand_bare_headers(cls, mapping: Any) -> Any:
        """Accept a header, or a list of headers, as the short form of `column`."""
        if not isinstance(mapping, dict):
            return mapping
        return {
            column: {"column": column_entry} if isinstance(column_entry, str | list) else column_entry
            for column, column_entry in mapping.items()
        }

    @model_validator(mode="after")
    def _check_shape(self) -> "SourceConfig":
        if self.shape is None:
            if self.system == "tabular":
                raise ValueError(f"system tabular needs `shape`; allowed: {', '.join(CANONICAL_SCHEMAS)}")
            return self
        if self.system != "tabular":
            raise ValueError(f"shape is for system tabular only: {self.system} has its own, take it out")
        return self

    def options(self) -> SourceOptions:
        """How the adapter must read the files of this source."""
        return SourceOptions(
            mapping={
                column: column_mapping.model_dump(exclude_none=True) for column, column_mapping in self.mapping.items()
            },
            shape=self.shape,
            encoding=self.encoding,
            delimiter=self.delimiter,
            decimal_comma=self.decimal_comma,
            date_order=self.date_order,
            time_zone=self.time_zone,
            member=self.member,
        )

    def find_problems(self, declared_systems: Collection[str]) -> Iterator[ConfigProblem]:
        """Find the systems and shapes that the source names but that do not exist.

        Args:
            declared_systems: Systems of all declared sources.

        Returns:
            One problem per entry of `mapping`, `serves` and `settles`, at its place in the source.
        """
        adapter = all_adapters()[self.system]
        for problem in find_mapping_problems(adapter, self.options()):
            yield ConfigProblem(("mapping", *problem.place), problem.message)
        declared_shapes = {shape_map.shape for shape_map in declared_shape_maps(adapter, self.options())}
        if self.settles and "account" not in declared_shapes:
            message = f"only an account map has it: take it out; account maps: {_list_account_map_systems()}"
            yield ConfigProblem(("settles",), message)
        if self.serves and not declared_shapes & {"account", "course_catalogue"}:
            message = "only an account map or a course catalogue has it: take it out; account maps: "
            yield ConfigProblem(("serves",), message + _list_account_map_systems())
            return
        for served_index, system in enumerate(self.serves):
            if system not in declared_systems:
                message = f"no source has the system {system!r}: correct it, or declare the source"
                nearest_systems = nearest_names(system, declared_systems)
                yield ConfigProblem(
                    ("serves", served_index),
                    f"{message}; nearest: {nearest_systems}; allowed: {', '.join(sorted(declared_systems))}",
                )

    @property
    def mapping_code(self) -> str:
        """Fingerprint of the options that decide how a file is read: if it changes, files are read again."""
        unrelated_fields = {
            "name",
            "path",
            "fetch",
            "freshness_days",
            "floor_share",
            "delivery",
            "accounts",
            "serves",
            "settles",
        }
        if self.member is None:
            unrelated_fields.add("member")
        mapping_options = self.model_dump(mode="json", exclude=unrelated_fields)
        if self.decimal_comma is None:  # proven per file; earlier versions wrote false if nothing was declared
            mapping_options["decimal_comma"] = False
        elif not self.decimal_comma:
            mapping_options["decimal_comma"] = "declared point"
        return hashlib.sha256(json.dumps(mapping_options, sort_keys=True).encode()).hexdigest()[:12]


def _find_shared_folders(sources: Sequence[SourceConfig]) -> Iterator[ConfigProblem]:
    """Sources fetched from different places into one folder, where files of one name would replace each other."""
    url_by_folder: dict[str, str] = {}
    for source_index, source in enumerate(sources):
        if source.fetch is not None:
            landing_subfolder, _ = split_landing_pattern(source.path)
            if url_by_folder.setdefault(landing_subfolder, source.fetch.url) != source.fetch.url:
                message = (
                    "another source is fetched from elsewhere into this folder: give each a folder, as in hr/*.csv"
                )
                yield ConfigProblem((source_index, "path"), message)


class TaxonomyConfig(ConfigSection):
    """The origin of the micro-skills: the company's own tables, a published taxonomy, or the skill texts themselves.

    `esco` and `onet` need `folder`, with the files as downloaded; `lightcast`, `sfia`, `moodle_framework`, `nice` and
    `digcomp` need `skills`, one file; `tabular` needs `skills` and may have `prerequisites` and `role_profiles`. Each
    may have `aliases`: a file with the columns name and skill_id, which gives further names to micro-skills.
    """

    system: Literal[
        "tabular", "observed", "esco", "onet", "lightcast", "sfia", "moodle_framework", "nice", "digcomp"
    ] = "observed"
    folder: str | None = None
    skills: str | None = None
    prerequisites: str | None = None
    role_profiles: str | None = None
    aliases: str | None = None
    # observed: number of leading parts of a/b/c that name the capability
    capability_parts: Annotated[int, Field(ge=0)] = 1

    @property
    def files(self) -> tuple[str, ...]:
        """The files and folders that the section names, relative to the landing folder."""
        declared_paths = (self.folder, self.skills, self.prerequisites, self.role_profiles, self.aliases)
        return tuple(path for path in declared_paths if path)

    @model_validator(mode="after")
    def _check_files(self) -> "TaxonomyConfig":
        required_keys: set[str] = {"observed": set[str](), "esco": {"folder"}, "onet": {"folder"}}.get(
            self.system, {"skills"}
        )
        allowed_keys = required_keys | {"prerequisites", "role_profiles"} if self.system == "tabular" else required_keys
        given_keys = {key for key in ("folder", "skills", "prerequisites", "role_profiles") if getattr(self, key)}
        if required_keys - given_keys or given_keys - allowed_keys:
            need_phrase = f"needs `{min(required_keys)}`" if required_keys else "needs no file"
            raise ValueError(
                f"system {self.system} {need_phrase}; allowed: {', '.join(sorted(allowed_keys)) or 'none'}"
            )
        return self


class Config(ConfigSection):
    """The content of footsteps.yaml."""

    company: str = "A company"
    landing: str = "landing"
    time_zone: TimeZone = "UTC"
    # of the day in `time_zone`: the schedule starts the complete run
    nightly_hour: Annotated[int, Field(ge=0, le=23)] = 2
    as_of: Annotated[Literal["today", "newest_event"] | date, BeforeValidator(parse_as_of)] = "today"
    sources: Annotated[list[SourceConfig], Field(min_length=1)]
    taxonomy: TaxonomyConfig = TaxonomyConfig()
    policy: RecommendationPolicy = RecommendationPolicy()
    alerts: AlertConfig = AlertConfig()
    # a file is complete if it has not changed for this long, or at once if FILE.done exists
    quiet_seconds: Annotated[float, Field(ge=0)] = 30
    publish: PublishOptions = PublishOptions()
    contracts: ContractTerms = ContractTerms()
    training: TrainingPolicy = TrainingPolicy()
    practice: PracticeOptions = PracticeOptions()
    dagster: Annotated[DagsterOptions, Field(exclude=True)] = DagsterOptions()
    monitoring: MonitoringOptions = MonitoringOptions()
    privacy: PrivacyOptions = PrivacyOptions()
    audit: AuditOptions = AuditOptions()
    pause: PauseOptions | None = None
    # its sources are among `sources`; no table depends on anything else of it, nor on `dagster`
    serve: Annotated[ServeOptions | None, Field(exclude=True)] = None
    badges: Annotated[BadgeOptions | None, Field(exclude=True)] = None  # no table of a run depends on it

    _add_answer_sources = model_validator(mode="before")(add_answer_sources)

    @field_validator("sources")
    @classmethod
    def _check_sources(cls, sources: list[SourceConfig]) -> list[SourceConfig]:
        source_names = [source.name for source in sources]
        declared_systems = {source.system for source in sources}
        repeated_name_problems = [
            ConfigProblem(
                (source_index, "name"), f"an earlier source is called {source_name!r} too: give each its own name"
            )
            for source_index, source_name in enumerate(source_names)
            if source_name in source_names[:source_index]
        ]
        source_problems = [
            ConfigProblem((source_index, *problem.place), problem.message)
            for source_index, source in enumerate(sources)
            for problem in source.find_problems(declared_systems)
        ]
        raise_problems([*repeated_name_problems, *source_problems, *_find_shared_folders(sources)])
        return sources

    def dump_inputs(self) -> str:
        """The settings on which tables depend, as JSON: what no table depends on is left out."""
        return self.model_dump_json(exclude={"monitoring", "privacy", "audit", "pause"})

    def source(self, source_name: str) -> SourceConfig:
        """The source of that name.

        Raises:
            KeyError: No source has that name.
        """
        return {source.name: source for source in self.sources}[source_name]


def read_config(path: Path) -> Config:
    """Read and validate a configuration.

    Args:
        path: The file footsteps.yaml.

    Raises:
        ConfigError: The file is missing, is not YAML, or has errors; the message has one line per error.
    """
    if not path.is_file():
        raise ConfigError(f"{path.name} is missing in {path.parent}: write it, or make a demo with `footsteps demo`")
    try:
        yaml_text = path.read_text(encoding="utf-8-sig")
        yaml_tree = yaml.compose(yaml_text, Loader=yaml.SafeLoader)
        config_content = yaml.safe_load(yaml_text)
    except UnicodeDecodeError as error:
        line_number = 1 + error.object.count(b"\n", 0, error.start)
        raise ConfigError(f"{path.name} line {line_number}: not UTF-8: save it as UTF-8") from error
    except yaml.MarkedYAMLError as error:
        line_number = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path.name} line {line_number}: not YAML: {error.problem}") from error
    if not isinstance(config_content, dict):
        actual_type = "nothing" if config_content is None else type(config_content).__name__
        raise ConfigError(f"{path.name} line 1: expected keys such as `sources:`, found {actual_type}")
    if repeated_key := find_repeated_key(yaml_tree):
        line_number = repeated_key.start_mark.line + 1
        raise ConfigError(f"{path.name} line {line_number}: {repeated_key.value} is given twice: keep one")
    try:
        return Config.model_validate(config_content)
    except ValidationError as validation_error:
        error_lines = [describe_error(path.name, yaml_tree, Config, dict(error)) for error in validation_error.errors()]
        raise ConfigError("\n".join(dict.fromkeys(error_lines))) from validation_error
