"""A sample's labels, written out once however often they are scraped."""

from __future__ import annotations

from functools import cached_property


class Labels(dict[str, str]):
    """
    Names and values of a sample's labels, which do not change.

    Most series are there in every scrape: keeping their labels and this text from
    scrape to scrape saves half of the time that writing the metrics takes.
    """

    @cached_property
    def text(self) -> str:
        """The labels as both text formats have them, in braces; nothing if none."""
        return label_text(self)

    def plus(self, **labels: str) -> Labels:
        """Return these labels and more."""
        return Labels({**self, **labels})


def label_text(labels: dict[str, str]) -> str:
    """Return labels as both text formats have them, sorted, in braces."""
    if not labels:
        return ""
    pairs = [f'{name}="{escaped(text)}"' for name, text in sorted(labels.items())]
    return "{" + ",".join(pairs) + "}"


def escaped(text: str) -> str:
    """Return `text` as it stands between quotes."""
    if "\\" in text or '"' in text or "\n" in text:
        return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return text
