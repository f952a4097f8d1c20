"""The documents, with their blocks of commands and files."""

import re
import textwrap

from dataclasses import dataclass
from pathlib import Path


ROOT = Path(__file__).parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    *sorted(ROOT.glob("docs/**/*.md")),
    ROOT / "deploy/helm/modelarts-exporter/README.md",
]

_BLOCK = re.compile(
    r"^(?P<indent> *)(?:<!-- (?P<marker>[a-z]+: [a-z ]+) -->\n(?P=indent))?"
    r"```(?P<language>\w+)(?: title=\"(?P<title>[^\"]+)\")?\n"
    r"(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A fenced block; `marker` is the comment above it, `title` is its file name."""

    document: Path
    line: int
    language: str
    marker: str | None
    title: str | None
    text: str

    def __str__(self):
        return f"{self.document.relative_to(ROOT)}:{self.line}"


def blocks(language):
    """Return the blocks of a language in all documents."""
    return [
        Block(
            document=document,
            line=text[: match.start("text")].count("\n") + 1,
            language=language,
            marker=match["marker"],
            title=match["title"],
            text=textwrap.dedent(match["text"]),
        )
        for document in DOCUMENTS
        for text in [document.read_text()]
        for match in _BLOCK.finditer(text)
        if match["language"] == language
    ]


def slugs(document):
    """Return the anchors of a document's headings, as GitHub and the site make them."""
    text = re.sub(
        r"^ *```.*?^ *```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL
    )
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    }
