"""The left side of a pattern variant to a `Block`.

In: a chain or statements, and the names that the right side takes. Out: `LeftSide`: the block and what the right side
may use by which name. Reports what a chain leaves open: parameters that are neither written, taken nor at a default.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import attrs

from patdsl.compiler.ast_to_ops import Ops
from patdsl.compiler.block_builder import LAYOUT_NAMES, BlockBuilder, operand_names
from patdsl.compiler.imports import LoadedFile
from patdsl.compiler.variants import Variant
from patdsl.diagnostic import Diagnostics, Note
from patdsl.graph import RightOperand
from patdsl.op_table import (
    Anything,
    Block,
    Const,
    NoDefault,
    OneOf,
    Op,
    Operand,
    Param,
    Step,
    Through,
    Use,
)
from patdsl.source import Span
from patdsl.syntax import ast_nodes as ast


@attrs.frozen
class LeftSide:
    """`by_param` is what the right side passes for a parameter of that name; `builder` holds names and spans.

    `leaves` are the values that no other step of the left side reads. `called` is the value that a result's name
    means in a chain: the last of that name.
    """

    block: Block
    builder: BlockBuilder
    by_param: Mapping[str, RightOperand]
    leaves: tuple[str, ...]
    called: Mapping[str, str]


def build_left(
    variant: Variant,
    dims: Collection[str],
    taken: Collection[str] | None,
    ops: Ops,
    file: LoadedFile,
    diagnostics: Diagnostics,
) -> LeftSide:
    """`dims` are the names in the types of the pattern's inputs; `taken` what the right chain takes by name,
    if that is known.
    """
    builder = BlockBuilder(
        ops, file, diagnostics, known=dims, free_names=True, replaced=variant.values, replaced_ops=variant.ops
    )
    left = variant.left
    if isinstance(left, ast.Chain):
        chain = _ChainBuilder(builder, taken, chain_span=left.span)
        chain.add(left, None, None)
        by_param = chain.by_param
    else:
        builder.add_statements(left)
        by_param = {}
    block = builder.block()
    called = _called(block) if isinstance(left, ast.Chain) else {}
    return LeftSide(block, builder, by_param, _leaves(block), called)


def _called(block: Block) -> dict[str, str]:
    results = {name: value for step in block.steps if isinstance(step, Step) for name, value in step.results}
    return {name: value for name, value in results.items() if name not in block.inputs}


def _leaves(block: Block) -> tuple[str, ...]:
    read = set()
    for step in block.steps:
        if isinstance(step, Step):
            for _, operand in step.operands:
                read.update(operand_names(operand))
        else:
            read.add(step.source)
    made = [
        value
        for step in block.steps
        for value in ([value for _, value in step.results] if isinstance(step, Step) else [step.value])
    ]
    return tuple(value for value in made if value not in read)


def report_after_group(chain: ast.Chain, group: ast.Group, diagnostics: Diagnostics) -> None:
    """A group has several ends, so that nothing says which of them an arrow behind it continues."""
    following = chain.elements[chain.elements.index(group) + 1]
    diagnostics.add(
        "PAT317",
        following.span,
        "a group ends its chain: nothing says which of its ends goes on",
        notes=[Note("the group", group.span)],
        help="put what follows into the branch that it continues",
    )


class _ChainBuilder:
    """Walks a chain; `by_param` fills up with what the right side can take by a parameter's name."""

    def __init__(self, builder: BlockBuilder, taken: Collection[str] | None, chain_span: Span) -> None:
        self.builder = builder
        self.taken = taken
        self.span = chain_span
        self.by_param: dict[str, RightOperand] = {}
        self._implicit: dict[str, tuple[str, Span]] = {}
        self._views: int | None = None

    def add(self, chain: ast.Chain, fed: Operand | None, fan_out: str | None) -> None:
        """Add the ops of a chain, the first fed by `fed` (None at the very start)."""
        for element in chain.elements:
            if isinstance(element, ast.Group):
                for inner in element.chains:
                    self.add(inner, fed, fan_out)
                if element is not chain.elements[-1]:
                    report_after_group(chain, element, self.builder.diagnostics)
                    return
            elif isinstance(element, ast.ChainOp):
                if element.function.text in LAYOUT_NAMES and element.arguments is None:
                    fed = self._through(element, fed)
                    continue
                added = self._add_op(element, fed, fan_out)
                if added is None:
                    return
                fed, fan_out = added

    def _through(self, element: ast.ChainOp, fed: Operand | None) -> Operand | None:
        at_least = 0 if element.optional else 1
        if isinstance(fed, Through):
            return Through(fed.value, max(fed.at_least, at_least))
        if isinstance(fed, Use):
            return Through(fed.value, at_least)
        self.builder.diagnostics.add(
            "PAT305", element.span, "a chain does not begin with a view", help="begin with an op"
        )
        return fed

    def _add_op(
        self, element: ast.ChainOp, fed: Operand | None, fan_out: str | None
    ) -> tuple[Operand, str | None] | None:
        builder = self.builder
        entity = builder.find_op(element.function)
        if entity is None:
            return None
        op = builder.ops.add(entity)
        feed = self._feed(op, element, fed)
        if element.fan_out is not None:
            if fan_out is not None:
                builder.diagnostics.add(
                    "PAT306",
                    element.fan_out.span,
                    "a fan-out stands inside a branch of another one",
                    help="let one of the two be a pattern of its own",
                )
            if fed is None:
                builder.diagnostics.add(
                    "PAT306",
                    element.fan_out.span,
                    "a chain does not begin with a fan-out: there is nothing yet that fans out",
                    help="put it behind the op whose consumers it counts",
                )
            fan_out = builder.add_fan_out(element.fan_out, op.name)
        before = builder.diagnostics.failures
        operands = builder.operands(op, element.arguments or (), feed)
        are_right = builder.diagnostics.failures == before
        self._remember(operands, feed)
        for param in op.params:
            if are_right and param.name not in operands:
                operands[param.name] = self._unwritten(op, param, element, fed is None)
        label = element.label.text if element.label else None
        first = builder.add_step(op, operands, (), element.span, fan_out=fan_out, label=label)
        return (Use(first), fan_out) if first is not None else None

    def _feed(self, op: Op, element: ast.ChainOp, fed: Operand | None) -> tuple[str, Operand] | None:
        if fed is None:
            return None
        param = op.first_tensor
        if param is None:
            self.builder.diagnostics.add(
                "PAT207",
                element.function.span,
                f"`{op.name}` takes no tensor: an arrow cannot feed it",
                notes=[self.builder.declared_note(op)],
                help="write the pattern as a block of statements",
            )
            return None
        return param.name, fed

    def _remember(self, operands: Mapping[str, Operand], feed: tuple[str, Operand] | None) -> None:
        for name, operand in operands.items():
            if feed is not None and name == feed[0]:
                continue
            if isinstance(operand, (Use, Const)):
                self.by_param.setdefault(name, operand)
            elif isinstance(operand, OneOf):
                self.by_param.setdefault(name, Use(operand.name))

    def _unwritten(self, op: Op, param: Param, element: ast.ChainOp, is_first: bool) -> Operand:
        """The rule for parameters not written (section 3 of the language reference)."""
        builder = self.builder
        wanted = param.name in (self.taken or ()) or (is_first and param is op.first_tensor)
        if wanted:
            before = self._implicit.get(param.name)
            if before is not None:
                builder.diagnostics.add(
                    "PAT304",
                    element.span,
                    f"`{param.name}` is captured by `{before[0]}` and again by `{op.name}`",
                    notes=[Note("captured here first", before[1])],
                    help=f"write it where it differs: {op.name}({param.name}=other), "
                    f"or in both if they must be equal: {param.name}={param.name}",
                )
            self._implicit[param.name] = (op.name, element.span)
            builder.inputs.setdefault(param.name, element.span)
            self.by_param.setdefault(param.name, Use(param.name))
            return Use(param.name)
        if isinstance(param.default, NoDefault) and self.taken is None:
            return Anything()  # the op on the right that there is not is told of alone
        if isinstance(param.default, NoDefault):
            builder.diagnostics.add(
                "PAT203",
                element.function.span,
                f"`{param.name}` of `{op.name}` is not written, has no default, and the right side does not take it",
                notes=[builder.declared_note(op)],
                help=f"write it: {op.name}({param.name}=...), or {param.name}=_ to match any value",
            )
            return Anything()
        return Const(param.default)
