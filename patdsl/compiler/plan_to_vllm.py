"""A planned unit to the text of a module of vLLM's own kind: torch's matcher, vLLM's pass classes, no patdsl.

In: `Unit`. Out: `VllmModule`: Python source, and the patterns that it leaves out, each with why. Deterministic. What the
module does is written in `vllm_prelude.py`; here are the patterns, `vllm_left.py` and `vllm_right.py` say how.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping

import attrs

from patdsl.compiler.ast_to_graph import Unit
from patdsl.compiler.expr_to_python import (
    FALSE,
    Code,
    Condition,
    ExprToPython,
    Known,
    UnsayableError,
    all_of,
    literal,
    python,
)
from patdsl.compiler.graph_to_plan import constants_of
from patdsl.compiler.imports import LoadedFile
from patdsl.compiler.rivals import costly_ops
from patdsl.compiler.vllm_left import (
    LeftToPython,
    Line,
    Spelling,
    conditions_of,
    spellings,
)
from patdsl.compiler.vllm_prelude import IMPORTS, PRELUDE
from patdsl.compiler.vllm_right import Replacement, RightToPython, asked_of_captures, kernels
from patdsl.compiler.vllm_types import ValueTypes, typed_left
from patdsl.expr import names_in
from patdsl.graph import ConstValue, HostValue, PassSpec, Pattern
from patdsl.op_table import On, Op, TorchCall, reached
from patdsl.version import __version__

WIDTH = 110
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
            help="the notes say why of each; `patdsl compile` without --target makes a module that has them all",
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
        body = "\n\n\n".join(
            f"class {each.name}(Fusion):\n{each.body}" for each in made
        )
        parts = [self._header(left_out), IMPORTS, PRELUDE]
        parts += [_const_lines(consts, body), _host_class(hosts.values())]
        text = "\n\n".join(part.strip("\n") + "\n" for part in parts if part)
        text = f"{text}\n\n{body}\n\n\n" + "\n\n\n".join(each for each in passes if each) + "\n"
        return text

    def _header(self, left_out: tuple[LeftOut, ...]) -> str:
        name = _printable(self.file_name)
        output = shlex.quote(re.sub(r"\.pat$", ".py", name))
        lines = [
            f"# Made from {name} by patdsl {__version__}. Do not edit it but the .pat file, and remake it:",
            f"#     patdsl compile --target vllm {shlex.quote(name)} -o {output}",
        ]
        if left_out:
            lines.append("# Not in here, as torch's matcher cannot do what they say, or only patdsl has their kernels:")
            lines += [f"#     {_printable(each.pattern.full_name)}: {_printable(each.reason)}"[:WIDTH] for each in left_out]
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
                call = f"        self.stage({', '.join(names)})"
                if len(call) > WIDTH:
                    call = "        self.stage(\n" + "".join(f"            {each},\n" for each in names) + "        )"
                stages.append(call)
        if not stages:
            return ""
        name = f"{_camel(spec.name)}Pass"
        given = ", hosts: Hosts" if hosts else ""
        lines = [f"class {name}(FusionPass):", f'    """Pass `{spec.name}`."""', ""]
        lines += [f"    def __init__(self, config: VllmConfig{given}) -> None:"]
        lines += [f'        super().__init__(config, "{spec.name}"{", hosts" if hosts else ""})']
        conditions = []
        if spec.targets:
            conditions.append(f"on({_targets(spec.targets)})")
        applicable = []
        if spec.when is not None:
            for part in _conjuncts(spec.when):
                in_range = "tokens" in names_in(part)
                lookup = _in_pass(outer, in_range)
                text = ExprToPython(lookup).condition(part).inner
                (applicable if in_range else conditions).append(text)
        if conditions:
            lines += [f"        if not ({' and '.join(conditions)}):", "            return"]
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
            if pattern.only:
                raise UnsayableError(f"`only {pattern.only[0].value}` asks for all later readers of a value")
            for chosen in kernels(pattern, self.unit.table):
                asked = asked_of_captures(pattern, self.unit.table, chosen)
                for bindings in spellings(pattern, self.unit.table, {}, {}):
                    try:
                        body = _Body(pattern, self.unit, spec, outer, self.constants, chosen, bindings, asked).text()
                        bodies.setdefault(body)
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
        asked: Mapping[str, object],
    ) -> None:
        self.pattern, self.unit, self.spec, self.outer = pattern, unit, spec, outer
        self.ops = unit.table
        self.constants = constants
        self.chosen, self.bindings, self.asked = chosen, bindings, asked

    def text(self) -> str:
        """Raises UnsayableError."""
        replaced = [replace.left for replace in self.pattern.replaces]
        left = self._left(frozenset(replaced))
        _, right = self._right(left)
        left = self._left(frozenset(right.buffers))
        types, right = self._right(left)
        views = [view for view in ((False, True) if left.has_view else (False,)) if view in types]
        conditions = {view: self._conditions(left, types[view], right, view) for view in views}
        views = [view for view in views if FALSE not in conditions[view]]
        if not views:
            raise UnsayableError("what its ops ask for contradicts each other")
        return self._class(left, right, conditions, views)

    def _left(self, wanted: frozenset[str]) -> Spelling:
        return LeftToPython(self.pattern, self.ops, self.bindings, self.outer, wanted, self.asked).run()  # type: ignore[arg-type]

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

    def _conditions(self, left: Spelling, types: ValueTypes, right: Replacement, view: bool) -> list[Condition]:
        found = conditions_of(left, self.pattern, self.ops, types, self.outer, view)
        found += self._writer.conditions(types)
        found += right.conditions
        return [each for each in dict.fromkeys(found) if each.text is not True]

    def _class(
        self, left: Spelling, right: Replacement, conditions: Mapping[bool, list[Condition]], views: list[bool]
    ) -> str:
        pattern = self.pattern
        source = self.unit.text[pattern.name].splitlines()
        lines = ['    """']
        lines[0] += _printable(f"{pattern.place}{f', variant {pattern.variant}' if pattern.variant else ''}:")
        lines += ["", *(f"    {_quotable(each)}".rstrip() for each in source), '    """', ""]
        needs = [*left.ops, *(op for op in right.ops if op not in left.ops)]
        needs = [op for op in needs if not op.startswith(("aten::", "prims::"))]
        lines += _tuple("needs", needs)
        targets = _common_targets([pattern.targets, *(each.targets for each in self.chosen)])
        if targets is None:
            raise UnsayableError("its kernels are for different hardware")
        if targets:
            lines += _tuple("targets", targets)
        if views != [False]:
            lines.append(f"    views = ({', '.join(map(str, views))}{',' if len(views) == 1 else ''})")
        if left.fan_out is not None:
            low = max(left.fan_out.low, 1)
            high = left.fan_out.high or max(MOST_BRANCHES, low)
            counts = ", ".join(map(str, range(low, high + 1)))
            lines.append(f"    branches = ({counts}{',' if high == low else ''})")
        effects = self._effects()
        if effects:
            lines += _tuple("effects", effects, "frozenset({", "})")
        order = self._order()
        restride = [str(order.index(value)) for value in pattern.restride if value in order]
        if restride:
            lines.append(f"    restride = ({', '.join(restride)}{',' if len(restride) == 1 else ''})")
        if lines[-1] != "":
            lines.append("")
        lines += self._check(left, conditions, views)
        lines += self._function("pattern", left, left.lines, {v: left.names.get(v, v) for v in order}, views)
        lines.append("")
        lines += self._function("replacement", left, right.lines, right.values, views)
        return "\n".join(lines)

    def _order(self) -> list[str]:
        """The replaced values: those of branches first, then what is computed last."""
        made = {}
        for index, step in enumerate(self.pattern.left.steps):
            for value in [step.value] if not hasattr(step, "results") else [v for _, v in step.results]:
                made[value] = (-index, step.fan_out is None)
        lefts = [replace.left for replace in self.pattern.replaces]
        return sorted(lefts, key=lambda value: (made[value][1], made[value][0]))

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
                        target = binding.target
                        found.setdefault(target if "." in target else f"{target}.default")
        return sorted(found)

    def _check(self, left: Spelling, conditions: Mapping[bool, list[Condition]], views: list[bool]) -> list[str]:
        found = [each for each in conditions[views[0]] if all(each in conditions[view] for view in views)]
        texts = [each.inner for each in found]
        for view in views:
            own = [each for each in conditions[view] if each not in found]
            if own:
                texts.append(f"({'not view' if view else 'view'} or {all_of(own).inner})")
        if not texts:
            return []
        used = set(re.findall(r"\w+", " ".join(texts)))
        names = [name for name in left.params if name in used]
        lines = ["    @staticmethod" if False else f"    def check(self, *, {', '.join([*names, '**_'])}) -> bool:"]
        lines += ["        view = self.view"] if "view" in used else []
        lines += ["        hosts = self.hosts"] if "hosts" in used else []
        if len(texts) == 1:
            lines.append(f"        return {texts[0].removeprefix('(').removesuffix(')') if found and found[0].is_or else texts[0]}")
        else:
            lines += ["        return (", f"            {texts[0]}"]
            lines += [f"            and {text}" for text in texts[1:]]
            lines.append("        )")
        return [*lines, ""]

    def _function(
        self, name: str, left: Spelling, body: list[Line], values: Mapping[str, str], views: list[bool]
    ) -> list[str]:
        order = self._order()
        in_branch = {replace.left for replace in self.pattern.replaces if replace.fan_out is not None}
        each = [values[value] for value in order if value in in_branch]
        once = [values[value] for value in order if value not in in_branch]
        lines = ["    @property", f"    def {name}(self) -> Callable[..., Any]:"]
        used = " ".join(line.text for line in body)
        if re.search(r"\bview\b(?!\()", used):
            lines.append("        view = self.view")
        is_looped = bool(each)
        if is_looped:
            lines.append("        branch_count = self.branch_count")
        lines.append("")
        signature = ", ".join(f"{param}: {kind}" for param, kind in left.params.items())
        if len(signature) + 22 > WIDTH:
            inside = "".join(f"            {param}: {kind},\n" for param, kind in left.params.items())
            lines.append(f"        def {name}(\n{inside}        ):")
        else:
            lines.append(f"        def {name}({signature}):")
        for line in body:
            if not line.each:
                lines.append(f"            {line.text}")
        if is_looped and name == "pattern":
            lines += ["            branches = []", "            for branch in range(branch_count):"]
            lines += [f"                {line.text}" for line in body if line.each]
            lines.append(f"                branches += [{', '.join(each)}]")
            lines.append(f"            return [*branches{''.join(f', {value}' for value in once)}]")
        elif is_looped:
            loop = [line.text for line in body if line.each]
            if loop:
                lines += ["            branches = []", "            for _ in range(branch_count):"]
                lines += [f"                {text}" for text in loop]
                lines.append(f"                branches += [{', '.join(each)}]")
                lines.append(f"            return [*branches{''.join(f', {value}' for value in once)}]")
            else:
                lines.append(
                    f"            return [*[{', '.join(each)}] * branch_count{''.join(f', {value}' for value in once)}]"
                )
        else:
            lines.append(f"            return [{', '.join(once)}]")
        return [*lines, "", f"        return {name}"]


def _handed_over(types: ValueTypes, left: Spelling, pattern: Pattern) -> ValueTypes:
    """The same with the names of the pattern function's parameters."""
    tensors = {
        name: "None" in kind
        for name, kind in left.params.items()
        if kind.startswith("torch.Tensor") and name not in left.buffers.values()
    }
    kinds = {"int": "int", "float": "float", "bool": "bool", "str": "str", "torch.dtype": "dtype", "Any": "opaque"}
    scalars = {
        name: Code(name, kinds[kind.removesuffix(" | None")])
        for name, kind in left.params.items()
        if not kind.startswith("torch.Tensor")
    }
    return ValueTypes(types.left, types.other, tensors, scalars)


def _consts(consts: Mapping[str, tuple[ConstValue, ...]]) -> dict[str, Known]:
    from patdsl.expr import Lit

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
            arguments = ", ".join("str | None" if kind == "opaque" else KINDS.get(kind, "Any") for kind in host.params)
            kind = f"Callable[[{arguments}], {kind}]"
        lines.append(f"    {host.name}: {kind}")
    if not lines:
        return ""
    return '\n@dataclass(frozen=True)\nclass Hosts:\n    """What only the engine knows."""\n\n' + "\n".join(lines)


def _in_pass(outer: Mapping[str, Known], in_range: bool):  # type: ignore[no-untyped-def]
    def lookup(name: str) -> Known | None:
        return Code("compile_range.end", "int") if name == "tokens" else outer.get(name)

    return lookup


def _conjuncts(expr):  # type: ignore[no-untyped-def]
    from patdsl.expr import Binary

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


def _tuple(name: str, items: Iterable[str], opening: str = "(", closing: str = ")") -> list[str]:
    texts = [f'"{item}"' for item in items]
    comma = "," if len(texts) == 1 and opening == "(" else ""
    line = f"    {name} = {opening}{', '.join(texts)}{comma}{closing}"
    if len(line) <= WIDTH:
        return [line]
    if opening != "(":
        opening, closing = "frozenset(\n        {", "    }\n    )"
        return [f"    {name} = frozenset(", "        {", *(f"            {text}," for text in texts), "        }", "    )"]
    return [f"    {name} = (", *(f"        {text}," for text in texts), "    )"]


def _camel(name: str) -> str:
    return "".join(word[:1].upper() + word[1:] for word in re.findall(r"[A-Za-z0-9]+", name))


def _printable(line: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in line)


def _quotable(line: str) -> str:
    return re.sub(r'["\\]', "'", _printable(line))


