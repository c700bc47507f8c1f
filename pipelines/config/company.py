"""footsteps.yaml: the sources, the policy and the taxonomy, refused with the line where they are wrong.

Belongs here: the form of the configuration and its reading.
Does not belong here: paths and days of a run (`pipelines.config.settings`), the systems themselves
(`pipelines.sources`).
"""

import codecs
import hashlib
import json
from dataclasses import fields, is_dataclass
from datetime import date
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, get_type_hints
from zoneinfo import ZoneInfo

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from pipelines.config.publish import PublishOptions
from pipelines.contracts.canonical_schemas import CANONICAL_SCHEMAS, CanonicalSchemaName
from pipelines.contracts.columns import AccountKind
from pipelines.contracts.policy import RecommendationPolicy, TrainingPolicy
from pipelines.sources.adapter import all_adapters
from pipelines.sources.declaration import SourceOptions

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class ConfigError(Exception):
    """The configuration cannot be used; the message says on which line and what is allowed."""


class _Declared(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ColumnMapping(_Declared):
    """How one canonical column comes from the file, where the header alone does not say it."""

    column: str | list[str] | None = None  # several are joined
    constant: str | None = None
    scale: tuple[float, float] | None = None  # lowest and highest mark; mapped onto 0..1
    unit: Literal["hours", "minutes", "seconds"] | None = None
    format: str | None = None
    date_order: Literal["day_first", "month_first"] | None = None
    values: dict[str, str] | None = None

    @model_validator(mode="after")
    def _names_its_origin(self) -> "ColumnMapping":
        if (self.column is None) == (self.constant is None):
            raise ValueError("give either `column` (a header of the file) or `constant`")
        return self

    @field_validator("scale")
    @classmethod
    def _rises(cls, scale: tuple[float, float] | None) -> tuple[float, float] | None:
        if scale is not None and scale[0] >= scale[1]:
            raise ValueError("a scale is two numbers, the lower one first: [1, 5]")
        return scale


class SourceConfig(_Declared):
    """One kind of export: which system wrote it, where its files lie, how they are delivered."""

    name: Name
    system: str
    path: str
    shape: CanonicalSchemaName | None = None
    delivery: Literal["full", "incremental"] = "incremental"
    freshness_days: Annotated[float, Field(gt=0)] | None = None
    floor_share: Annotated[float, Field(ge=0, le=1)] = 0.8  # a full export below this share of the last is refused
    mapping: dict[str, ColumnMapping] = {}
    accounts: AccountKind = "own"  # what the export's account is: its own system's, or a key of the company
    serves: list[str] = []  # of an account map: the systems whose accounts it lists; none: any system's
    settles: bool = False  # of an account map: it is believed before every key, to settle a conflict
    encoding: str | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    decimal_comma: bool = False
    date_order: Literal["day_first", "month_first"] | None = None
    time_zone: str = "UTC"  # of moments written without one
    member: str | None = None  # of archives with several files: the pattern of the one that this source reads

    @field_validator("system")
    @classmethod
    def _is_known(cls, system: str) -> str:
        known = sorted(all_adapters())
        if system not in known:
            raise ValueError(f"unknown system {system!r}; allowed: {', '.join(known)}")
        return system

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        return _zone(zone)

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, path: str) -> str:
        if not path or PurePath(path).is_absolute() or ".." in PurePath(path).parts:
            raise ValueError("must be a pattern inside the landing folder, such as hr/*.csv")
        return path

    @field_validator("encoding")
    @classmethod
    def _is_an_encoding(cls, encoding: str | None) -> str | None:
        try:
            codecs.lookup(encoding or "utf-8")
        except LookupError as problem:
            raise ValueError(f"unknown encoding {encoding!r}; use utf-8, utf-16 or windows-1252") from problem
        return encoding

    @field_validator("mapping", mode="before")
    @classmethod
    def _takes_bare_headers(cls, mapping: Any) -> Any:
        """A header, or a list of headers, is the short form of `column`."""
        if not isinstance(mapping, dict):
            return mapping
        return {key: {"column": one} if isinstance(one, str | list) else one for key, one in mapping.items()}

    @model_validator(mode="after")
    def _maps_onto_a_shape(self) -> "SourceConfig":
        if (self.system == "tabular") != (self.shape is not None):
            if self.shape is not None:
                raise ValueError(f"shape is for system tabular only: {self.system} has its own, take it out")
            raise ValueError(f"system {self.system} needs `shape`; allowed: {', '.join(CANONICAL_SCHEMAS)}")
        if self.shape is not None:
            unknown = sorted(set(self.mapping) - set(CANONICAL_SCHEMAS[self.shape].columns))
            if unknown:
                allowed = ", ".join(CANONICAL_SCHEMAS[self.shape].columns)
                raise ValueError(f"mapping names {', '.join(unknown)}; allowed for {self.shape}: {allowed}")
        return self

    def options(self) -> SourceOptions:
        """What the source says of the reading of its files."""
        mapping = {name: given.model_dump(exclude_none=True) for name, given in self.mapping.items()}
        return SourceOptions(
            mapping,
            self.shape,
            self.encoding,
            self.delimiter,
            self.decimal_comma,
            self.date_order,
            self.time_zone,
            self.member,
        )

    @property
    def mapping_code(self) -> str:
        """Fingerprint of everything that decides how a file is read: with a new one, files are read again."""
        about_delivery = {"name", "path", "freshness_days", "floor_share", "delivery", "accounts", "serves", "settles"}
        if self.member is None:
            about_delivery.add("member")
        read = self.model_dump(mode="json", exclude=about_delivery)
        return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()[:12]


class TaxonomyConfig(_Declared):
    """Where micro-skills come from: the company's own tables, a published taxonomy, or the skill texts themselves.

    `esco` and `onet` need `folder`, with the files as they were downloaded; `lightcast`, `sfia` and `moodle_framework`
    need `skills`, one file; `tabular` needs `skills` and may have `prerequisites` and `role_profiles`.
    """

    system: Literal["tabular", "observed", "esco", "onet", "lightcast", "sfia", "moodle_framework"] = "observed"
    folder: str | None = None
    skills: str | None = None
    prerequisites: str | None = None
    role_profiles: str | None = None
    capability_parts: Annotated[int, Field(ge=0)] = 1  # observed: so many leading parts of a/b/c name the capability

    @model_validator(mode="after")
    def _has_its_files(self) -> "TaxonomyConfig":
        needed = {"observed": (), "esco": ("folder",), "onet": ("folder",)}.get(self.system, ("skills",))
        allowed = {*needed, "prerequisites", "role_profiles"} if self.system == "tabular" else set(needed)
        given = {name for name in ("folder", "skills", "prerequisites", "role_profiles") if getattr(self, name)}
        if set(needed) - given or given - allowed:
            wanted = f"needs `{needed[0]}`" if needed else "needs no file"
            raise ValueError(f"system {self.system} {wanted}; allowed: {', '.join(sorted(allowed)) or 'none'}")
        return self


class AlertConfig(_Declared):
    """Who is told what went wrong: addresses as apprise writes them, `${NAME}` from the environment."""

    to: list[str] = []
    gather_minutes: Annotated[float, Field(ge=0)] = 30  # one message for what repeats within so long


class Config(_Declared):
    """The whole footsteps.yaml."""

    company: str = "A company"
    landing: str = "landing"
    time_zone: str = "UTC"
    as_of: Literal["today", "newest_event"] | date = "today"
    sources: Annotated[list[SourceConfig], Field(min_length=1)]
    taxonomy: TaxonomyConfig = TaxonomyConfig()
    policy: RecommendationPolicy = RecommendationPolicy()
    alerts: AlertConfig = AlertConfig()
    quiet_seconds: Annotated[float, Field(ge=0)] = 30  # a file unchanged for so long is whole; at once with FILE.done
    publish: PublishOptions = PublishOptions()
    training: TrainingPolicy = TrainingPolicy()

    @field_validator("time_zone")
    @classmethod
    def _is_a_zone(cls, zone: str) -> str:
        return _zone(zone)

    @field_validator("as_of", mode="before")
    @classmethod
    def _is_a_day(cls, day: Any) -> Any:
        if isinstance(day, date) or day in ("today", "newest_event"):
            return day
        try:
            return date.fromisoformat(day)
        except (TypeError, ValueError) as problem:
            raise ValueError("no such day; allowed: today, newest_event, or a day like 2025-06-30") from problem

    @field_validator("sources")
    @classmethod
    def _has_distinct_names(cls, sources: list[SourceConfig]) -> list[SourceConfig]:
        names = [source.name for source in sources]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"source names must differ; twice: {', '.join(twice)}")
        return sources

    def source(self, name: str) -> SourceConfig:
        """The source of that name. Raises KeyError where there is none."""
        return {source.name: source for source in self.sources}[name]


def _zone(zone: str) -> str:
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError) as problem:
        raise ValueError(f"unknown time zone {zone!r}; use a name like Europe/Berlin or UTC") from problem
    return zone


def read_config(path: Path) -> Config:
    """The configuration in that file.

    Raises ConfigRefused, with the line of every fault, where the file is missing, is no YAML or is not of this form.
    """
    if not path.is_file():
        raise ConfigError(f"{path.name} is missing in {path.parent}: write it, or make a demo with `footsteps demo`")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as problem:
        line = 1 + problem.object.count(b"\n", 0, problem.start)
        raise ConfigError(f"{path.name} line {line}: not UTF-8: save it as UTF-8") from problem
    try:
        tree = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as problem:
        line = problem.problem_mark.line + 1 if problem.problem_mark else 1
        raise ConfigError(f"{path.name} line {line}: not YAML: {problem.problem}") from problem
    if not isinstance(content, dict):
        found = "nothing" if content is None else type(content).__name__
        raise ConfigError(f"{path.name} line 1: expected keys such as `sources:`, found {found}")
    if twice := _doubled_key(tree):
        raise ConfigError(f"{path.name} line {twice.start_mark.line + 1}: {twice.value} is given twice: keep one")
    try:
        return Config.model_validate(content)
    except ValidationError as problem:
        faults = [_say(path.name, tree, dict(error)) for error in problem.errors()]
        raise ConfigError("\n".join(dict.fromkeys(faults))) from problem


def _say(name: str, tree: yaml.Node | None, error: dict[str, Any]) -> str:
    """One fault as `file line N: place: what is wrong; allowed: …`."""
    place = list(error["loc"])
    message = str(error["msg"]).removeprefix("Value error, ")
    if (key := message.split()[0]) in _allowed_keys(place):
        place.append(key)  # a rule over several keys begins with the one it is about
    if error["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
        allowed = ", ".join(_allowed_keys(place[:-1]))
        message = f"unknown key; allowed: {allowed}"
    line = _line_of(tree, place)
    return f"{name} line {line}: {'.'.join(str(part) for part in place) or 'top level'}: {message}"


def _allowed_keys(place: list[Any]) -> list[str]:
    """The keys allowed at a place, found by walking the models."""
    model: Any = Config
    for part in place:
        if isinstance(part, int) or part not in _keys(model):
            continue
        inner = get_type_hints(model)[part]
        for candidate in (inner, *getattr(inner, "__args__", ())):
            if isinstance(candidate, type) and (issubclass(candidate, BaseModel) or is_dataclass(candidate)):
                model = candidate
    return _keys(model)


def _keys(model: Any) -> list[str]:
    return [spec.name for spec in fields(model)] if is_dataclass(model) else list(model.model_fields)


def _doubled_key(node: yaml.Node | None) -> yaml.ScalarNode | None:
    """The second of two equal keys of one mapping, of which YAML would silently drop the first."""
    keys: set[str] = set()
    for child in node.value if isinstance(node, yaml.CollectionNode) else ():
        key, value = child if isinstance(child, tuple) else (None, child)
        if isinstance(key, yaml.ScalarNode):
            if key.value in keys:
                return key
            keys.add(key.value)
        if found := _doubled_key(value):
            return found
    return None


def _line_of(node: yaml.Node | None, place: list[Any]) -> int:
    """The line of the innermost part of the place that stands in the file, 1 for the first."""
    line = 1
    for part in place:
        if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == part]
            if not found:
                break
            key, node = found[0]
            line = key.start_mark.line + 1
    return line
