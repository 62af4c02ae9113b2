"""A pattern declaration to its variants: parameters chosen, alternatives taken, optional ops present or absent.

In: `PatternDecl`. Out: `Variant` values whose left chain is free of alternatives and whose optional ops are gone or
plain; the right chain re-applies those that are present. `view?` stays: it is one pattern, not two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from math import prod

import attrs

from patdsl.compiler.ast_to_expr import ARITY, Names, resolve_expr
from patdsl.compiler.imports import Entity, LoadedFile, unknown_name
from patdsl.diagnostic import Diagnostics, Note
from patdsl.dtypes import is_dtype
from patdsl.expr import Expr
from patdsl.syntax import ast_nodes as ast

#: More variants than this are a mistake or an attack.
MOST_VARIANTS = 256
#: The largest number of variants that a message spells out: the true one may have thousands of digits.
MOST_COUNTED = 1_000_000
#: A pattern of more ops than this, too: no graph repeats so much.
MOST_OPS = 256


@attrs.frozen
class Variant:
    """One choice. `label` names it ("" where there is nothing to choose)."""

    label: str
    values: Mapping[str, Expr]
    ops: Mapping[str, Entity]
    left: ast.Chain | tuple[ast.Statement, ...]
    right: ast.Chain | tuple[ast.Statement, ...]


@attrs.frozen
class _Taken:
    """One way through a chain: what was chosen, in words, the elements, and the optional ops that are present."""

    words: tuple[str, ...]
    elements: tuple[ast.ChainOp | ast.Group | ast.Alternatives, ...]
    present: Mapping[str, ast.ChainOp]


def expand(decl: ast.PatternDecl, file: LoadedFile, diagnostics: Diagnostics) -> list[Variant]:
    """Every variant of a pattern, in the order written."""
    size = sum(1 for _ in op_names(decl.left)) + sum(1 for _ in op_names(decl.right))
    if size > MOST_OPS:
        diagnostics.add(
            "PAT318",
            decl.name.span,
            f"`{decl.name.text}` names {size:,} ops, more than {MOST_OPS}",
            help="split it into several patterns",
        )
        return []
    before = diagnostics.failures
    choices = [_settings(param, file, diagnostics) for param in decl.parameters]
    if diagnostics.failures > before:
        return []
    ways = _count(decl.left) if isinstance(decl.left, ast.Chain) else 1
    count = prod(map(len, choices)) * ways
    if count > MOST_VARIANTS:
        shown = count if count <= MOST_COUNTED else f"over {MOST_COUNTED}"
        diagnostics.add(
            "PAT315",
            decl.name.span,
            f"`{decl.name.text}` has {shown} variants, more than {MOST_VARIANTS}",
            help="split it into several patterns",
        )
        return []
    settings = list(product(*choices))
    taken = _take(decl.left) if isinstance(decl.left, ast.Chain) else [None]
    optional = {name for way in taken if way is not None for name in way.present}
    found = []
    for setting in settings:
        values = {name: value for one in setting for name, value in one[1].items()}
        ops = {name: entity for one in setting for name, entity in one[2].items()}
        words = [one[0] for one in setting]
        for way in taken:
            if way is None or not isinstance(decl.left, ast.Chain):
                found.append(Variant(", ".join(words), values, ops, decl.left, decl.right))
                continue
            label = ", ".join([*words, *way.words])
            left = attrs.evolve(decl.left, elements=way.elements)
            found.append(
                Variant(label, values, ops, left, _reapply(decl.right, way.present, optional, diagnostics))
            )
    return found


_Setting = tuple[str, dict[str, Expr], dict[str, Entity]]


def _settings(param: ast.PatternParameter, file: LoadedFile, diagnostics: Diagnostics) -> list[_Setting]:
    found: list[_Setting] = []
    names = [name.text for name in param.names]
    seen: set[str] = set()
    for option in param.options:
        items = option.items if isinstance(option, ast.TupleExpr) else (option,)
        if len(items) != len(names):
            diagnostics.add(
                "PAT314",
                option.span,
                f"{len(items)} value{'s' * (len(items) != 1)} for {len(names)} "
                f"parameter{'s' * (len(names) != 1)} ({', '.join(names)})",
                help=f"write ({', '.join(names)}) for each option" if len(names) > 1 else "write one value",
            )
            continue
        word = ", ".join(f"{name}={item.span.text}" for name, item in zip(names, items, strict=True))
        if word in seen:
            diagnostics.add(
                "PAT314", option.span, f"the option `{word}` is given twice", help="leave one of them"
            )
            continue
        seen.add(word)
        values: dict[str, Expr] = {}
        ops: dict[str, Entity] = {}
        for name, item in zip(names, items, strict=True):
            entity = file.lookup(item.text) if isinstance(item, ast.Name) else None
            if entity is not None and entity.kind == "op":
                ops[name] = entity
            elif isinstance(item, ast.Name) and entity is None and not is_dtype(item.text):
                unknown_name(file, item.span, "name", item.text, file.known("op", "const", "host"))
            else:
                values[name] = resolve_expr(item, Names(file, diagnostics))
        found.append((word, values, ops))
    return found


def _count(chain: ast.Chain) -> int:
    """How many ways `_take` would find. Counted first: forty optional ops in a group are a million million ways."""
    return prod(map(_count_element, chain.elements))


def _count_element(element: ast.ChainOp | ast.Group | ast.Alternatives) -> int:
    if isinstance(element, ast.Alternatives):
        return sum(map(_count, element.chains))
    if isinstance(element, ast.Group):
        return prod(map(_count, element.chains))
    return 2 if _may_be_absent(element) else 1


def _may_be_absent(op: ast.ChainOp) -> bool:
    """`name?`, but not `view?`, which stays one pattern."""
    return op.optional and op.function.text != "view"


def _take(chain: ast.Chain) -> list[_Taken]:
    """Every way through a chain, at most `MOST_VARIANTS`: the caller has counted them."""
    ways = [_Taken((), (), {})]
    for element in chain.elements:
        ways = [
            _Taken(
                (*way.words, *more.words), (*way.elements, *more.elements), {**way.present, **more.present}
            )
            for way in ways
            for more in _take_element(element)
        ]
    return ways


def _take_element(element: ast.ChainOp | ast.Group | ast.Alternatives) -> list[_Taken]:
    if isinstance(element, ast.Alternatives):
        return [
            attrs.evolve(way, words=(_word(chain), *way.words))
            for chain in element.chains
            for way in _take(chain)
        ]
    if isinstance(element, ast.Group):
        ways = []
        for choice in product(*(_take(chain) for chain in element.chains)):
            chains = tuple(
                attrs.evolve(chain, elements=way.elements)
                for chain, way in zip(element.chains, choice, strict=True)
            )
            words = tuple(word for way in choice for word in way.words)
            present = {name: op for way in choice for name, op in way.present.items()}
            ways.append(_Taken(words, (attrs.evolve(element, chains=chains),), present))
        return ways
    if _may_be_absent(element):
        name = element.label.text if element.label else element.function.text
        plain = attrs.evolve(element, optional=False)
        return [_Taken((name,), (plain,), {name: plain}), _Taken((f"no {name}",), (), {})]
    return [_Taken((), (element,), {})]


def _word(chain: ast.Chain) -> str:
    return " -> ".join(
        element.function.text if isinstance(element, ast.ChainOp) else "(...)" for element in chain.elements
    )


def _reapply(
    right: ast.Chain | tuple[ast.Statement, ...],
    present: Mapping[str, ast.ChainOp],
    optional: set[str],
    diagnostics: Diagnostics,
) -> ast.Chain | tuple[ast.Statement, ...]:
    """The right chain with `name?` replaced by the optional op where it is present, and dropped where not."""
    if not isinstance(right, ast.Chain):
        return right
    elements: list[ast.ChainOp | ast.Group | ast.Alternatives] = []
    for element in right.elements:
        if not (isinstance(element, ast.ChainOp) and _may_be_absent(element)):
            elements.append(element)
        elif element.function.text in present:
            again = present[element.function.text]
            elements.append(attrs.evolve(again, span=element.span, label=None))
        elif element.function.text not in optional:
            diagnostics.add(
                "PAT316",
                element.span,
                f"no optional op `{element.function.text}` on the left",
                notes=[Note(f"optional ops: {', '.join(sorted(optional)) or 'none'}")],
                help=f"name it on the left: {element.function.text}: op?",
            )
    return attrs.evolve(right, elements=tuple(elements))


def op_names(side: ast.Chain | tuple[ast.Statement, ...]) -> Iterator[ast.Name]:
    """The ops that a side names, in order. Functions of expressions are left out."""
    if isinstance(side, ast.Chain):
        for element in side.elements:
            if isinstance(element, ast.ChainOp):
                yield element.function
                for argument in element.arguments or ():
                    yield from _called(argument.value)
            else:
                for inner in element.chains:
                    yield from op_names(inner)
        return
    for statement in side:
        yield from _called(statement.value)


def _called(value: ast.Expr) -> Iterator[ast.Name]:
    if isinstance(value, ast.Call):
        if value.function.text not in ARITY:
            yield value.function
        for argument in value.arguments:
            yield from _called(argument.value)
    elif isinstance(value, ast.ListExpr):
        for item in value.items:
            yield from _called(item)
