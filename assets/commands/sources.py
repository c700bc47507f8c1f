"""`footsteps sources`: the systems that can be read, what a file is, and what a taxonomy holds.

Belongs here: the answers.
Does not belong here: the systems (`pipelines.sources`).
"""

from dataclasses import asdict
from pathlib import Path

from assets.commands.saying import Failed, answers, print_json, print_table
from pipelines.contracts.shapes import SHAPES
from pipelines.sources.declaration import ExportRefused
from pipelines.sources.sniff import describe_systems, sniff, sniff_block
from pipelines.sources.taxonomy.declared import count_taxonomy
from pipelines.taxonomy import TaxonomyRefused


def print_systems(as_json: bool) -> None:
    """Print every system: domain, formats, the shapes it fills, the columns it needs and can use."""
    systems = [asdict(one) for one in describe_systems()]
    if as_json:
        print_json(systems)
        return
    print_table(
        "Systems",
        {"system": "left", "domain": "left", "formats": "left", "fills": "left", "needs": "left", "can use": "right"},
        [
            [one["system"], one["domain"], ", ".join(one["formats"]), ", ".join(one["shapes"]),
             ", ".join(one["needed"]) or "what footsteps.yaml maps", str(len(one["optional"]))]
            for one in systems
        ],
    )  # fmt: skip
    answers.print(f"`tabular` fills any shape: {', '.join(SHAPES)}. Columns to use: footsteps sources --json")


def print_guesses(path: Path, as_json: bool) -> None:
    """Print which systems may have written the file, and the block of footsteps.yaml for the likeliest."""
    if not path.is_file():
        raise Failed(f"{path} does not exist: give an export file")
    try:
        guesses, block = sniff(path), sniff_block(path)
    except ExportRefused as refusal:
        raise Failed(str(refusal)) from refusal
    if as_json:
        print_json({"file": path.name, "guesses": [asdict(one) for one in guesses], "block": block})
        return
    print_table(
        path.name,
        {"system": "left", "shape": "left", "score": "right", "why": "left"},
        [[one.system, one.shape or "", f"{one.score:.2f}", one.why] for one in guesses[:5]],
    )
    answers.print("For footsteps.yaml:\n", highlight=False)
    answers.out(block, highlight=False)


def print_taxonomy(folder: Path, system: str | None, as_json: bool) -> None:
    """Print how many rows of each kind the taxonomy's files hold, and how many were taken."""
    if not folder.exists():
        raise Failed(f"{folder} does not exist: give the folder or file of a taxonomy")
    try:
        counts = [asdict(one) for one in count_taxonomy(folder, system)]
    except (TaxonomyRefused, ExportRefused) as refusal:
        raise Failed(str(refusal)) from refusal
    if as_json:
        print_json(counts)
        return
    columns = list(counts[0])
    print_table(
        folder.name,
        {name: "right" if isinstance(counts[0][name], int) else "left" for name in columns},
        [[f"{v:,}" if isinstance(v, int) else str(v) for v in one.values()] for one in counts],
    )
