"""Makes mutants: every change that mutmut's operators know, to every function of a file, as code objects; nothing is written to disk.

Of mutmut only the operators are used. Its own way (a copy of the tree in which each function chooses among its mutants, one pytest start for each) took several
seconds a mutant; here a judge that has collected the tests forks, puts one code object into place, and runs the tests that execute the changed line.
"""

from __future__ import annotations

import ast
import difflib
import hashlib
import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.file_mutation import Mutation, MutationVisitor, deep_replace
from mutmut.mutation.mutators import mutation_operators
from mutmut.mutation.pragma_handling import IgnoredCode


@dataclass(frozen=True)
class Mutant:
    """One change to one function."""

    module: str
    function: str
    """Qualified name within the module."""
    lines: tuple[int, int]
    """First and last line of the changed statement; of the whole function where a default is changed."""
    before: str
    after: str
    """The changed lines, without indentation."""
    key: str
    """Hash of module, function and both texts of the function: the same mutant in a later version of the file."""
    source: Callable[[], str]
    """Of the whole module, changed; worked out when asked for."""


class FileMutants:
    """The mutants of one file, in the order of its text."""

    def __init__(self, root: Path, module: str) -> None:
        self.path = root / (module.replace(".", "/") + ".py")
        self.module = module
        text = self.path.read_text()
        wrapper = MetadataWrapper(cst.parse_module(text))
        visitor = MutationVisitor(mutation_operators, IgnoredCode(set(), set(), set()))
        self._tree = wrapper.visit(visitor)
        self._mutations = visitor.mutations
        self._positions = wrapper.resolve(PositionProvider)
        self._parts = [self._tree.code_for_node(statement) for statement in self._tree.body]
        self._head = "".join(self._tree.code_for_node(line) for line in self._tree.header)
        self._homes = dict(self._functions())

    def __iter__(self) -> Iterator[Mutant]:
        for mutation in self._mutations:
            function = mutation.contained_by_top_level_function
            # what stands outside of functions is evaluated at import; mutmut leaves it alone too
            if function in self._homes and not _is_words(mutation.original_node):
                yield self._mutant(mutation, function)

    def _functions(self) -> Iterator[tuple[cst.CSTNode, tuple[int, str]]]:
        """Each function with the number of its top-level statement and its qualified name."""
        for number, statement in enumerate(self._tree.body):
            if isinstance(statement, cst.FunctionDef):
                yield statement, (number, statement.name.value)
            elif isinstance(statement, cst.ClassDef) and isinstance(statement.body, cst.IndentedBlock):
                for member in statement.body.body:
                    if isinstance(member, cst.FunctionDef):
                        yield member, (number, f"{statement.name.value}.{member.name.value}")

    def _mutant(self, mutation: Mutation, function: cst.CSTNode) -> Mutant:
        number, name = self._homes[function]
        changed = deep_replace(function, mutation.original_node, mutation.mutated_node)
        old, new = self._tree.code_for_node(function), self._tree.code_for_node(changed)
        before, after = _difference(old, new)

        def source() -> str:
            statement = self._tree.body[number]
            text = self._tree.code_for_node(
                changed if statement is function else deep_replace(statement, function, changed)
            )
            return self._head + "".join([*self._parts[:number], text, *self._parts[number + 1 :]])

        key = hashlib.sha256("\0".join((self.module, name, old, new)).encode()).hexdigest()[:16]
        return Mutant(
            self.module, name, self._lines(mutation.original_node, function), before, after, key, source
        )

    def _lines(self, node: cst.CSTNode, function: cst.CSTNode) -> tuple[int, int]:
        inside = self._positions[function]
        spot = self._positions.get(node, inside)
        body = self._positions[function.body]
        if spot.start.line < body.start.line:
            return inside.start.line, inside.end.line
        best = (inside.start.line, inside.end.line)
        for found in _statements(function):
            where = self._positions[found]
            if where.start.line <= spot.start.line <= spot.end.line <= where.end.line:
                best = min(best, (where.start.line, where.end.line), key=lambda lines: lines[1] - lines[0])
        return best


def _statements(function: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """Simple statements, and the conditions of compound ones."""
    stack = [function]
    while stack:
        node = stack.pop()
        if isinstance(node, cst.SimpleStatementLine):
            yield node
            continue
        if isinstance(node, cst.If | cst.While):
            yield node.test
        elif isinstance(node, cst.For):
            yield node.iter
        stack.extend(node.children)


def _is_words(node: cst.CSTNode) -> bool:
    """A string with a blank in it is a sentence for people: other words would be as good, so no mutant is made of it."""
    return isinstance(node, cst.SimpleString) and " " in node.value


def _difference(before: str, after: str) -> tuple[str, str]:
    lines = [line for line in difflib.ndiff(before.splitlines(), after.splitlines()) if line[0] in "+-"]
    taken, put = ([line[2:].strip() for line in lines if line[0] == sign] for sign in "-+")
    return " ".join(taken), " ".join(put)


def put_into_place(mutant: Mutant) -> None:
    """Change the function in this process. Everybody who has imported it sees the change."""
    module = importlib.import_module(mutant.module)
    function = _function(module, mutant.function)
    source = mutant.source()
    function.__code__ = _code(
        compile(source, str(module.__file__), "exec", dont_inherit=True), mutant.function
    )
    node = _definition(ast.parse(source), mutant.function).args
    plain = function.__defaults__ or ()
    function.__defaults__ = tuple(map(_value, node.defaults, plain)) or None
    keyword = function.__kwdefaults__ or {}
    for argument, default in zip(node.kwonlyargs, node.kw_defaults, strict=True):
        if default is not None:
            keyword[argument.arg] = _value(default, keyword[argument.arg])


def _value(node: ast.expr, present: object) -> object:
    """Of a changed default, which is always a literal; any other stays."""
    try:
        return ast.literal_eval(node)
    except ValueError:
        return present


def _function(module: ModuleType, name: str) -> FunctionType:
    found: object = module
    for part in name.split("."):
        found = vars(found)[part]
    if isinstance(found, staticmethod | classmethod):
        found = found.__func__
    assert isinstance(found, FunctionType), name
    return found


def _code(module: CodeType, name: str) -> CodeType:
    """The code object of a function. `co_qualname` is there since Python 3.11."""
    found = module
    for part in name.split("."):
        found = next(c for c in found.co_consts if isinstance(c, CodeType) and c.co_name == part)
    return found


def _definition(module: ast.Module, name: str) -> ast.FunctionDef:
    found: ast.Module | ast.ClassDef | ast.FunctionDef = module
    for part in name.split("."):
        found = next(
            node
            for node in found.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == part
        )
    assert isinstance(found, ast.FunctionDef)
    return found
