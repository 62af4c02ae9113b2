"""A resolved pattern -> a picture of what it finds and one of what it puts there.

In: one variant, the declared ops. Out: two `Picture`s. Tensors are arrows; what is captured, literal or written is in
what a pointer over a box shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from patdsl.draw.picture import Arrow, Box, Kind, Picture
from patdsl.graph import Pattern, RightView
from patdsl.op_table import Anything, FanOut, Op, Step, Through, Use, Values, ViewStep
from patdsl.resolved_to_text import expr_text, fan_out_text, operand_text, signature_text, type_text

_Made = dict[str, str]  # value -> the box that makes it


def pattern_pictures(pattern: Pattern, ops: Mapping[str, Op]) -> tuple[Picture, Picture]:
    """What is found, and what is put in its place."""
    drawing = _Drawing(pattern, ops)
    return drawing.left(), drawing.right()


class _Drawing:
    def __init__(self, pattern: Pattern, ops: Mapping[str, Op]) -> None:
        self.pattern, self.ops = pattern, ops
        self.fan_outs = {one.name: one for one in pattern.left.fan_outs}
        self.types = {item.name: item.type for item in pattern.inputs}
        self.boxes: list[Box] = []
        self.arrows: list[Arrow] = []
        self.made: _Made = {}

    def left(self) -> Picture:
        for at, step in enumerate(self.pattern.left.steps):
            key = f"left {at}"
            if isinstance(step, ViewStep):
                dims = ", ".join("_" if isinstance(dim, Anything) else expr_text(dim) for dim in step.dims)
                self._view(key, step.source, step.value, dims)
                continue
            kept = any(value in self.pattern.keep for _, value in step.results)
            self._call(key, "op" if kept else "gone", step.op, step.operands, step.results, step.fan_out)
        for replace in self.pattern.replaces:
            self._output(replace.left, f"`{replace.left}` is replaced by `{replace.right}`")
        for name in self.pattern.keep:
            self._output(name, f"`{name}` stays")
        return Picture("finds", tuple(self.boxes), tuple(self.arrows))

    def right(self) -> Picture:
        inherited = self._left_values()
        self.boxes, self.arrows, self.made = [], [], {}
        for at, step in enumerate(self.pattern.right):
            key = f"right {at}"
            if isinstance(step, RightView):
                self._view(key, step.source, step.value, expr_text(step.dims).strip("[]"), inherited)
            else:
                self._call(
                    key, "new", step.op, step.args, step.results, step.fan_out, inherited, step.flatten
                )
        for replace in self.pattern.replaces:
            viewed = ", viewed where leading dims differ" if replace.view else ""
            each = f" in each branch of {replace.fan_out}" if replace.fan_out else ""
            hover = f"`{replace.right}` takes the place of `{replace.left}`{each}{viewed}"
            self._output(replace.right, hover, replace.left)
        return Picture("puts there", tuple(self.boxes), tuple(self.arrows), "; ".join(self._clauses()))

    def _left_values(self) -> dict[str, str]:
        """Values of the left side that the right side may read, with the op that makes them."""
        return {
            value: step.op
            for step in self.pattern.left.steps
            if isinstance(step, Step)
            for _, value in step.results
        }

    def _clauses(self) -> Iterator[str]:
        for condition in self.pattern.where:
            yield f"where {expr_text(condition)}"
        if self.pattern.rounds:
            yield f"rounds {', '.join(self.pattern.rounds)}"

    def _call(
        self,
        key: str,
        kind: Kind,
        name: str,
        operands: tuple[tuple[str, object], ...],
        results: tuple[tuple[str, str], ...],
        fan_out: str | None,
        inherited: Mapping[str, str] | None = None,
        flatten: tuple[str, ...] = (),
    ) -> None:
        op = self.ops[name]
        said = []
        for param, operand in operands:
            tensors = list(_tensors(operand)) if op.param[param].is_tensor else []
            if not tensors:
                said.append(f"{param}={operand_text(operand)}")  # type: ignore[arg-type]
            for value, through in tensors:
                label = "" if param == value else param
                if through:
                    label = f"{label} through a view".strip() if through > 0 else f"{label} view?".strip()
                if param in flatten:
                    label = f"{label} leading dims merged".strip()
                self.arrows.append(Arrow(self._source(value, inherited), key, label, bool(through)))
        count = _count(fan_out, self.fan_outs)
        hover = [
            signature_text(op),
            *said,
            *(f"-> {value}: {self._type(op, result)}" for result, value in results),
        ]
        pairs = [text.partition("=") for text in said if not text.endswith(("=none", "=_"))]
        plain = [name if name == value else f"{name}={value}" for name, _, value in pairs]
        lines = (f"{count}{name}", *_wrapped(plain))
        self.boxes.append(Box(key, kind, lines, "\n".join(hover), repeated=bool(count)))
        self.made.update({value: key for _, value in results})

    def _type(self, op: Op, result: str) -> str:
        return type_text(op.result[result].type) if result in op.result else "tensor"

    def _view(
        self, key: str, source: str, value: str, dims: str, inherited: Mapping[str, str] | None = None
    ) -> None:
        self.arrows.append(Arrow(self._source(source, inherited), key))
        self.boxes.append(Box(key, "view", (f"view [{dims}]",), f"{value} = view({source}, [{dims}])"))
        self.made[value] = key

    def _source(self, value: str, inherited: Mapping[str, str] | None) -> str:
        """The box that makes a value: an input gets its box when it is first read."""
        if value not in self.made:
            self.made[value] = f"input {value}"
            declared = self.types.get(value)
            hover = f"input {value}" + (f": {type_text(declared)}" if declared is not None else "")
            if inherited and value in inherited:
                hover = f"{value}, which {inherited[value]} of the left side makes"
            self.boxes.append(Box(self.made[value], "input", (value,), hover))
        return self.made[value]

    def _output(self, value: str, hover: str, shown: str | None = None) -> None:
        key = f"output {shown or value}"
        self.arrows.append(Arrow(self._source(value, None), key))
        self.boxes.append(Box(key, "output", (shown or value,), hover))


def _tensors(operand: object) -> Iterator[tuple[str, int]]:
    """The values of an operand; 1 where a view must stand before it, -1 where one may."""
    if isinstance(operand, Through):
        yield operand.value, 1 if operand.at_least else -1
    elif isinstance(operand, Use):
        yield operand.value, 0
    elif isinstance(operand, Values):
        for item in operand.items:
            yield from _tensors(item)


def _count(name: str | None, fan_outs: Mapping[str, FanOut]) -> str:
    return "" if name is None else f"{fan_out_text(fan_outs[name].low, fan_outs[name].high)} "


#: The longest line of what is said in a box.
WIDEST = 34


def _wrapped(texts: list[str]) -> list[str]:
    lines: list[str] = []
    for text in texts:
        if lines and len(lines[-1]) + len(text) + 2 <= WIDEST:
            lines[-1] += f", {text}"
        else:
            lines.append(text if len(text) <= WIDEST else f"{text[: WIDEST - 3]}...")
    return lines
