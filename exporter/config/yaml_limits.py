"""
Limits on what YAML may expand to, looked at before it is read.

A few lines of aliases can stand for 10⁹ values. Events are counted with libyaml where
PyYAML has it: that is 20 times as fast as its own parser.
"""

from __future__ import annotations

from typing import Final

import yaml


MAX_NODES: Final = 100_000
MAX_DEPTH: Final = 50

_LOADERS: Final = (getattr(yaml, "CSafeLoader", yaml.SafeLoader), yaml.SafeLoader)


def limit_exceeded(source: str) -> tuple[int, str] | None:
    """Return the line where `source` goes beyond a limit, and beyond which; or None."""
    for loader in _LOADERS:
        try:
            return _count(source, loader)
        except (yaml.YAMLError, ValueError, OverflowError):
            # libyaml is stricter; and what is no YAML is told by whoever reads it.
            continue
    return None


def _count(source: str, loader: type[yaml.SafeLoader]) -> tuple[int, str] | None:
    nodes = 0
    sizes: dict[str, int] = {}
    opened: list[tuple[str | None, int]] = []
    for event in yaml.parse(source, Loader=loader):
        line = event.start_mark.line + 1 if event.start_mark else 0
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in opened):
                return line, "an alias must not stand in what it refers to"
            nodes += sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.NodeEvent):
            nodes += 1
            if isinstance(event, yaml.CollectionStartEvent):
                opened.append((event.anchor, nodes))
            elif event.anchor is not None:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            if anchor is not None:
                sizes[anchor] = nodes - before + 1
        if nodes > MAX_NODES:
            return line, f"more than {MAX_NODES} keys and values, counting aliases"
        if len(opened) > MAX_DEPTH:
            return line, f"nested too deep: more than {MAX_DEPTH} levels"
    return None
