"""A planned unit to the text of a module of vLLM's own kind: torch's matcher, vLLM's pass classes, no patdsl.

In: `Unit`. Out: Python source; a finding for each pattern that it leaves out. Deterministic. What every module does is
written in `prelude.py`.
"""

from __future__ import annotations

import itertools
import re
import shlex

import attrs

from patdsl.compiler.ast_to_graph import Unit
from patdsl.compiler.data_to_python import WIDTH, printable
from patdsl.compiler.graph_to_plan import constants_of
from patdsl.compiler.imports import LoadedFile
from patdsl.compiler.to_vllm.expr_to_python import Known, UnsayableError
from patdsl.compiler.to_vllm.pass_to_class import pass_class
from patdsl.compiler.to_vllm.pattern_to_choices import (
    NoKernelError,
    asked_of_captures,
    kernels,
    orders,
    spellings,
)
from patdsl.compiler.to_vllm.pattern_to_class import Choice
from patdsl.compiler.to_vllm.prelude import IMPORTS, PRELUDE
from patdsl.compiler.to_vllm.supplied_to_python import const_lines, host_class, known_consts, known_hosts
from patdsl.compiler.to_vllm.variable_names import class_name
from patdsl.graph import PassSpec, Pattern
from patdsl.version import __version__


@attrs.frozen
class LeftOut:
    """A pattern that is not in the module, and why. `is_own`: only patdsl has its kernels."""

    pattern: Pattern
    reason: str
    is_own: bool


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
    code, mend = "PAT701", "write the pattern without it, or run it by the plugin: patdsl's own matcher can"
    if left_out.is_own:
        code = "PAT702"
        mend = "bind the op to one of vLLM's, or run the pattern by the plugin, which has patdsl's kernels"
    loaded.diagnostics.add(
        code,
        unit.decls[left_out.pattern.name].name.span,
        f"`{left_out.pattern.full_name}` is not in the module for vLLM: {left_out.reason}",
        help=mend,
        severity="warning",
    )


class _Writer:
    """`names`: the classes of each pattern; `bodies`: their texts; `left_out`: the patterns that have none."""

    def __init__(self, unit: Unit, file_name: str) -> None:
        self.unit, self.file_name = unit, file_name
        self.hosts = {host.name: host for spec in unit.passes for host in spec.hosts}
        self.consts = {name: values for spec in unit.passes for name, values in spec.consts.items()}
        self.outer: dict[str, Known] = {**known_consts(self.consts), **known_hosts(self.hosts.values())}
        self.constants = constants_of(unit.passes)
        self.left_out: dict[str, LeftOut] = {}
        self.names: dict[str, list[str]] = {}
        self.bodies: dict[str, str] = {}

    def module(self) -> str | None:
        """None where no pattern is left."""
        passes = [self._pass(spec) for spec in self.unit.passes]
        if not self.bodies:
            return None
        body = "\n\n\n".join(f"class {name}(Fusion):\n{text}" for name, text in self.bodies.items())
        imports = IMPORTS.format(dataclass="from dataclasses import dataclass\n" if self.hosts else "")
        head = f"{self._header()}\n\n{imports}".rstrip("\n")
        parts = [const_lines(self.consts, body), host_class(self.hosts.values()), body, *passes]
        return f"{head}\n\n\n{PRELUDE}" + "".join(f"\n\n{part}\n" for part in parts if part)

    def _header(self) -> str:
        name = printable(self.file_name)
        output = shlex.quote(re.sub(r"\.pat$", ".py", name))
        lines = [
            f"# Made from {name} by patdsl {__version__}. Do not edit it but the .pat file, and remake it:",
            f"#     patdsl compile --target vllm {shlex.quote(name)} -o {output}",
        ]
        if self.left_out:
            lines.append(
                "# Not in here, as torch's matcher cannot do what they say, or only patdsl has their kernels:"
            )
            lines += [
                f"#     {printable(each.pattern.full_name)}: {printable(each.reason)}"[:WIDTH]
                for each in self.left_out.values()
            ]
        lines.append(f'"""The passes of {name} for vLLM: patterns for torch\'s matcher."""')
        return "\n".join(lines)

    def _pass(self, spec: PassSpec) -> str:
        """Nothing where none of its patterns is left."""
        stages = []
        for pattern in _larger_first(spec):
            if pattern.full_name not in self.names and pattern.full_name not in self.left_out:
                self._pattern(pattern)
            if pattern.full_name in self.names:
                stages.append(self.names[pattern.full_name])
        return pass_class(spec, stages, self.outer, bool(self.hosts)) if stages else ""

    def _pattern(self, pattern: Pattern) -> None:
        """The classes of a pattern, or why there are none."""
        ops = self.unit.table
        reasons: dict[str, bool] = {}
        bodies: dict[str, None] = {}
        try:
            for chosen in kernels(pattern, ops):
                asked = asked_of_captures(pattern, ops, chosen)
                for ordered, bindings in itertools.product(orders(pattern, ops), spellings(pattern, ops)):
                    choice = Choice(
                        ordered,
                        ops,
                        self.unit.text[pattern.name],
                        self.outer,
                        self.constants,
                        bindings,
                        chosen,
                        asked,
                    )
                    try:
                        bodies.setdefault(choice.class_text())
                    except UnsayableError as error:
                        reasons.setdefault(str(error), False)
        except UnsayableError as error:
            reasons.setdefault(str(error), isinstance(error, NoKernelError))
        if not bodies:
            reason, is_own = next(iter(reasons.items()), ("no choice of its ops fits", False))
            self.left_out[pattern.full_name] = LeftOut(pattern, reason, is_own)
            return
        names = self.names[pattern.full_name] = []
        for number, body in enumerate(bodies, 1):
            name = f"{class_name(pattern.full_name)}{number if len(bodies) > 1 else ''}"
            while name in self.bodies:
                name += "_"
            names.append(name)
            self.bodies[name] = body


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
