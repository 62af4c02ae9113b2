"""What Python can ask of the tensors that a match hands over, about every value of a left side.

In: the left side typed for two ranks of its inputs (`left_types.py`), and which names a match hands over. Out: dims,
dtypes and ranks as `Code` over these names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import attrs

from patdsl.compiler.left_types import Case, LeftTypes
from patdsl.compiler.prove import possible_left
from patdsl.compiler.symbolic import Poly
from patdsl.compiler.to_vllm.expr_to_python import Code, Known, TensorCode
from patdsl.compiler.to_vllm.variable_names import variable
from patdsl.dtypes import Dtype, is_dtype
from patdsl.expr import Lit, Ref
from patdsl.graph import Pattern
from patdsl.match.found import TensorMeta
from patdsl.op_table import Op, ViewStep

VIEWS = {False: "same", True: "merged"}


@attrs.define
class ValueTypes:
    """`tensors`: the names that hand over a tensor, and whether it may be None; `scalars`: those of numbers."""

    left: LeftTypes
    other: LeftTypes
    tensors: Mapping[str, bool] = attrs.Factory(dict)
    scalars: Mapping[str, Code] = attrs.Factory(dict)

    def tensor(self, value: str) -> TensorCode:
        value = variable(value) if variable(value) in self.tensors else value
        optional = self.tensors.get(value)
        text = None if optional is None else value
        meta = self.left.types.get(value)
        needs = value if optional else ""
        dtype = self.dtype(meta.dtype) if meta is not None else None
        rank = self._rank(value, meta)
        if text is not None:
            is_fixed = isinstance(dtype, Lit)
            dtype = dtype if is_fixed and not optional else Code(f"{text}.dtype", "dtype", needs)
            rank = Code(f"{text}.dim()", "int", needs)
        return TensorCode(text, dtype, rank, bool(optional))

    def dtype(self, dtype: Dtype) -> Code | Lit | None:
        known = dtype.resolved
        if is_dtype(known.name):
            return Lit(known)
        for name, optional in self.tensors.items():
            meta = self.left.types.get(name)
            if meta is not None and meta.dtype.resolved == known and not optional:
                return Code(f"{name}.dtype", "dtype")
        for name, optional in self.tensors.items():
            meta = self.left.types.get(name)
            if meta is not None and meta.dtype.resolved == known:
                return Code(f"{name}.dtype", "dtype", name if optional else "")
        return None

    def is_open(self, value: str) -> bool:
        """Whether the value's rank is left open by its type."""
        one, other = self.left.types.get(value), self.other.types.get(value)
        return one is None or other is None or len(one.dims) != len(other.dims)

    def leading(self, value: str) -> str | None:
        """Python of the leading dims of a value whose rank is open: those of a tensor that has the same."""
        meta = self.left.types.get(value)
        for name in self.tensors:
            found = self.left.types.get(name)
            if meta is None or found is None or not (self.is_open(value) and self.is_open(name)):
                continue
            if self._alike(found, meta):
                fixed = len(found.dims) - 2
                return f"{name}.shape[:-{fixed}]" if fixed else f"{name}.shape"
        return None

    def tail(self, value: str) -> int:
        """How many dims stand behind those that are left open."""
        meta = self.left.types[value]
        assert meta is not None
        return len(meta.dims) - 2 if self.is_open(value) else len(meta.dims)

    def _rank(self, value: str, meta: TensorMeta | None) -> Code | Lit | None:
        if meta is None:
            return None
        if not self.is_open(value):
            return Lit(len(meta.dims))
        for name in self.tensors:
            found = self.left.types.get(name)
            if found is not None and self.is_open(name) and self._alike(found, meta):
                more = len(meta.dims) - len(found.dims)
                return Code(f"{name}.dim()" if not more else f"({name}.dim() {more:+d})", "int")
        return None

    def dim(self, size: Any) -> Code | Lit | None:
        """A size over what a match hands over."""
        if isinstance(size, int):
            return Lit(size)
        if not isinstance(size, Poly):
            return None
        if size.constant is not None:
            return Lit(int(size.constant))
        whole = self._source(size)
        if whole is not None:
            return whole
        terms = []
        for monomial, coefficient in size.terms.items():
            text = _factor(coefficient)
            if text is None:
                return None
            factors = [text] if text != "1" else []
            for name, power in monomial:
                source = self._source(Poly.var(name))
                if source is None or power < 1:
                    return None
                factors += [source.text] * power
            terms.append(" * ".join(factors))
        return Code(f"({' + '.join(terms)})", "dim")

    def _source(self, size: Poly) -> Code | None:
        for name, code in self.scalars.items():
            if self._equal(self.left.names.get(name), size):
                return code
        for name, at, dim in self.dims_of_tensors():
            if self._equal(dim, size) and not self.tensors[name]:
                return Code(f"{name}.shape[{at}]", "dim")
        return None

    def dims_of_tensors(self) -> Iterator[tuple[str, int, Any]]:
        """Every dim whose place is fixed: tensor, index, size. Behind dims left open it is counted from the end."""
        for name in self.tensors:
            meta = self.left.types.get(name)
            if meta is None:
                continue
            open_dims = 2 if self.is_open(name) else 0
            for at, dim in enumerate(meta.dims):
                if at >= open_dims:
                    yield name, at - len(meta.dims) if open_dims else at, dim

    def _alike(self, one: TensorMeta, other: TensorMeta) -> bool:
        """Whether the dims that are left open are the same."""
        return all(self._equal(a, b) for a, b in zip(one.dims[:2], other.dims[:2], strict=True))

    def _same_dims(self, one: TensorMeta | None, other: TensorMeta | None) -> bool:
        if one is None or other is None or len(one.dims) != len(other.dims):
            return False
        return all(self._equal(a, b) for a, b in zip(one.dims, other.dims, strict=True))

    def _equal(self, one: Any, other: Any) -> bool:
        if isinstance(one, Poly) and isinstance(other, Poly):
            reduced = self.left.facts.reduced
            return reduced(one).terms == reduced(other).terms
        return type(one) is type(other) is int and one == other

    def named(self, name: str) -> Known | None:
        """A dim or dtype by its name in the pattern."""
        bound = self.left.names.get(name)
        if isinstance(bound, Dtype):
            return self.dtype(bound)
        return self.dim(bound) if isinstance(bound, (int, Poly)) else None

    def first_dim(self, name: str) -> Code | None:
        """A name that only the first dim of a view has: what is left of a tensor's size."""
        for step in self.left.pattern.left.steps:
            if not isinstance(step, ViewStep) or step.dims[0] != Ref(name):
                continue
            meta = self.left.types.get(step.source)
            rest = [
                self.dim(self.left.names.get(d.name)) if isinstance(d, Ref) else None for d in step.dims[1:]
            ]
            sizes = [
                str(each.value if isinstance(each, Lit) else each.text) for each in rest if each is not None
            ]
            for tensor in self.tensors if meta is not None and len(sizes) == len(rest) else ():
                if self._same_dims(self.left.types.get(tensor), meta):
                    return Code(f"({tensor}.numel() // ({' * '.join(sizes)}))", "dim")
        return None


def typed_left(
    pattern: Pattern, ops: Mapping[str, Op], constants: Mapping[str, Any], view: bool
) -> ValueTypes | None:
    """None where no graph has this left side with, or without, its optional views."""
    left = possible_left(pattern, ops, constants, [Case(2, VIEWS[view]), Case(1, VIEWS[view])])
    other = possible_left(pattern, ops, constants, [Case(1, VIEWS[view]), Case(3, VIEWS[view])])
    if left is None or other is None:
        return None
    left.facts.assuming = False  # what is not said to be equal is not
    return ValueTypes(left, other)


def _factor(coefficient: Fraction) -> str | None:
    return str(int(coefficient)) if coefficient.denominator == 1 and coefficient > 0 else None
