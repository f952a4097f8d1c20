"""
Limits the size to which YAML may expand, checked before it is parsed.

A few lines of aliases can expand to 10⁹ values. Events are counted with libyaml if
PyYAML has it, which is 20 times as fast as its own parser.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import yaml


MAX_NODES: Final = 100_000
MAX_DEPTH: Final = 50

_LOADERS: Final = (getattr(yaml, "CSafeLoader", yaml.SafeLoader), yaml.SafeLoader)


def limit_exceeded(source: str) -> tuple[int, str] | None:
    """Return the line where `source` exceeds a limit, and which one; None if none."""
    for loader in _LOADERS:
        try:
            return _count(source, loader)
        except (yaml.YAMLError, ValueError, OverflowError):
            # libyaml is stricter. Invalid YAML is reported when it is parsed.
            continue
    return None


def _count(source: str, loader: type[yaml.SafeLoader]) -> tuple[int, str] | None:
    counted = _Counted()
    for event in yaml.parse(source, Loader=loader):
        problem = counted.add(event)
        if problem is not None:
            return (event.start_mark.line + 1 if event.start_mark else 0), problem
    return None


@dataclass(slots=True)
class _Counted:
    """Nodes counted so far: in total, and per anchor."""

    nodes: int = 0
    sizes: dict[str, int] = field(default_factory=dict)
    opened: list[tuple[str | None, int]] = field(default_factory=list)

    def add(self, event: yaml.Event) -> str | None:
        """Count an event; return the limit that it exceeds, or None."""
        if isinstance(event, yaml.AliasEvent):
            if any(anchor == event.anchor for anchor, _ in self.opened):
                return "an alias must not be inside its own anchor"
            self.nodes += self.sizes.get(event.anchor or "", 1)
        elif isinstance(event, yaml.NodeEvent):
            self.nodes += 1
            if isinstance(event, yaml.CollectionStartEvent):
                self.opened.append((event.anchor, self.nodes))
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = self.opened.pop()
            if anchor is not None:
                self.sizes[anchor] = self.nodes - before + 1
        if self.nodes > MAX_NODES:
            return f"more than {MAX_NODES} keys and values, counting aliases"
        if len(self.opened) > MAX_DEPTH:
            return f"nested too deep: more than {MAX_DEPTH} levels"
        return None
