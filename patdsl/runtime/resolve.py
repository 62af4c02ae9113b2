"""A pass as one target and one integration read it.

In: `PassSpec`, a target, values for its hosts. Out: `Resolved`: the patterns without `fp8`, the matcher's `Context`,
and for every pattern whether it is on, and why not. Imports nothing that belongs to a platform. A host value of the
wrong kind is an error at once; everything else is a reason in the report.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from patdsl.expr import UNKNOWN, EvaluationError, Scope, evaluate, names_in
from patdsl.graph import ConstValue, PassSpec, Pattern, RightStep
from patdsl.match.context import Context
from patdsl.match.found import Value
from patdsl.match.resolve import resolve_all
from patdsl.op_table import DeclaredCall, Native, On, Op, TorchCall
from patdsl.resolved_to_text import expr_text
from patdsl.runtime.preference import preferred
from patdsl.runtime.target import matches
from patdsl.runtime.tokens import TokenRange


@attrs.frozen
class Process:
    """What is known of the process that runs a graph.

    `exists` tells whether a torch op is registered; `unusable` why a binding of an op can be neither found nor called
    (None: it can); `what_runs` in words what a call of a torch op runs on a target; `known` decides conditions on
    symbolic sizes.
    """

    exists: Callable[[str], bool]
    unusable: Callable[[Op, TorchCall], str | None]
    what_runs: Callable[[str, str], str]
    known: Callable[[Any], Any]

    def usable(self, op: Op) -> Op:
        """The op without the bindings that their torch schemas contradict; what is not registered is never met."""
        kept = tuple(
            binding
            for binding in op.bindings
            if not (
                isinstance(binding, TorchCall) and self.exists(binding.target) and self.unusable(op, binding)
            )
        )
        return op if len(kept) == len(op.bindings) else attrs.evolve(op, bindings=kept)


@attrs.frozen
class Choice:
    """A binding that an op of the right side has: its torch or declared op, and why it cannot be called (None: it can).

    `guarded`: the call's own guard decides for each match. `runs`: what a call runs, in words; None where it cannot be
    called, and for declared ops, whose bindings say it.
    """

    binding: str
    skipped: str | None
    guarded: bool = False
    runs: str | None = None


@attrs.frozen
class Standing:
    """Whether a pattern is looked for, why not, and the bindings of the ops that its right side calls, in order."""

    pattern: Pattern
    reasons: tuple[str, ...]
    choices: Mapping[str, tuple[Choice, ...]]

    @property
    def enabled(self) -> bool:
        return not self.reasons


@attrs.frozen(eq=False)
class Resolved:
    """`standings` in the order of the declaration; `reasons` is why the whole pass is off, if it is."""

    context: Context
    standings: tuple[Standing, ...]
    reasons: tuple[str, ...]

    @property
    def enabled(self) -> tuple[Pattern, ...]:
        return () if self.reasons else tuple(each.pattern for each in self.standings if each.enabled)


def resolve_pass(
    spec: PassSpec,
    target: str,
    hosts: Mapping[str, Any],
    *,
    prefer: Sequence[str] = (),
    tokens: TokenRange | None = None,
    process: Process | None = None,
) -> Resolved:
    """What `spec` is on `target`, in this process as it is now unless another is given. `hosts` come from
    `host_values`.

    `prefer` orders the bindings that a right side may call (`preference.py`); `tokens` is what a graph is compiled
    for, if known.
    """
    if process is None:
        from patdsl.runtime.usable import THIS_PROCESS  # imports torch, which printed graphs do without

        process = THIS_PROCESS
    context = make_context(spec, target, hosts, prefer, process)
    standings = tuple(
        _standing(resolve_all(pattern, target), context, spec.ops, prefer, process)
        for pattern in spec.patterns
    )
    return Resolved(context, standings, _pass_reasons(spec, context, tokens))


def make_context(
    spec: PassSpec, target: str, hosts: Mapping[str, Any], prefer: Sequence[str], process: Process
) -> Context:
    """What the matcher needs beside a graph."""
    names = {name: resolve_all(const_value(values, target), target) for name, values in spec.consts.items()}
    functions = {}
    for host in spec.hosts:
        if host.params is None:
            names[host.name] = hosts[host.name]
        else:
            functions[host.name] = _asked(hosts[host.name])
    return Context(
        target=target,
        ops={name: preferred(process.usable(op), prefer) for name, op in spec.ops.items()},
        names=names,
        hosts=functions,
        exists=process.exists,
        known=process.known,
        matches_target=lambda name, or_newer: matches(target, name, or_newer),
    )


def _asked(function: Callable[..., Any]) -> Callable[..., Any]:
    """A host function as conditions call it: what a graph holds but does not say, it is given as none."""
    return lambda *args: function(*(None if isinstance(arg, Value) else arg for arg in args))


def const_value(values: Sequence[ConstValue], target: str) -> Any:
    """The value that holds on `target`: one that names it, else the one for everywhere else."""
    for value in values:
        if value.targets and is_on(value.targets, target):
            return value.value
    return next((value.value for value in values if not value.targets), None)


def is_on(targets: Sequence[On], target: str) -> bool:
    """Whether `target` is among them. None named: everywhere."""
    return not targets or any(matches(target, on.name, on.or_newer) for on in targets)


# Standings


def _pass_reasons(spec: PassSpec, context: Context, tokens: TokenRange | None) -> tuple[str, ...]:
    reasons = []
    names = context.names if tokens is None else {**context.names, "tokens": tokens}
    if not is_on(spec.targets, context.target):
        reasons.append(f"target {context.target} is not among {_names(spec.targets)}")
    if spec.when is not None:
        try:
            held = evaluate(spec.when, Scope(names, hosts=context.hosts, known=context.known))
        except EvaluationError as error:
            reasons.append(f"'when' cannot be decided: {error}")
        else:
            values = ", ".join(f"{name} = {names[name]}" for name in names_in(spec.when) if name in names)
            where = f"{expr_text(spec.when)}{f' ({values})' if values else ''}"
            if held is UNKNOWN:
                reasons.append(f"'when' is not known to hold: {where}")
            elif held is not True:
                reasons.append(f"'when' is false: {where}")
    return tuple(reasons)


def _standing(
    pattern: Pattern, context: Context, ops: Mapping[str, Op], prefer: Sequence[str], process: Process
) -> Standing:
    """`ops` are the declared ones, also with bindings that cannot be used."""
    reasons = []
    if not is_on(pattern.targets, context.target):
        reasons.append(f"target {context.target} is not among {_names(pattern.targets)}")
    choices = {}
    for step in pattern.right:
        if isinstance(step, RightStep) and step.op not in choices:
            choices[step.op] = _choices(preferred(ops[step.op], prefer), context, process)
            if all(choice.skipped for choice in choices[step.op]):
                why = "; ".join(f"{choice.binding}: {choice.skipped}" for choice in choices[step.op])
                reasons.append(f"'{step.op}' cannot be called here: {why or 'it has no binding'}")
    for name in dict.fromkeys(step.op for step in pattern.left.steps if hasattr(step, "op")):
        if not _can_be_found(context.ops[name], context, frozenset()):
            reasons.append(f"no graph can hold '{name}': {_why_not_found(ops[name], process)}")
    return Standing(pattern, tuple(reasons), choices)


def _choices(
    op: Op, context: Context, process: Process, seen: frozenset[str] = frozenset()
) -> tuple[Choice, ...]:
    found = []
    for binding in op.bindings:
        if isinstance(binding, Native):
            continue
        guarded = binding.guard is not None
        if isinstance(binding, TorchCall):
            skipped = _off_target(binding, context) or process.unusable(op, binding)
            runs = None if skipped else process.what_runs(binding.target, context.target)
            found.append(Choice(binding.target, skipped, guarded, runs))
        elif isinstance(binding, DeclaredCall) and binding.op not in seen:
            inner = _choices(context.ops[binding.op], context, process, seen | {op.name})
            missing = (
                None
                if any(choice.skipped is None for choice in inner)
                else "none of its bindings can be called"
            )
            found.append(Choice(binding.op, _off_target(binding, context) or missing, guarded))
    return tuple(found)


def _off_target(binding: TorchCall | DeclaredCall, context: Context) -> str | None:
    if is_on(binding.targets, context.target):
        return None
    return f"for {_names(binding.targets)}, not {context.target}"


def _can_be_found(op: Op, context: Context, seen: frozenset[str]) -> bool:
    """Whether a graph can hold the op: a registered torch op, an op that is, or a block of such."""
    for binding in op.bindings:
        if isinstance(binding, TorchCall) and context.exists(binding.target):
            return True
        if isinstance(binding, Native):
            return True
        if (
            isinstance(binding, DeclaredCall)
            and binding.op not in seen
            and _can_be_found(context.ops[binding.op], context, seen | {op.name})
        ):
            return True
    return False


def _why_not_found(op: Op, process: Process) -> str:
    calls = [binding for binding in op.bindings if isinstance(binding, TorchCall)]
    others = [binding.op for binding in op.bindings if isinstance(binding, DeclaredCall)]
    told = [f"{call.target}: {process.unusable(op, call)}" for call in calls]
    told += [f"{other}: none of its bindings can be found" for other in others]
    return "; ".join(told) or "it has no binding"


def _names(targets: Sequence[On]) -> str:
    return ", ".join(on.name + ("+" if on.or_newer else "") for on in targets)
