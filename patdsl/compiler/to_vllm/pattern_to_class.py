"""A pattern to the text of one class: for a spelling of its left side and a choice of its kernels.

In: `Choice`. Out: the text; UnsayableError where torch's matcher cannot do what the pattern says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from patdsl.compiler.to_vllm.class_to_text import ClassToText
from patdsl.compiler.to_vllm.expr_to_python import FALSE, Code, Condition, Known, UnsayableError
from patdsl.compiler.to_vllm.left_to_conditions import conditions_of
from patdsl.compiler.to_vllm.left_to_python import LeftToPython
from patdsl.compiler.to_vllm.right_to_python import RightToPython
from patdsl.compiler.to_vllm.spelling import ANNOTATIONS, Spelling
from patdsl.compiler.to_vllm.value_types import ValueTypes, typed_left
from patdsl.compiler.to_vllm.variable_names import variable
from patdsl.expr import Lit
from patdsl.graph import Pattern
from patdsl.op_table import On, Op, TorchCall
from patdsl.resolved_to_text import targets_text

_KINDS = {annotation: kind for kind, annotation in ANNOTATIONS.items()}


@attrs.frozen
class Choice:
    """`bindings` are those of the left side's steps, `chosen` those of the right side's, which ask `asked` of captured
    values. `outer` is what constants and hosts are in Python, `constants` their values where the pattern is typed.
    """

    pattern: Pattern
    ops: Mapping[str, Op]
    source: str
    outer: Mapping[str, Known]
    constants: Mapping[str, Any]
    bindings: tuple[TorchCall, ...]
    chosen: tuple[TorchCall, ...]
    asked: Mapping[str, Lit]

    def class_text(self) -> str:
        """Raises UnsayableError."""
        left = self._left(frozenset(replace.left for replace in self.pattern.replaces))
        types, right = self._right(left)
        # Now that it is known which buffers are written to, and what must be there.
        required = _required([self._conditions(left, types[view], right) for view in types])
        left = self._left(frozenset(right.made.buffers), required)
        types, right = self._right(left)
        conditions = {view: self._conditions(left, types[view], right) for view in types}
        conditions = {view: asked for view, asked in conditions.items() if FALSE not in asked}
        if not conditions:
            raise UnsayableError("what its ops ask for contradicts each other")
        targets = _common_targets([self.pattern.targets, *(each.targets for each in self.chosen)])
        if targets is None:
            raise UnsayableError("its kernels are for different hardware")
        return ClassToText(self.pattern, self.ops, self.source, targets, left, right.made, conditions).text()

    def _left(self, wanted: frozenset[str], required: frozenset[str] = frozenset()) -> Spelling:
        writer = LeftToPython(self.pattern, self.ops, self.bindings, self.outer, wanted, self.asked, required)
        return writer.run()

    def _right(self, left: Spelling) -> tuple[dict[bool, ValueTypes], RightToPython]:
        """The types without and with optional views, and the right side, written."""
        types = {}
        for view in (False, True) if left.has_view else (False,):
            found = typed_left(self.pattern, self.ops, self.constants, view)
            if found is not None:
                types[view] = _handed_over(found, left)
        if not types:
            raise UnsayableError("no graph has its left side")
        plain = types.get(False) or types[True]
        writer = RightToPython(self.pattern, self.ops, self.chosen, left, plain, types.get(True), self.outer)
        writer.run()
        return types, writer

    def _conditions(self, left: Spelling, types: ValueTypes, right: RightToPython) -> list[Condition]:
        found = conditions_of(left, self.pattern, self.ops, types, self.outer)
        found += right.conditions(types)
        found += right.made.conditions
        return [each for each in dict.fromkeys(found) if each.text is not True]


def _required(conditions: list[list[Condition]]) -> frozenset[str]:
    """The inputs that must not be None, whatever a view does."""
    parts = [{part for each in case for part in each.all_parts} for case in conditions]
    common = set.intersection(*parts) if parts else set()
    return frozenset(part.removesuffix(" is not None") for part in common if part.endswith(" is not None"))


def _common_targets(asked: Iterable[tuple[On, ...]]) -> list[str] | None:
    """The targets that all ask for; nothing where nobody asks, None where no target meets all."""
    common: list[str] | None = None
    for targets in asked:
        if targets:
            names = [targets_text([each]) for each in targets]
            common = names if common is None else [name for name in common if name in names]
    if common is None:
        return []
    return common or None


def _handed_over(types: ValueTypes, left: Spelling) -> ValueTypes:
    """The same with the names of the pattern function's parameters."""
    tensors = {
        name: "None" in kind
        for name, kind in left.params.items()
        if kind.startswith("torch.Tensor") and name not in left.buffers.values()
    }
    scalars = {
        name: Code(name, _KINDS[kind.removesuffix(" | None")])
        for name, kind in left.params.items()
        if not kind.startswith("torch.Tensor")
    }
    for known in (types.left.types, types.other.types, types.left.names):
        known.update({variable(name): known[name] for name in list(known)})
    return ValueTypes(types.left, types.other, tensors, scalars)
