"""A planned unit to the text of a module of vLLM's own kind: torch's matcher, vLLM's pass classes, no patdsl.

In: `Unit`. Out: Python source; a finding for each pattern that it leaves out. Deterministic. What every module does is
written in `vllm_prelude.py`; how a side of a pattern is said, in `vllm_left.py` and `vllm_right.py`.
"""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping

import attrs

from patdsl.compiler.ast_to_graph import Unit
from patdsl.compiler.data_to_python import WIDTH
from patdsl.compiler.expr_to_python import (
    FALSE,
    Code,
    Condition,
    ExprToPython,
    Known,
    Lookup,
    UnsayableError,
    all_of,
    literal,
)
from patdsl.compiler.graph_to_plan import constants_of
from patdsl.compiler.imports import LoadedFile
from patdsl.compiler.python_lines import all_lines, fitted
from patdsl.compiler.vllm_left import (
    LeftToPython,
    Line,
    Spelling,
    conditions_of,
    orders,
    spellings,
    writes,
)
from patdsl.compiler.vllm_names import variable
from patdsl.compiler.vllm_prelude import IMPORTS, PRELUDE
from patdsl.compiler.vllm_right import Replacement, RightToPython, asked_of_captures, kernels
from patdsl.compiler.vllm_types import ValueTypes, typed_left
from patdsl.expr import Binary, Expr, Lit, Ref, names_in
from patdsl.graph import ConstValue, HostValue, Only, PassSpec, Pattern
from patdsl.op_table import Give, On, TorchCall, reached
from patdsl.version import __version__

#: A fan-out without an upper count is registered for so many branches.
MOST_BRANCHES = 4
KINDS = {"int": "int", "float": "float", "bool": "bool", "str": "str"}


@attrs.frozen
class LeftOut:
    """A pattern that is not in the module, and why."""

    pattern: Pattern
    reason: str
    is_own: bool = False


@attrs.frozen
class _Class:
    """A class of the module: its name, and its text below `class NAME(Fusion):`."""

    name: str
    body: str


def vllm_module(unit: Unit, file_name: str, loaded: LoadedFile) -> str | None:
    """None where no pattern is left. Patterns that are left out are findings of the file."""
    writer = _Writer(unit, file_name)
    text = writer.module()
    for each in writer.left_out.values():
        _report(each, unit, loaded)
    if text is None:
        loaded.diagnostics.add(
            "PAT703",
            None,
            f"no pattern of `{file_name}` can be in a module for vLLM",
            help="the warnings say why of each; `patdsl compile` without --target makes a module that has them all",
        )
    return text


def _report(left_out: LeftOut, unit: Unit, loaded: LoadedFile) -> None:
    """A warning where the pattern is declared, or used in a pass."""
    name = left_out.pattern.full_name
    decl = unit.decls[left_out.pattern.name]
    if left_out.is_own:
        loaded.diagnostics.add(
            "PAT702",
            decl.name.span,
            f"`{name}` is not in the module for vLLM: {left_out.reason}",
            help="bind the op to one of vLLM's, or run the pattern by the plugin, which has patdsl's kernels",
            severity="warning",
        )
        return
    loaded.diagnostics.add(
        "PAT701",
        decl.name.span,
        f"`{name}` is not in the module for vLLM: {left_out.reason}",
        help="write the pattern without it, or run it by the plugin: patdsl's own matcher can",
        severity="warning",
    )


class _Writer:
    def __init__(self, unit: Unit, file_name: str) -> None:
        self.unit, self.file_name = unit, file_name
        self.constants = constants_of(unit.passes)
        self.left_out: dict[str, LeftOut] = {}
        self.classes: dict[str, list[_Class]] = {}
        self.taken: set[str] = set()

    def module(self) -> str | None:
        hosts = {host.name: host for spec in self.unit.passes for host in spec.hosts}
        consts = {name: values for spec in self.unit.passes for name, values in spec.consts.items()}
        outer = {**_consts(consts), **_hosts(hosts.values())}
        passes = [self._pass(spec, outer, hosts) for spec in self.unit.passes]
        left_out = tuple(self.left_out.values())
        made = [each for classes in self.classes.values() for each in classes]
        if not made:
            return None
        body = "\n\n\n".join(f"class {each.name}(Fusion):\n{each.body}" for each in made)
        imports = IMPORTS.format(dataclass="from dataclasses import dataclass\n" if hosts else "")
        top = [self._header(left_out), imports, PRELUDE]
        constants = _const_lines(consts, body)
        parts = [constants, _host_class(hosts.values()), body, *passes]
        return "\n\n".join([f"{top[0]}\n\n{top[1]}".rstrip("\n"), f"\n{top[2]}"]) + "".join(
            f"\n\n{part}\n" for part in parts if part
        )

    def _header(self, left_out: tuple[LeftOut, ...]) -> str:
        name = _printable(self.file_name)
        output = shlex.quote(re.sub(r"\.pat$", ".py", name))
        lines = [
            f"# Made from {name} by patdsl {__version__}. Do not edit it but the .pat file, and remake it:",
            f"#     patdsl compile --target vllm {shlex.quote(name)} -o {output}",
        ]
        if left_out:
            lines.append(
                "# Not in here, as torch's matcher cannot do what they say, or only patdsl has their kernels:"
            )
            lines += [
                f"#     {_printable(each.pattern.full_name)}: {_printable(each.reason)}"[:WIDTH]
                for each in left_out
            ]
        lines.append(f'"""The passes of {name} for vLLM: patterns for torch\'s matcher."""')
        return "\n".join(lines)

    # Passes

    def _pass(self, spec: PassSpec, outer: Mapping[str, Known], hosts: Mapping[str, HostValue]) -> str:
        stages = []
        for pattern in _larger_first(spec):
            if pattern.full_name not in self.classes and pattern.full_name not in self.left_out:
                self._pattern(pattern, spec, outer)
            names = [each.name for each in self.classes.get(pattern.full_name, [])]
            if names:
                stages += fitted(f"self.stage({', '.join(names)})", 8)
        if not stages:
            return ""
        name = f"{_camel(spec.name)}Pass"
        given = ", hosts: Hosts" if hosts else ""
        lines = [f"class {name}(FusionPass):", f'    """Pass `{spec.name}`."""', ""]
        lines += [f"    def __init__(self, config: VllmConfig{given}) -> None:"]
        lines += [f'        super().__init__(config, "{spec.name}"{", hosts" if hosts else ""})']
        conditions: list[str] = []
        applicable: list[str] = []
        if spec.targets:
            conditions.append(f"on({_targets(spec.targets)})")
        if spec.when is not None:
            for part in _conjuncts(spec.when):
                in_range = "tokens" in names_in(part)
                lookup = _in_pass(outer)
                texts = ExprToPython(lookup).condition(part).all_parts
                (applicable if in_range else conditions).extend(texts)
        if conditions:
            lines += [*fitted(f"if not ({' and '.join(conditions)}):", 8), "            return"]
        lines += stages
        lines += ["        for stage in self.stages:", "            self.dump_patterns(config, stage)"]
        if applicable:
            lines += [
                "",
                "    def is_applicable_for_range(self, compile_range: Any) -> bool:",
                "        hosts = self.hosts",
                f"        return {' and '.join(applicable)}",
            ]
        return "\n".join(lines)

    # Patterns

    def _pattern(self, pattern: Pattern, spec: PassSpec, outer: Mapping[str, Known]) -> None:
        """The classes of a pattern, or why there are none."""
        reasons: dict[str, bool] = {}
        bodies: dict[str, None] = {}
        try:
            for chosen in kernels(pattern, self.unit.table):
                asked = asked_of_captures(pattern, self.unit.table, chosen)
                for ordered, bindings in itertools.product(
                    orders(pattern, self.unit.table), spellings(pattern, self.unit.table)
                ):
                    try:
                        made = _Body(ordered, self.unit, spec, outer, self.constants, chosen, bindings, asked)
                        bodies.setdefault(made.text())
                    except UnsayableError as error:
                        reasons.setdefault(str(error), False)
        except UnsayableError as error:
            reasons.setdefault(str(error), "only patdsl has a kernel" in str(error))
        if not bodies:
            reason, is_own = next(iter(reasons.items()), ("no choice of its ops fits", False))
            self.left_out[pattern.full_name] = LeftOut(pattern, reason, is_own)
            return
        stem = _camel(pattern.full_name)
        for number, body in enumerate(bodies, 1):
            name = stem if len(bodies) == 1 else f"{stem}{number}"
            while name in self.taken:
                name += "_"
            self.taken.add(name)
            self.classes.setdefault(pattern.full_name, []).append(_Class(name, body))


class _Body:
    """One class: a spelling of the left side, a choice of kernels."""

    def __init__(
        self,
        pattern: Pattern,
        unit: Unit,
        spec: PassSpec,
        outer: Mapping[str, Known],
        constants: Mapping[str, object],
        chosen: tuple[TorchCall, ...],
        bindings: tuple[TorchCall, ...],
        asked: Mapping[str, Lit],
    ) -> None:
        self.pattern, self.unit, self.spec, self.outer = pattern, unit, spec, outer
        self.ops = unit.table
        self.constants = constants
        self.chosen, self.bindings, self.asked = chosen, bindings, asked

    def text(self) -> str:
        """Raises UnsayableError."""
        replaced = [replace.left for replace in self.pattern.replaces]
        left = self._left(frozenset(replaced))
        types, right = self._right(left)
        views = list(types)
        required = _required([self._conditions(left, types[view], right, view) for view in views])
        left = self._left(frozenset(right.buffers), required)
        types, right = self._right(left)
        views = [view for view in ((False, True) if left.has_view else (False,)) if view in types]
        conditions = {view: self._conditions(left, types[view], right, view) for view in views}
        views = [view for view in views if FALSE not in conditions[view]]
        if not views:
            raise UnsayableError("what its ops ask for contradicts each other")
        return self._class(left, right, conditions, views)

    def _left(self, wanted: frozenset[str], required: frozenset[str] = frozenset()) -> Spelling:
        writer = LeftToPython(self.pattern, self.ops, self.bindings, self.outer, wanted, self.asked, required)
        return writer.run()

    def _right(self, left: Spelling) -> tuple[dict[bool, ValueTypes], Replacement]:
        types = {}
        for view in (False, True) if left.has_view else (False,):
            found = typed_left(self.pattern, self.ops, self.constants, view)
            if found is not None:
                types[view] = _handed_over(found, left, self.pattern)
        if not types:
            raise UnsayableError("no graph has its left side")
        plain = types.get(False) or types[True]
        writer = RightToPython(self.pattern, self.ops, self.chosen, left, plain, types.get(True), self.outer)
        made = writer.run()
        self._writer = writer
        return types, made

    def _conditions(
        self, left: Spelling, types: ValueTypes, right: Replacement, view: bool
    ) -> list[Condition]:
        found = conditions_of(left, self.pattern, self.ops, types, self.outer, view)
        found += self._writer.conditions(types)
        found += right.conditions
        return [each for each in dict.fromkeys(found) if each.text is not True]

    def _class(
        self,
        left: Spelling,
        right: Replacement,
        conditions: Mapping[bool, list[Condition]],
        views: list[bool],
    ) -> str:
        pattern = self.pattern
        source = self.unit.text[pattern.name].splitlines()
        lines = ['    """']
        lines[0] += _printable(f"{pattern.place}{f', variant {pattern.variant}' if pattern.variant else ''}:")
        lines += ["", *(f"    {_quotable(each)}".rstrip() for each in source), '    """', ""]
        needs = [*left.ops, *(op for op in right.ops if op not in left.ops)]
        needs = [_overload(op) for op in needs if not op.startswith(("aten::", "prims::"))]
        lines += _tuple("needs", needs)
        targets = _common_targets([pattern.targets, *(each.targets for each in self.chosen)])
        if targets is None:
            raise UnsayableError("its kernels are for different hardware")
        if targets:
            lines += _tuple("targets", targets)
        if views != [False]:
            lines += _tuple("views", views)
        if left.fan_out is not None:
            low = max(left.fan_out.low, 1)
            high = left.fan_out.high or max(MOST_BRANCHES, low)
            lines += _tuple("branches", range(low, high + 1))
        effects = self._effects()
        if effects:
            lines += _tuple("effects", effects)
        order = [*self._order(), *left.unchanged]
        restride = [order.index(value) for value in pattern.restride if value in order]
        if restride:
            lines += _tuple("restride", restride)
        only = [
            f'({order.index(each.value)}, "{_overload(binding.target)}", {position})'
            for each in pattern.only
            for binding, position in self._readers(each)
        ]
        if only:
            lines += fitted(f"only = ({', '.join(only)}{',' if len(only) == 1 else ''})", 4)
        if lines[-1] != "":
            lines.append("")
        lines += self._check(left, conditions, views)
        lines += self._function(
            "pattern", left, left.lines, {value: left.names[value] for value in order}, views
        )
        lines.append("")
        lines += self._function("replacement", left, right.lines, {**right.values, **left.unchanged}, views)
        return "\n".join(lines)

    def _order(self) -> list[str]:
        """The replaced values: those of branches first, then what is computed last."""
        made = {}
        for index, step in enumerate(self.pattern.left.steps):
            for value in [step.value] if not hasattr(step, "results") else [v for _, v in step.results]:
                made[value] = (-index, step.fan_out is None)
        lefts = [replace.left for replace in self.pattern.replaces]
        return sorted(lefts, key=lambda value: (made[value][1], made[value][0]))

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
            if hasattr(step, "op")
            for effect in self.ops[step.op].effects
        }
        names = {effect.name: all(e.read_only for e in own if e.name == effect.name) for effect in own}
        found: dict[str, None] = {}
        for op in self.ops.values():
            if any(e.name in names and not (names[e.name] and e.read_only) for e in op.effects):
                for binding in reached(op.name, self.ops):
                    if isinstance(binding, TorchCall):
                        found.setdefault(_overload(binding.target))
        return sorted(found)

    def _check(
        self, left: Spelling, conditions: Mapping[bool, list[Condition]], views: list[bool]
    ) -> list[str]:
        parts = {view: all_of(conditions[view]).all_parts if conditions[view] else () for view in views}
        texts = [each for each in parts[views[0]] if all(each in parts[view] for view in views)]
        for view in views:
            own = [each for each in parts[view] if each not in texts]
            if own:
                texts.append(f"({'not view' if view else 'view'} or {' and '.join(own)})")
        texts = _without_weaker(texts)
        if not texts:
            return []
        used = set(re.findall(r"\w+", " ".join(texts)))
        names = [name for name in left.params if name in used]
        lines = fitted(f"def check(self, *, {', '.join([*names, '**_'])}) -> bool:", 4)
        lines += ["        view = self.view"] if "view" in used else []
        lines += ["        hosts = self.hosts"] if "hosts" in used else []
        return [*lines, *all_lines(texts, 8), ""]

    def _function(
        self, name: str, left: Spelling, body: list[Line], values: Mapping[str, str], views: list[bool]
    ) -> list[str]:
        order = [*self._order(), *left.unchanged]
        in_branch = {replace.left for replace in self.pattern.replaces if replace.fan_out is not None}
        each = ", ".join(values[value] for value in order if value in in_branch)
        once = "".join(f", {values[value]}" for value in order if value not in in_branch)
        body = _read(body, f"{each}{once}")
        words = {word for line in body for word in re.findall(r"(?<![.\w])\w+(?!\()", line.text)}
        lines = ["    @property", f"    def {name}(self) -> Callable[..., Any]:"]
        lines += [f"        {held} = self.{held}" for held in ("view", "hosts") if held in words]
        if each:
            lines.append("        branch_count = self.branch_count")
        if len(lines) > 2:
            lines.append("")
        parameters = ", ".join(f"{param}: {kind}" for param, kind in left.params.items())
        lines += fitted(f"def {name}({parameters}):", 8)
        looped = [line.text for line in body if line.each]
        for line in body:
            if not line.each:
                lines += fitted(line.text, 12)
        if looped:
            count = "branch" if "branch" in words else "_"
            lines += ["            branches = []", f"            for {count} in range(branch_count):"]
            lines += [text for line in looped for text in fitted(line, 16)]
            lines += fitted(f"branches += [{each}]", 16)
            lines += fitted(f"return [*branches{once}]", 12)
        elif each:
            lines += fitted(f"branch = [{each}]", 12)
            lines += fitted(f"return [*branch * branch_count{once}]", 12)
        else:
            lines += fitted(f"return [{once.removeprefix(', ')}]", 12)
        return [*lines, "", f"        return {name}"]


def _read(body: list[Line], result: str) -> list[Line]:
    """The lines without results that nothing reads."""
    kept: list[Line] = []
    read = set(re.findall(r"\w+", result))
    for line in reversed(body):
        item = re.fullmatch(r"(\w+) = \w+\[.*\]", line.text)
        if item is None or item[1] in read:
            kept.insert(0, line)
            read |= set(re.findall(r"\w+", line.text.partition(" = ")[2]))
    return kept


def _required(conditions: list[list[Condition]]) -> frozenset[str]:
    """The inputs that must not be None, whatever a view does."""
    parts = [{part for each in case for part in each.all_parts} for case in conditions]
    common = set.intersection(*parts) if parts else set()
    return frozenset(part.removesuffix(" is not None") for part in common if part.endswith(" is not None"))


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


def _handed_over(types: ValueTypes, left: Spelling, pattern: Pattern) -> ValueTypes:
    """The same with the names of the pattern function's parameters."""
    tensors = {
        name: "None" in kind
        for name, kind in left.params.items()
        if kind.startswith("torch.Tensor") and name not in left.buffers.values()
    }
    kinds = {
        "int": "int",
        "float": "float",
        "bool": "bool",
        "str": "str",
        "torch.dtype": "dtype",
        "Any": "opaque",
    }
    scalars = {
        name: Code(name, kinds[kind.removesuffix(" | None")])
        for name, kind in left.params.items()
        if not kind.startswith("torch.Tensor")
    }
    for known in (types.left.types, types.other.types, types.left.names):
        known.update({variable(name): known[name] for name in list(known)})
    return ValueTypes(types.left, types.other, tensors, scalars)


def _consts(consts: Mapping[str, tuple[ConstValue, ...]]) -> dict[str, Known]:
    found: dict[str, Known] = {}
    for name, values in consts.items():
        if len(values) == 1 and not values[0].targets:
            found[name] = Lit(values[0].value)
        else:
            found[name] = Code(name.upper(), type(values[0].value).__name__)
    return found


def _const_lines(consts: Mapping[str, tuple[ConstValue, ...]], body: str) -> str:
    lines = []
    for name, values in consts.items():
        if not re.search(rf"\b{name.upper()}\b", body) or (len(values) == 1 and not values[0].targets):
            continue
        text = next((literal(each.value) for each in values if not each.targets), "None")
        for each in reversed(values):
            if each.targets:
                text = f"{literal(each.value)} if on({_targets(each.targets)}) else {text}"
        lines.append(f"{name.upper()} = {text}")
    return "\n".join(lines)


def _hosts(hosts: Iterable[HostValue]) -> dict[str, Known]:
    return {
        host.name: Code(f"hosts.{host.name}", host.kind if host.params is None else "host") for host in hosts
    }


def _host_class(hosts: Iterable[HostValue]) -> str:
    lines = []
    for host in hosts:
        kind = KINDS[host.kind]
        if host.params is not None:
            arguments = ", ".join(
                "str | None" if kind == "opaque" else KINDS.get(kind, "Any") for kind in host.params
            )
            kind = f"Callable[[{arguments}], {kind}]"
        lines.append(f"    {host.name}: {kind}")
    if not lines:
        return ""
    return '@dataclass(frozen=True)\nclass Hosts:\n    """What only the engine knows."""\n\n' + "\n".join(
        lines
    )


def _in_pass(outer: Mapping[str, Known]) -> Lookup:
    def lookup(name: str) -> Known | None:
        return Code("compile_range.end", "int") if name == "tokens" else outer.get(name)

    return lookup


def _conjuncts(expr: Expr) -> list[Expr]:
    if isinstance(expr, Binary) and expr.op == "and":
        return [*_conjuncts(expr.left), *_conjuncts(expr.right)]
    return [expr]


def _larger_first(spec: PassSpec) -> list[Pattern]:
    """As `containment.order` has them; of two equally large ones the one preferred first."""
    found = list(spec.patterns)
    for pattern in spec.patterns:
        for name in pattern.over:
            places = [at for at, each in enumerate(found) if each.name == name]
            if places and places[0] < found.index(pattern):
                found.remove(pattern)
                found.insert(places[0], pattern)
    return found


def _common_targets(asked: Iterable[tuple[On, ...]]) -> list[str] | None:
    """The targets that all ask for; nothing where nobody asks, None where no target meets all."""
    common: list[str] | None = None
    for targets in asked:
        if targets:
            names = [_target(each) for each in targets]
            common = names if common is None else [name for name in common if name in names]
    return common if common or common is None is False else ([] if common is None else None)


def _target(target: On) -> str:
    return f"{target.name}{'+' if target.or_newer else ''}"


def _targets(targets: Iterable[On]) -> str:
    return ", ".join(f'"{_target(each)}"' for each in targets)


def _tuple(name: str, items: Iterable[object]) -> list[str]:
    texts = [f'"{item}"' if isinstance(item, str) else str(item) for item in items]
    return fitted(f"{name} = ({', '.join(texts)}{',' if len(texts) == 1 else ''})", 4)


def _overload(target: str) -> str:
    return target if "." in target else f"{target}.default"


def _camel(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", name))


def _printable(line: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in line)


def _quotable(line: str) -> str:
    return re.sub(r'["\\]', "'", _printable(line))
