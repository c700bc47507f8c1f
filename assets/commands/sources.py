"""`footsteps sources`: the systems that can be read.

Belongs here: the answer.
Does not belong here: the systems (`pipelines.sources`).
"""

from typing import Any

from assets.commands.saying import print_json, print_table
from pipelines.contracts.shapes import SHAPES
from pipelines.sources.adapter import all_adapters
from pipelines.sources.declaration import Adapter


def print_systems(as_json: bool) -> None:
    """Print every system: domain, formats, the shapes it fills, the columns it needs and can use."""
    systems = [_describe(one) for one in all_adapters().values()]
    if as_json:
        print_json(systems)
        return
    print_table(
        "Systems",
        {"system": "left", "domain": "left", "formats": "left", "fills": "left", "needs": "left", "can use": "right"},
        [
            [one["system"], one["domain"], ", ".join(one["formats"]), ", ".join(one["shapes"]),
             ", ".join(one["needs"]) or "what footsteps.yaml maps", str(len(one["uses"]))]
            for one in systems
        ],
    )  # fmt: skip


def _describe(adapter: Adapter) -> dict[str, Any]:
    fields = [field for shape in adapter.shapes for field in shape.fields]
    shapes = list(dict.fromkeys(shape.shape for shape in adapter.shapes)) or list(SHAPES)
    return {
        "system": adapter.system,
        "title": adapter.title,
        "domain": adapter.domain,
        "formats": list(adapter.formats),
        "shapes": shapes,
        "needs": list(dict.fromkeys(field.sources[0] for field in fields if field.needed and field.sources)),
        "uses": list(dict.fromkeys(name for field in fields for name in field.sources)),
        "notes": adapter.notes,
    }
