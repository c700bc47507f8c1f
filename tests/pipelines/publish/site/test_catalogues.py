"""The texts of the pages in every language: each has a translation, and what runs is what was translated.

`WRITE_CATALOGUES=1 pytest tests/pipelines/publish/site/test_catalogues.py` adds the texts of code and templates to the
catalogues (`.po`), removes those that no page has, and compiles them (`.mo`). New texts are then translated by hand.
"""

import io
import os
import re
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

import assets.web
from pipelines.publish.site.language import CATALOGUE_NAME, LANGUAGE_CODES, LOCALE_FOLDER

TRANSLATED_CODES = [code for code in LANGUAGE_CODES if code != "en"]
# The pages, and what the web application adds to them.
TEXT_FOLDERS = [LOCALE_FOLDER.parent, Path(assets.web.__file__).parent]
EXTRACTORS = [("**.py", "python"), ("**.j2", "jinja2.ext.babel_extract")]
MARKERS = {
    **dict.fromkeys(("_", "message", "translate")),
    **dict.fromkeys(("counted_message", "translate_count", "count_text"), (1, 2)),
}
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def catalogue_path(code: str, ending: str) -> Path:
    return LOCALE_FOLDER / code / "LC_MESSAGES" / f"{CATALOGUE_NAME}.{ending}"


def extract_template() -> Catalog:
    """All texts of code and templates."""
    template = Catalog()
    for folder in TEXT_FOLDERS:
        for _, _, text, _, _ in extract_from_dir(str(folder), EXTRACTORS, keywords=MARKERS):
            template.add(text)
    return template


def read_catalogue(code: str) -> Catalog:
    with catalogue_path(code, "po").open("rb") as po_file:
        return read_po(po_file, locale=code, abort_invalid=True)


def compile_catalogue(catalogue: Catalog) -> bytes:
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    return compiled.getvalue()


@pytest.fixture(scope="module")
def template() -> Catalog:
    template = extract_template()
    if os.environ.get("WRITE_CATALOGUES"):
        for code in TRANSLATED_CODES:
            catalogue = read_catalogue(code)
            catalogue.update(template, no_fuzzy_matching=True, update_header_comment=False, update_creation_date=False)
            with catalogue_path(code, "po").open("wb") as po_file:
                write_po(po_file, catalogue, width=120, ignore_obsolete=True)
            catalogue_path(code, "mo").write_bytes(compile_catalogue(read_catalogue(code)))
    return template


@pytest.mark.parametrize("code", TRANSLATED_CODES)
def test_every_text_has_a_translation_and_no_other_has_one(template: Catalog, code: str) -> None:
    catalogue = read_catalogue(code)
    assert len(template) > 200
    assert {text.id for text in template if text.id} == {text.id for text in catalogue if text.id}
    for text in catalogue:
        forms = text.string if isinstance(text.string, list | tuple) else [text.string]
        assert all(form.strip() for form in forms), text.id
        assert len(forms) == (catalogue.num_plurals if text.pluralizable else 1), text.id
        assert not text.fuzzy, text.id


@pytest.mark.parametrize("code", TRANSLATED_CODES)
def test_a_translation_has_the_placeholders_of_its_text(code: str) -> None:
    for text in read_catalogue(code):
        if text.id:
            ids = text.id if text.pluralizable else [text.id]
            placeholders = {frozenset(PLACEHOLDER.findall(form)) for form in ids}
            forms = text.string if text.pluralizable else [text.string]
            assert {frozenset(PLACEHOLDER.findall(form)) for form in forms} == placeholders, text.id
            # a stray sign would make the formatting fail
            if any(placeholders):
                assert all("%" not in PLACEHOLDER.sub("", form) for form in forms), text.id


@pytest.mark.parametrize("code", TRANSLATED_CODES)
def test_a_compiled_catalogue_is_that_of_its_source(code: str) -> None:
    assert catalogue_path(code, "mo").read_bytes() == compile_catalogue(read_catalogue(code))
