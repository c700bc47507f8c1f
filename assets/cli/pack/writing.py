"""Writing the pack: every document as Markdown and as a page of HTML.

Belongs here: checking every place, rendering, and the files of the folder.
Does not belong here: reading what is published (`assets.cli.pack`).
"""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from markdown_it import MarkdownIt

from assets.pack.documents.catalog import DOCUMENTS
from assets.pack.places import Product
from assets.pack.statements import look_up_confirmed, read_confirmed, render_document
from assets.pack.tables import find_product_version
from pipelines.storage.atomic_write import write_text_atomically

_STYLE = """
:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;display:block;overflow-x:auto}
td,th{border:1px solid #8888;padding:.3rem .5rem;vertical-align:top;text-align:left}
td:first-child{min-width:12rem}
code{font-size:.85em;overflow-wrap:anywhere}
blockquote{border-left:.3rem solid #c80;margin:1rem 0;padding-left:1rem}
"""
_HEAD = (
    "Draft of {day}, made by `footsteps pack` for {company} (product {version}), for the company's counsel, data "
    "protection officer and workers' representatives to complete and decide. It is no legal advice. Behind each "
    "statement stand, in brackets, the places of the product that make it true; the product's own tests fail if one of "
    "them changes."
)


def write_pack(
    folder: Path, product: Product, company: str, tables: Mapping[str, str], model_card: str, now: datetime
) -> list[Path]:
    """Write the documents of the pack, after every place was looked up and found as it was confirmed.

    Args:
        folder: The folder; it is made if it is missing, and files of an earlier pack are replaced.
        product: The product with the company's configuration.
        company: Name of the company.
        tables: Markdown of the tables, by name.
        model_card: The model card with its risks, as Markdown.
        now: The time, in UTC.

    Returns:
        The Markdown files, in the order of the documents; a page of HTML lies beside each.

    Raises:
        PlaceGone: A statement names a place that is gone.
        PlaceChanged: A place is not as it was confirmed.
    """
    confirmed = read_confirmed()
    head = _HEAD.format(day=f"{now:%Y-%m-%d}", company=company, version=find_product_version())
    markdown_by_name = {
        document.file_name: render_document(
            document, look_up_confirmed(product, document.list_places(), confirmed), tables, head
        )
        for document in DOCUMENTS
    }
    markdown_by_name["model_card"] = model_card
    titles = {document.file_name: document.title for document in DOCUMENTS} | {"model_card": "Model card"}
    markdown_by_name["README"] = _render_index(titles, head)
    written_paths = []
    for file_name, markdown in markdown_by_name.items():
        markdown_path = folder / f"{file_name}.md"
        write_text_atomically(markdown_path, markdown)
        page_name = "index" if file_name == "README" else file_name
        write_text_atomically(
            folder / f"{page_name}.html", render_page(titles.get(file_name, "Documentation pack"), markdown)
        )
        written_paths.append(markdown_path)
    return written_paths


def render_page(title: str, markdown: str) -> str:
    """A document as a page of HTML; markup in a value is shown as text."""
    markdown_parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    page_body = markdown_parser.render(markdown)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>\n{page_body}</body></html>\n"
    ).replace('.md">', '.html">')


def _render_index(titles: Mapping[str, str], head: str) -> str:
    bases = {document.file_name: document.basis for document in DOCUMENTS}
    lines = ["# Documentation pack", "", head, ""]
    lines += [
        f"- [{title}]({file_name}.md)" + (f": {bases[file_name]}" if file_name in bases else "")
        for file_name, title in titles.items()
    ]
    return "\n".join(lines) + "\n"
