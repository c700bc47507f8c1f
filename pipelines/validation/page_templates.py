"""Templates of HTML pages.

Belongs here: how templates of all pages are loaded. Does not belong here: the templates, and what they show.
"""

from pathlib import Path

import jinja2


def open_page_templates(folder: Path, *, keep_trailing_newline: bool = True) -> jinja2.Environment:
    """Open a folder of templates: every value is escaped, and unknown names are rejected.

    Args:
        folder: The folder.
        keep_trailing_newline: Whether a page ends with the line break of its template.
    """
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=keep_trailing_newline,
    )
