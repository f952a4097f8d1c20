"""The site's hook: links that leave `docs/` lead to the repository."""

from __future__ import annotations

import re

from posixpath import dirname, join, normpath
from typing import Final, Protocol


_LINK: Final = re.compile(r"\]\((?P<target>\.\./[^)\s]+)\)")


class SourceFile(Protocol):
    """A file of the documents."""

    src_uri: str


class Page(Protocol):
    """A page of the site."""

    file: SourceFile


class SiteConfiguration(Protocol):
    """What is read of `mkdocs.yml`."""

    extra: dict[str, str]


def on_page_markdown(
    markdown: str, *, page: Page, config: SiteConfiguration, files: object
) -> str:
    """Return a page's text with such links replaced. MkDocs calls this by its name."""
    folder = join("docs", dirname(page.file.src_uri))
    repository = config.extra["repository"]

    def replaced(match: re.Match[str]) -> str:
        path = normpath(join(folder, match["target"]))
        if path.startswith("docs/"):
            return match[0]
        return f"]({repository}/{path})"

    return _LINK.sub(replaced, markdown)
