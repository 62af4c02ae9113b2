"""Example inputs: one for each input, of its kind, with sizes that are all different and that type the left side."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from patdsl.compiler.ast_to_graph import resolve
from patdsl.compiler.example_inputs import example_inputs
from patdsl.compiler.graph_to_plan import constants_of
from patdsl.compiler.imports import Loader
from patdsl.compiler.left_types import LeftTypes, Opaque
from patdsl.compiler.prove import possible_left
from patdsl.compiler.symbolic import Poly
from patdsl.diagnostic import Diagnostics
from patdsl.dtypes import Dtype, is_dtype
from patdsl.locate import library_folder
from patdsl.match.found import TensorMeta
from patdsl.unify import unify_type

PAPER = Path(__file__).parent / "paper"
FILES = sorted([*Path(library_folder()).glob("*.pat"), *PAPER.glob("*.pat")])


def unit_of(path):
    loaded = Loader([PAPER]).load(path, Diagnostics())
    unit = resolve(loaded)
    assert not loaded.diagnostics.errors
    return unit


PATTERNS = [(pattern, unit) for path in FILES for unit in (unit_of(path),) for pattern in unit.patterns]


def examples_of(pattern, unit):
    return example_inputs(pattern, unit.table, constants_of(unit.passes))


def typed(pattern, unit):
    left = possible_left(pattern, unit.table, constants_of(unit.passes))
    assert left is not None
    return left


class AtSizes(LeftTypes):
    """The left side with its inputs as the examples have them. Names that a list binds by solving stay open."""

    def __init__(self, pattern, unit):
        left = typed(pattern, unit)
        super().__init__(pattern, unit.table, constants_of(unit.passes), left.case, left.ranks)
        self.examples = {example.name: example for example in examples_of(pattern, unit)}

    def _invent(self, name, declared, names):
        example = self.examples.get(name)
        if example is None:
            return super()._invent(name, declared, names)
        reason = unify_type(declared, example.dtype, example.dims, names, self.scope(names))
        assert reason is None, (name, reason)
        return TensorMeta(example.dtype, example.dims, None, "")

    def _scalar(self, name, kind):
        return self.examples[name].value if name in self.examples else super()._scalar(name, kind)


def test_the_patterns_are_read():
    assert len(PATTERNS) >= 50


@pytest.mark.parametrize(("pattern", "unit"), PATTERNS, ids=[pattern.full_name for pattern, _ in PATTERNS])
class TestEveryPattern:
    def test_each_input_has_an_example_of_its_kind(self, pattern, unit):
        examples = examples_of(pattern, unit)
        assert [example.name for example in examples] == [item.name for item in pattern.inputs]
        left = typed(pattern, unit)
        for example in examples:
            meta, value = left.types.get(example.name), left.names.get(example.name)
            if meta is not None:
                assert example.dims is not None
                assert len(example.dims) == len(meta.dims)
                assert is_dtype(example.dtype.name)
                assert example.value is None
                continue
            assert example.dims is None
            if isinstance(value, Opaque):
                wanted = {"float": float, "bool": bool, "str": str}.get(value.kind)
                assert wanted is None or type(example.value) is wanted
            elif isinstance(value, Dtype):
                assert isinstance(example.value, Dtype)
                assert is_dtype(example.value.name)
            elif isinstance(value, Poly):
                assert type(example.value) is int
                assert example.value > 0

    def test_sizes_are_distinct_and_large(self, pattern, unit):
        """Every size of its own is at least 8, and no two of them are equal by accident."""
        left = typed(pattern, unit)
        sizes = {}
        for example in examples_of(pattern, unit):
            meta = left.types.get(example.name)
            for dim, size in zip(meta.dims if meta else (), example.dims or (), strict=True):
                if isinstance(dim, Poly) and dim.constant is None:
                    assert size > 8
                    sizes.setdefault(str(left.facts.reduced(dim)), size)
                    assert sizes[str(left.facts.reduced(dim))] == size, "one dim, one size"
                elif isinstance(dim, int):
                    assert size == dim
        assert max(Counter(sizes.values()).values(), default=1) == 1, sizes

    def test_the_left_side_is_typed_at_these_sizes(self, pattern, unit):
        """What the declarations say of open sizes and of these is the same."""
        left = AtSizes(pattern, unit)
        left.run()
        for name, meta in left.types.items():
            for dim in meta.dims if meta is not None else ():
                value = left.facts.reduced(dim).constant if isinstance(dim, Poly) else dim
                assert value is None or (value >= 0 and int(value) == value), (name, meta.dims)
