"""Small changes to a module's source, each of which a test should detect."""

from __future__ import annotations

import difflib

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import libcst as cst

from libcst import matchers
from mutmut.mutation import mutators


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module's source with one change."""

    module: str
    source: str
    mutated: str

    @property
    def removed(self) -> str:
        """The lines that are removed, without indentation."""
        return self._changed("- ")

    @property
    def added(self) -> str:
        """The lines that are added, without indentation."""
        return self._changed("+ ")

    @property
    def diff(self) -> str:
        """The change, with the lines around it."""
        name = f"exporter/{self.module}.py"
        return "".join(
            difflib.unified_diff(
                self.source.splitlines(keepends=True),
                self.mutated.splitlines(keepends=True),
                name,
                name,
                n=2,
            )
        )

    def _changed(self, sign: str) -> str:
        lines = difflib.ndiff(self.source.splitlines(), self.mutated.splitlines())
        return "\n".join(line[2:].strip() for line in lines if line.startswith(sign))


def mutants(module: str, source: str) -> list[Mutant]:
    """Return all mutants of a module, in the order of its lines."""
    tree = cst.parse_module(source)
    found = {}
    for node in _mutable(tree):
        for kind, mutate in _OPERATORS:
            if isinstance(node, kind):
                for changed in mutate(node):
                    mutated = tree.deep_replace(node, changed).code
                    found[mutated] = Mutant(module, source, mutated)
    return list(found.values())


def _mutable(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    for child in node.children:
        # What only the type checker or the reader sees cannot fail a test.
        if not isinstance(child, (cst.Annotation, cst.Decorator, cst.ImportFrom)):
            yield child
            yield from _mutable(child)


def _negated(node: cst.If | cst.While) -> Iterable[cst.CSTNode]:
    test = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
    yield node.with_changes(test=cst.UnaryOperation(cst.Not(), test))


def _nothing_done(node: cst.SimpleStatementLine) -> Iterable[cst.CSTNode]:
    call = matchers.Expr(matchers.Call() | matchers.Await())
    if matchers.matches(node, matchers.SimpleStatementLine([call])):
        yield node.with_changes(body=[cst.Pass()])


def _nothing_returned(node: cst.Return) -> Iterable[cst.CSTNode]:
    if node.value and not matchers.matches(node.value, matchers.Name("None")):
        yield node.with_changes(value=cst.Name("None"))


def _assigned(node: cst.Assign) -> Iterable[cst.CSTNode]:
    # Where False is assigned, None means the same; True is another mutation.
    if not matchers.matches(node.value, matchers.Name("True") | matchers.Name("False")):
        yield from mutators.operator_assignment(node)


# mutmut's own mutations that change texts or drop arguments are left out: the first
# matter little where texts are for people, the second nearly always end in a TypeError.
_OPERATORS = [
    (cst.BaseNumber, mutators.operator_number),
    (cst.Name, mutators.operator_name),
    (cst.Assign, _assigned),
    (cst.AugAssign, mutators.operator_augmented_assignment),
    (cst.UnaryOperation, mutators.operator_remove_unary_ops),
    (cst.CSTNode, mutators.operator_keywords),
    (cst.CSTNode, mutators.operator_swap_op),
    (cst.Match, mutators.operator_match),
    (cst.IfExp, mutators.operator_if_exp),
    ((cst.If, cst.While), _negated),
    (cst.SimpleStatementLine, _nothing_done),
    (cst.Return, _nothing_returned),
]
