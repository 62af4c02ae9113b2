"""A planned unit to the text of its pass module.

In: `Unit`. Out: Python source: a header that says how to remake it, the declared ops and the patterns as data, each
under its `.pat` lines, and one `register_replacement` call for each pattern. Deterministic; names and strings of the
`.pat` file enter only as checked identifiers, literals and comments.
"""

from __future__ import annotations

import keyword
import re
import shlex
from collections.abc import Iterable
from typing import Any

import attrs

from patdsl.compiler.ast_to_graph import Unit
from patdsl.compiler.data_to_python import WIDTH, PythonWriter, printable
from patdsl.expr import Ref, Star
from patdsl.graph import PassSpec, Pattern
from patdsl.op_table import DtypeVar, Op, TorchCall
from patdsl.version import __version__

#: Where each class of the data lives.
HOMES = {
    "patdsl.dtypes": ("Dtype",),
    "patdsl.expr": ("Binary", "Func", "Items", "Lit", "Member", "Ref", "Star", "Unary"),
    "patdsl.graph": (
        "ConstValue",
        "Example",
        "HostValue",
        "Input",
        "Only",
        "PassSpec",
        "Pattern",
        "Replace",
        "RightStep",
        "RightView",
    ),
    "patdsl.op_table": (
        "AnyTensor",
        "Anything",
        "Block",
        "Const",
        "DeclaredCall",
        "DtypeOf",
        "DtypeSet",
        "DtypeVar",
        "Effect",
        "FanOut",
        "Give",
        "Mut",
        "Native",
        "Nested",
        "NoDefault",
        "On",
        "OneOf",
        "Op",
        "Out",
        "Param",
        "Plain",
        "Result",
        "Same",
        "Step",
        "Temp",
        "Tensor",
        "Through",
        "TorchCall",
        "Use",
        "Values",
        "ViewStep",
    ),
}


RUNTIME_IMPORT = """\
from patdsl.runtime import (
    Chain,
    FusionPass,
    Left,
    Matcher,
    Right,
    examples,
    register_replacement,
    rewrite,
    trace,
)"""


LOAD = '''\
def load(*, hosts: dict[str, object] | None = None, target: str | None = None) -> Chain:
    """The passes of this module, ready for `torch._inductor.config.post_grad_custom_post_pass`."""
    return Chain.build(PASSES, hosts=hosts, target=target)'''


def module_text(unit: Unit, file_name: str) -> str:
    """The module of a unit; `file_name` is the `.pat` file's name, without folders, for the header and the comments."""
    return _Module(unit, file_name).text()


class _Module:
    def __init__(self, unit: Unit, file_name: str) -> None:
        self.unit = unit
        self.file_name = file_name
        self.writer = PythonWriter(omit=self._filled_in)
        self.op: Op | None = None
        self.rows: list[str] = []  # of the table of passes
        homes = {name for names in HOMES.values() for name in names}
        self.taken: set[str] = homes | {
            *re.findall(r"\w+", RUNTIME_IMPORT),
            "PASSES",
            "annotations",
            "expr",
            "load",
        }
        self.patterns = list(
            {pattern.full_name: pattern for spec in unit.passes for pattern in spec.patterns}.values()
        )
        self.ops = {name: op for spec in unit.passes for name, op in spec.ops.items()}

    def text(self) -> str:
        symbols = self._symbols()
        ops = self._ops()
        patterns = self._patterns()
        passes = self._passes()
        parts = [self._header(), self._imports(), symbols, *ops, *patterns, *passes, self._tail()]
        return "\n\n".join(part for part in parts if part) + "\n"

    def _header(self) -> str:
        names = ", ".join(spec.name for spec in self.unit.passes)
        command = f"patdsl compile {shlex.quote(self.file_name)} -o {shlex.quote(self.unit.name + '.py')}"
        return (
            f'"""Fusion passes of {_quotable(self.file_name)}: {names}.\n\n'
            f"Made by patdsl {__version__}; edit the .pat file, not this one. To make it again:\n\n"
            f'    {_quotable(command)}\n"""\n\n'
            "from __future__ import annotations"
        )

    def _imports(self) -> str:
        lines = []
        for home, names in HOMES.items():
            used = sorted(set(names) & self.writer.classes, key=_import_order)
            if used:
                line = f"from {home} import {', '.join(used)}"
                lines.append(line if len(line) <= WIDTH else _exploded(home, used))
        if self.writer.functions:
            lines.append(f"from patdsl.text_to_expr import {', '.join(sorted(self.writer.functions))}")
        return "\n".join(sorted([*lines, RUNTIME_IMPORT], key=lambda line: line.split()[1]))

    def _symbols(self) -> str:
        """Short names for the dims and dtype variables that the declarations share."""
        found: dict[tuple[str, str], Any] = {}
        for value in _walk([*self.ops.values(), *self.patterns]):
            if isinstance(value, (DtypeVar, Ref, Star)) and re.fullmatch(r"[A-Z][A-Z0-9]{0,2}", value.name):
                found.setdefault((type(value).__name__, value.name), value)
        lines: list[str] = []
        for kind, suffix in (("DtypeVar", ""), ("Ref", ""), ("Star", "s")):
            pairs = []
            for (cls, name), value in sorted(found.items(), key=lambda pair: pair[0]):
                if cls == kind:
                    symbol = self._take(name + suffix)
                    pairs.append((symbol, self.writer.write(value)))
                    self.writer.names[value] = symbol
            lines.extend(f"{symbol} = {source}" for symbol, source in pairs)
        return "\n".join(lines)

    def _take(self, name: str) -> str:
        name = _identifier(name)
        while name in self.taken or keyword.iskeyword(name):
            name += "_"
        self.taken.add(name)
        return name

    def _filled_in(self, value: Any, field: str) -> bool:
        """Is this field of a binding what its op would fill in?"""
        if self.op is None or not isinstance(value, TorchCall):
            return False
        if field == "args":
            return value.args == self.op.plain_args
        return field == "results" and value.results == self.op.plain_results(value.args)

    def _ops(self) -> list[str]:
        parts = []
        for op in self.ops.values():
            self.op = op
            symbol = self._take(op.name.upper())
            source = self.writer.write(attrs.evolve(op, place=""), used=len(symbol) + 3)
            parts.append(f"# {printable(op.place)}\n{symbol} = {source}")
            self.writer.names[op] = symbol
        self.op = None
        return parts

    def _patterns(self) -> list[str]:
        parts = []
        for pattern in self.patterns:
            words = re.findall(r"\w+", pattern.full_name, flags=re.ASCII)
            symbol = self._take("_".join(words).upper())
            source = self.writer.write(pattern, used=len(symbol) + 3)
            parts.append(f"{self._comment(pattern)}\n{symbol} = {source}")
            self.writer.names[pattern] = symbol
        return parts

    def _comment(self, pattern: Pattern) -> str:
        lines = [f"# {pattern.place}" + (f", variant {pattern.variant}" if pattern.variant else "")]
        lines.extend(f"#     {line.rstrip()}" for line in self.unit.text[pattern.name].splitlines())
        return "\n".join(printable(line)[:WIDTH].rstrip() for line in lines)

    def _passes(self) -> list[str]:
        parts: list[str] = []
        for spec in self.unit.passes:
            symbol = self._take(f"{spec.name.upper()}_PASS")
            space = "\n" if parts else ""  # below a function
            parts.append(f"{space}{symbol} = {self.writer.write(spec, used=len(symbol) + 3)}")
            function = self._take(f"register_{_identifier(spec.name)}")
            self.rows.append(f"({symbol}, {function}),")
            parts.append(self._register(spec, function))
        return parts

    def _register(self, spec: PassSpec, function: str) -> str:
        lines = [f"\ndef {function}(patterns: FusionPass) -> None:"]
        lines.append(f'    """Register the patterns of pass `{_identifier(spec.name)}`."""')
        for pattern in spec.patterns:
            symbol = self.writer.names[pattern]
            lines += [
                "    register_replacement(",
                f"        search_fn=Left({symbol}),",
                f"        replace_fn=Right({symbol}),",
                f"        example_inputs=examples({symbol}),",
                "        trace_fn=trace,",
                "        pass_dicts=patterns,",
                "        extra_check=rewrite,",
                f"        search_fn_pattern=Matcher({symbol}, patterns),",
                f"        pattern_name={self.writer.write(pattern.full_name)},",
                "    )",
            ]
        return "\n".join(lines)

    def _tail(self) -> str:
        rows = self.rows
        passes = f"({rows[0]})" if len(rows) == 1 else "(\n" + "".join(f"    {row}\n" for row in rows) + ")"
        return f"\nPASSES = {passes}\n\n\n{LOAD}"


def _exploded(home: str, names: Iterable[str]) -> str:
    return f"from {home} import (\n" + "".join(f"    {name},\n" for name in names) + ")"


def _import_order(name: str) -> tuple[int, str]:
    """The order that isort-style sorting gives: constants, classes, functions; here all are classes."""
    return (0, name) if name.isupper() and len(name) > 1 else (1, name)


def _identifier(name: str) -> str:
    """Python reads some letters as others and takes some in no name: only those of ASCII stay."""
    return re.sub(r"\W", "_", name, flags=re.ASCII)


def _quotable(text: str) -> str:
    """What can stand in a docstring."""
    return re.sub(r'["\\]', "?", printable(text))


def _walk(values: Iterable[Any]) -> Iterable[Any]:
    for value in values:
        yield value
        if isinstance(value, (tuple, list)):
            yield from _walk(value)
        elif isinstance(value, dict):
            yield from _walk(value.values())
        elif attrs.has(type(value)):
            yield from _walk(getattr(value, field.name) for field in attrs.fields(type(value)))
