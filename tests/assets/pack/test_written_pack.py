"""`footsteps pack` on a demo company: every document as Markdown and as a page, whose links lead somewhere."""

import re
from pathlib import Path

from conftest import DemoRun
from typer.testing import CliRunner

from assets.cli.app import app
from assets.pack.audit_figures import NO_AUDIT
from assets.pack.documents.catalog import DOCUMENTS
from pipelines.contracts.catalog import PERSON
from pipelines.privacy.content_search import find_files_with
from pipelines.storage.lake import Lake


def test_every_document_is_written_as_markdown_and_as_a_page(demo_run: DemoRun, tmp_path: Path) -> None:
    folder = tmp_path / "pack"
    result = CliRunner().invoke(app, ["pack", str(folder), "--data-root", str(demo_run.settings.root)])
    assert result.exit_code == 0, result.output
    assert "They are drafts for your counsel." in result.output
    names = {document.file_name for document in DOCUMENTS} | {"model_card"}
    assert {path.name for path in folder.iterdir()} == (
        {f"{name}{suffix}" for name in names for suffix in (".md", ".html")} | {"README.md", "index.html"}
    )
    linked_names = re.findall(r'href="([^"]+)"', (folder / "index.html").read_text())
    assert set(linked_names) == {f"{name}.html" for name in names}
    for document in DOCUMENTS:
        markdown, page = ((folder / f"{document.file_name}{suffix}").read_text() for suffix in (".md", ".html"))
        assert markdown.startswith(f"# {document.title}\n")
        assert page.count("<li>") >= sum(len(section.statements) for section in document.sections)
        assert not re.search(r"\{\w+\}|\bNone\b", markdown)  # no placeholder is left
    assert NO_AUDIT in (folder / "works_agreement_annex.md").read_text()
    assert "<table>" in (folder / "record_of_processing.html").read_text()
    card = (folder / "model_card.md").read_text()
    assert all(f"## {heading}" in card for heading in ("Data lineage", "Drift history", "Incidents so far"))
    people = Lake(demo_run.settings.root / "lake").scan(PERSON).select("display_name", "work_email").collect()
    assert find_files_with(folder, [text for row in people.iter_rows() for text in row if text]) == []
