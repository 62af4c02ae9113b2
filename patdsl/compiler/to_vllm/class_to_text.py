"""A class of the module as text: one spelling of a pattern's left side, one choice of its kernels.

In: the pattern, its left and right side as Python, what a match must meet. Out: what stands below its
`class NAME(Fusion):`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import attrs

from patdsl.compiler.data_to_python import printable
from patdsl.compiler.to_vllm.call_to_lines import overload, writes
from patdsl.compiler.to_vllm.expr_to_python import Condition, UnsayableError, all_of
from patdsl.compiler.to_vllm.function_to_text import function_lines
from patdsl.compiler.to_vllm.pattern_to_choices import TORCHS
from patdsl.compiler.to_vllm.python_lines import all_lines, fitted, tuple_text
from patdsl.compiler.to_vllm.spelling import Replacement, Spelling
from patdsl.expr import Ref
from patdsl.graph import Only, Pattern
from patdsl.op_table import Give, Op, Step, TorchCall, ViewStep, reached

#: A fan-out without an upper count is registered for so many branches.
MOST_BRANCHES = 4


@attrs.frozen
class ClassToText:
    """`source` are the lines of the `.pat` file; `conditions` are those without and with optional views, where a match
    can be one.
    """

    pattern: Pattern
    ops: Mapping[str, Op]
    source: str
    targets: Sequence[str]
    left: Spelling
    right: Replacement
    conditions: Mapping[bool, Sequence[Condition]]

    def text(self) -> str:
        """Raises UnsayableError."""
        pattern = self._function("pattern", self.left.names)
        replacement = self._function("replacement", {**self.right.values, **self.left.unchanged})
        parts = [self._docstring(), self._attributes(), self._check(), pattern, replacement]
        return "\n\n".join("\n".join(part) for part in parts if part)

    def _docstring(self) -> list[str]:
        variant = f", variant {self.pattern.variant}" if self.pattern.variant else ""
        source = [f"    {_quotable(each)}".rstrip() for each in self.source.splitlines()]
        return [f'    """{printable(f"{self.pattern.place}{variant}:")}', "", *source, '    """']

    def _attributes(self) -> list[str]:
        left, right, pattern = self.left, self.right, self.pattern
        lines: list[str] = []
        needs = [op for op in {**left.ops, **right.ops} if not op.startswith(TORCHS)]
        lines += _tuple("needs", _quoted(overload(op) for op in needs))
        if self.targets:
            lines += _tuple("targets", _quoted(self.targets))
        if list(self.conditions) != [False]:
            lines += _tuple("views", map(str, self.conditions))
        if left.fan_out is not None:
            low = max(left.fan_out.low, 1)
            high = left.fan_out.high or max(MOST_BRANCHES, low)
            lines += _tuple("branches", map(str, range(low, high + 1)))
        effects = self._effects()
        if effects:
            lines += _tuple("effects", _quoted(effects))
        order = self._order()
        restride = [str(order.index(value)) for value in pattern.restride if value in order]
        if restride:
            lines += _tuple("restride", restride)
        only = [
            f'({order.index(each.value)}, "{overload(binding.target)}", {position})'
            for each in pattern.only
            for binding, position in self._readers(each)
        ]
        if only:
            lines += _tuple("only", only)
        return lines

    def _order(self) -> list[str]:
        """The replaced values: those of branches first, then what is computed last. Behind them what is unchanged."""
        made: dict[str, tuple[bool, int]] = {}
        for index, step in enumerate(self.pattern.left.steps):
            values = [step.value] if isinstance(step, ViewStep) else [value for _, value in step.results]
            made.update((value, (step.fan_out is None, -index)) for value in values)
        return [
            *sorted((replace.left for replace in self.pattern.replaces), key=made.__getitem__),
            *self.left.unchanged,
        ]

    def _readers(self, only: Only) -> Iterator[tuple[TorchCall, int]]:
        """The calls that may read a value afterwards, and by which operand."""
        found = False
        for binding in reached(only.op, self.ops):
            if not isinstance(binding, TorchCall) or not writes(binding):
                continue
            for key, arg in binding.args:
                if arg == Give(Ref(only.param)) and isinstance(key, int):
                    found = True
                    yield binding, key
        if not found:
            raise UnsayableError(f"nothing tells the readers of `{only.value}` by an operand")

    def _effects(self) -> list[str]:
        """The ops that share an effect with the pattern's, unless all of them only read."""
        own = {
            effect
            for step in self.pattern.left.steps
            if isinstance(step, Step)
            for effect in self.ops[step.op].effects
        }
        names = {effect.name: all(e.read_only for e in own if e.name == effect.name) for effect in own}
        found: dict[str, None] = {}
        for op in self.ops.values():
            if any(e.name in names and not (names[e.name] and e.read_only) for e in op.effects):
                for binding in reached(op.name, self.ops):
                    if isinstance(binding, TorchCall):
                        found.setdefault(overload(binding.target))
        return sorted(found)

    def _check(self) -> list[str]:
        parts = {view: all_of([*asked]).all_parts if asked else () for view, asked in self.conditions.items()}
        texts = [
            each for each in next(iter(parts.values())) if all(each in other for other in parts.values())
        ]
        for view, asked in parts.items():
            own = [each for each in asked if each not in texts]
            if own:
                texts.append(f"({'not view' if view else 'view'} or {' and '.join(own)})")
        texts = _without_weaker(texts)
        if not texts:
            return []
        used = set(re.findall(r"\w+", " ".join(texts)))
        names = [name for name in self.left.params if name in used]
        lines = fitted(f"def check(self, *, {', '.join([*names, '**_'])}) -> bool:", 4)
        lines += ["        view = self.view"] if "view" in used else []
        lines += ["        hosts = self.hosts"] if "hosts" in used else []
        return [*lines, *all_lines(texts, 8)]

    def _function(self, name: str, values: Mapping[str, str]) -> list[str]:
        order = self._order()
        in_branch = {replace.left for replace in self.pattern.replaces if replace.fan_out is not None}
        body = self.left.lines if name == "pattern" else self.right.lines
        each = [values[value] for value in order if value in in_branch]
        once = [values[value] for value in order if value not in in_branch]
        return function_lines(name, self.left.params, body, each, once)


def _without_weaker(texts: list[str]) -> list[str]:
    """Of what is said of a rank only the strongest."""
    ranks: dict[str, tuple[bool, int]] = {}
    said = [re.fullmatch(r"(\w+)\.dim\(\) (==|>=) (\d+)", text) for text in texts]
    for found in filter(None, said):
        ranks[found[1]] = max(ranks.get(found[1], (False, 0)), (found[2] == "==", int(found[3])))
    return [
        text
        for text, found in zip(texts, said, strict=True)
        if found is None or ranks[found[1]] == (found[2] == "==", int(found[3]))
    ]


def _tuple(name: str, items: Iterable[str]) -> list[str]:
    return fitted(f"{name} = {tuple_text([*items])}", 4)


def _quoted(items: Iterable[str]) -> Iterator[str]:
    return (f'"{item}"' for item in items)


def _quotable(line: str) -> str:
    return re.sub(r'["\\]', "'", printable(line))
