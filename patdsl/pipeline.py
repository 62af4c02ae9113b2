"""The ordered stages: `.pat` text -> AST -> resolved graph -> plan -> module text.

In: paths. Out: one `Outcome` for each, which holds what every stage made and every finding. The one place that lists
the stages; nothing else calls them in order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from patdsl.compiler.ast_to_graph import Unit, resolve
from patdsl.compiler.graph_to_plan import plan
from patdsl.compiler.imports import LoadedFile, Loader
from patdsl.compiler.module_check import check_module
from patdsl.compiler.plan_to_module import module_text
from patdsl.compiler.to_vllm.unit_to_module import vllm_module
from patdsl.diagnostic import Diagnostic, Diagnostics, PatError
from patdsl.graph_to_text import op_line, pass_lines, pattern_lines
from patdsl.source import Source, portable_name
from patdsl.syntax import ast_nodes as ast

STAGES = ("ast", "graph", "plan", "module")
#: What a module is for: patdsl's own runtime, or vLLM without patdsl.
TARGETS = ("patdsl", "vllm")


@attrs.frozen(eq=False)
class Outcome:
    """What became of one file. A stage that was not reached, or not asked for, left None."""

    path: Path
    source: Source | None
    file: ast.File | None
    unit: Unit | None
    module: str | None
    diagnostics: tuple[Diagnostic, ...]

    @property
    def errors(self) -> tuple[Diagnostic, ...]:
        return tuple(item for item in self.diagnostics if item.severity == "error")


def run(
    paths: Sequence[Path],
    *,
    roots: Sequence[Path] = (),
    stop_after: str = "module",
    target: str = "patdsl",
    instead: Mapping[Path, str] | None = None,
    proven: Callable[[Path], bool] = lambda path: False,
) -> list[Outcome]:
    """Take every file as far as `stop_after`, or as far as its errors let it. Never raises for bad input.

    `instead` has texts to take in place of what files hold, by resolved path. Of files that are `proven` already, the
    plan neither proves the patterns again nor makes examples.

    Raises ModuleFormError, with no module given out, where the compiler itself would let a file's text become code.
    """
    loader = Loader(roots, instead)
    return [_run_one(Path(path), loader, stop_after, target, not proven(Path(path))) for path in paths]


def _run_one(path: Path, loader: Loader, stop_after: str, target: str, proofs: bool) -> Outcome:
    found = Diagnostics()
    loaded = loader.load(path, found)
    if loaded is None:
        return Outcome(path, None, None, None, None, tuple(found.items))
    unit = module = None
    if stop_after != "ast":
        unit = resolve(loaded)
        if stop_after != "graph" and not _errors(loaded):
            unit = plan(unit, loaded, proofs=proofs)
        if stop_after == "module" and not _errors(loaded) and unit.passes:
            module = _module(unit, path, target, loaded)
    diagnostics = (*found.items, *(item for one in loaded.closure() for item in one.diagnostics.items))
    return Outcome(path, loaded.source, loaded.file, unit, module, tuple(dict.fromkeys(diagnostics)))


def _module(unit: Unit, path: Path, target: str, loaded: LoadedFile) -> str | None:
    name = portable_name(path.name)
    if target == "vllm":
        return vllm_module(unit, name, loaded)
    module = module_text(unit, name)
    check_module(module)
    return module


def _errors(loaded: LoadedFile) -> bool:
    return any(one.diagnostics.failures for one in loaded.closure())


def dump(outcome: Outcome, stage: str) -> str:
    """The text of a stage, for a person to read."""
    if stage == "ast":
        return _ast_text(outcome.file) if outcome.file is not None else ""
    if stage == "module":
        return outcome.module or ""
    unit = outcome.unit
    if unit is None:
        return ""
    blocks = [[op_line(op) for op in unit.own_ops.values()]]
    blocks += [pattern_lines(pattern, examples=stage == "plan") for pattern in unit.patterns]
    if stage == "plan":
        blocks += [pass_lines(spec) for spec in unit.passes]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _ast_text(value: Any, indent: int = 0) -> str:
    """An AST, one field a line, spans left out."""
    pad = "  " * indent
    if attrs.has(type(value)):
        lines = [f"{pad}{type(value).__name__}"]
        for field in attrs.fields(type(value)):
            if field.name in ("span", "path_span"):
                continue
            inner = getattr(value, field.name)
            if inner is None or inner == () or inner is False:
                continue
            if isinstance(inner, ast.Name):
                lines.append(f"{pad}  {field.name}: {inner.text}")
            elif isinstance(inner, tuple) or attrs.has(type(inner)):
                lines.append(f"{pad}  {field.name}:")
                lines.append(_ast_text(inner, indent + 2).rstrip("\n"))
            else:
                lines.append(f"{pad}  {field.name}: {inner!r}")
        return "\n".join(lines) + "\n"
    if isinstance(value, tuple):
        return "".join(_ast_text(item, indent) for item in value)
    return f"{pad}{value!r}\n"


def compile_module(path: Path | str, *, roots: Sequence[Path] = ()) -> str:
    """The module text of one file. Raises PatError with every finding if it has errors."""
    outcome = run([Path(path)], roots=roots)[0]
    if outcome.errors:
        raise PatError(outcome.errors)
    return outcome.module or ""
