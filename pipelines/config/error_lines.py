"""Errors of footsteps.yaml, each with its line, its place and the allowed keys.

Belongs here: from an error of pydantic and the YAML tree to one line of text.
Does not belong here: what is allowed in the configuration (`pipelines.config.company`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_type_hints

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Place = tuple[str | int, ...]
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")
_PROBLEM_ERROR_TYPE = "placed"


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One error of a part of the configuration.

    Attributes:
        place: Keys and positions that lead from the validated part to the faulty entry.
        message: What is wrong, what is allowed, and how to correct it.
    """

    place: Place
    message: str


def raise_problems(problems: Iterable[ConfigProblem]) -> None:
    """Raise one error that holds every problem at its place; to be called inside a validator of pydantic.

    Raises:
        ValidationError: If there is a problem.
    """
    error_details = [
        InitErrorDetails(
            type=PydanticCustomError(_PROBLEM_ERROR_TYPE, "{message}", {"message": problem.message}),
            loc=problem.place,
            input=None,
        )
        for problem in problems
    ]
    if error_details:
        raise ValidationError.from_exception_data("footsteps.yaml", error_details)


def describe_error(
    file_name: str, yaml_tree: yaml.Node | None, model_class: type[BaseModel], error: dict[str, Any]
) -> str:
    """One error of pydantic as `file line N: place: message; allowed: …`.

    Args:
        file_name: Name of the configuration file.
        yaml_tree: Its YAML nodes.
        model_class: The model of the whole configuration.
        error: One element of `ValidationError.errors()`.
    """
    # If a key itself is wrong, pydantic appends "[key]" to the place of the error.
    error_place = [place_part for place_part in error["loc"] if place_part != "[key]"]
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] != _PROBLEM_ERROR_TYPE and (first_word := message.split()[0]) in _list_allowed_keys(
        model_class, error_place
    ):
        error_place.append(first_word)  # a check of several keys begins its message with the key in question
    if error["type"] in _UNKNOWN_KEY:
        message = f"unknown key; allowed: {', '.join(_list_allowed_keys(model_class, error_place[:-1]))}"
    line_number, place_text = _locate(yaml_tree, error_place)
    return f"{file_name} line {line_number}: {place_text or 'top level'}: {message}"


def find_repeated_key(node: yaml.Node | None) -> yaml.ScalarNode | None:
    """The second of two equal keys of one mapping; YAML would silently drop the first."""
    seen_keys: set[str] = set()
    for child_entry in node.value if isinstance(node, yaml.CollectionNode) else ():
        key_node, value_node = child_entry if isinstance(child_entry, tuple) else (None, child_entry)
        if isinstance(key_node, yaml.ScalarNode):
            if key_node.value in seen_keys:
                return key_node
            seen_keys.add(key_node.value)
        if repeated_key := find_repeated_key(value_node):
            return repeated_key
    return None


def _list_allowed_keys(model_class: Any, error_place: list[Any]) -> list[str]:
    """The keys that are allowed at a place of the configuration."""
    for place_part in error_place:
        if place_part in _list_keys(model_class):
            field_type = get_type_hints(model_class)[place_part]
            for candidate_type in (field_type, *getattr(field_type, "__args__", ())):
                if isinstance(candidate_type, type) and (
                    issubclass(candidate_type, BaseModel) or is_dataclass(candidate_type)
                ):
                    model_class = candidate_type
    return _list_keys(model_class)


def _list_keys(model_class: Any) -> list[str]:
    """The keys of the section of the configuration that a model or a dataclass declares."""
    return (
        [model_field.name for model_field in fields(model_class)]
        if is_dataclass(model_class)
        else list(model_class.model_fields)
    )


def _locate(node: yaml.Node | None, error_place: list[Any]) -> tuple[int, str]:
    """The line of the innermost part of the place that is in the file (the first is 1), and the place as written."""
    line_number, written_place = 1, [str(place_part) for place_part in error_place]
    for part_index, place_part in enumerate(error_place):
        if isinstance(node, yaml.SequenceNode) and isinstance(place_part, int) and place_part < len(node.value):
            node = node.value[place_part]
            line_number = node.start_mark.line + 1
        elif isinstance(node, yaml.MappingNode):
            matching_entries = [
                (key_node, value_node) for key_node, value_node in node.value if _is_key(key_node, place_part)
            ]
            if not matching_entries:
                break
            key_node, node = matching_entries[0]
            line_number, written_place[part_index] = key_node.start_mark.line + 1, key_node.value
    return line_number, ".".join(written_place)


def _is_key(key_node: yaml.Node, place_part: str | int) -> bool:
    """Whether a key of the file is the given part of an error's place.

    Pydantic names a key that is not text by the value that YAML reads, such as 0 for `no`.
    """
    if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == "tag:yaml.org,2002:merge":
        return False
    key_value = yaml.SafeLoader("").construct_object(key_node)
    return bool(key_value == place_part) or repr(key_value) == place_part
