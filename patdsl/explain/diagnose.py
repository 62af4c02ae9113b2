"""Why a search got no further at a dead end.

In: a `DeadEnd`. Out: a `Cause`: what the pattern wants next and what the graph has there. Asks the join itself about
each candidate, operand by operand; where there is no candidate, looks at what stands in the candidate's place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from patdsl.explain.cause import Cause, Spelling
from patdsl.explain.trail import DeadEnd
from patdsl.explain.unfit import unfit
from patdsl.match.found import Site, Value
from patdsl.match.join import Budget, Join, OutOfBudgetError, Solution
from patdsl.match.sites import Sites
from patdsl.op_table import Anything, Const, OneOf, Operand, Step, Through, Type, Use, ViewStep
from patdsl.resolved_to_text import expr_text

#: Causes from the most telling to the least, to choose among the dead ends of one place.
_TELLING = ("view", "attribute", "form", "type", "value", "between", "count", "op", "branch")


def diagnose(sites: Sites, ends: list[DeadEnd], bound: frozenset[str]) -> tuple[Cause, int]:
    """The most telling cause of several ends that got equally far, and how many steps hold there without its own.
    `bound`: the torch ops that some declaration names."""
    found = [(_cause(sites, end, bound), end) for end in ends]
    cause, end = min(found, key=lambda each: _TELLING.index(each[0].kind))
    return cause, _matched_otherwise(end)


def _cause(sites: Sites, end: DeadEnd, bound: frozenset[str]) -> Cause:
    step, at = end.step, end.at
    if isinstance(step, ViewStep):
        return _no_view(sites, step, at)
    edge = end.join.edge(step, at)
    if edge is None:
        return _missing(sites, step, at)
    direction, values = edge[1]
    disagreements = [
        _disagreement(end.join, step, site, at) for site in end.join.candidates(step, direction, values)
    ]
    if not disagreements:  # other edges lead to candidates too
        disagreements = [_disagreement(end.join, step, site, at) for site in _elsewhere(end, step)]
    if disagreements:
        return max(disagreements, key=lambda each: each[0])[1]
    if not values:
        return _no_view_between(end, step)
    return next(_instead(sites, step, at, direction, values, bound), None) or _missing(sites, step, at)


def _elsewhere(end: DeadEnd, step: Step) -> Iterator[Site[Any]]:
    """Sites of the op that read any of the values that the step should read."""
    for _, operand in step.operands:
        value = end.at.names.bound.get(operand.value) if isinstance(operand, (Use, Through)) else None
        if isinstance(value, Value):
            yield from end.join.sites.using(step.op, value)


def diagnose_start(sites: Sites, types: Mapping[str, Type], step: Step, site: Site[Any]) -> Cause:
    """Why a search does not even begin with a step at a site."""
    join = Join(sites, types, frozenset(), Budget(1))
    return _disagreement(join, step, site, Solution(sites.names()))[1]


def _no_view_between(end: DeadEnd, step: Step) -> Cause:
    """The edge asks for a view, and nothing views the value as it asks."""
    sites, bound = end.join.sites, end.at.names.bound
    for _, operand in step.operands:
        value = bound.get(operand.value) if isinstance(operand, Through) else None
        if isinstance(value, Value):
            direct = sites.using(step.op, value)
            what = "reads it itself" if direct else "does not read one"
            message = f"the pattern wants a view of {show(sites, value)} here, and {step.op} {what}"
            return Cause("view", message, step, (*value.holders[:1], *(direct[0].nodes if direct else ())))
    return _missing(sites, step, end.at)


def _matched_otherwise(end: DeadEnd) -> int:
    """How many steps hold together, the one that failed left out."""
    at, rest, reached = end.at, end.rest, len(end.at.sites)
    join = attrs.evolve(end.join, trail=None) if rest else end.join
    while rest:
        connected = [step for step in rest if isinstance(step, Step) and join.edge(step, at) is not None]
        if not connected:
            break
        step, rest = connected[0], tuple(each for each in rest if each is not connected[0])
        try:
            more = next(join.solutions((step,), at), None)
        except OutOfBudgetError:
            break
        if more is not None:
            at, reached = more, reached + 1
    return reached


# a candidate that disagrees


def _disagreement(join: Join, step: Step, site: Site[Any], at: Solution) -> tuple[int, Cause]:
    """How much of a candidate agrees, and the first thing that does not."""
    name = join.sites.view.name
    nodes = site.nodes or tuple(value.producer for value in site.results.values())[:1]
    taken = [node for node in site.nodes if node in at.nodes]
    if taken:
        message = f"'{name(taken[0])}' is another op of the pattern already"
        return 0, Cause("value", message, step, tuple(taken))
    new = Solution(at.names.copy(), {**at.sites, step.label: site}, at.nodes.union(site.nodes), at.seen)
    agreed = 1
    for result, value_name in step.results:
        value = site.results.get(result)
        if value is None or not join.bind(new, value_name, value):
            return agreed, Cause(
                "value", f"its result '{result}' is another value than the pattern says", step, nodes
            )
        agreed += 1
    for param, operand in step.operands:
        if isinstance(operand, Anything):
            continue
        before = attrs.evolve(new, names=new.names.copy())
        matched = join.operand(operand, site.args[param], new) if param in site.args else None
        if matched is None:
            return agreed, _mismatch(join, step, param, operand, site, before, nodes)
        agreed, new = agreed + 1, matched
    return agreed, Cause("value", "it disagrees with what is bound already", step, nodes)


def _mismatch(
    join: Join,
    step: Step,
    param: str,
    operand: Operand,
    site: Site[Any],
    at: Solution,
    nodes: tuple[Any, ...],
) -> Cause:
    place = f"{step.op}.{param}"
    if param not in site.args:
        return Cause("attribute", f"{place} is left open by this spelling of {step.op}", step, nodes, param)
    actual = site.args[param]
    shown = show(join.sites, actual)
    if isinstance(operand, Const):
        wanted = expr_text(operand.value)
        return Cause(
            "attribute", f"{place} is {shown}, the pattern wants {wanted}", step, nodes, param, actual
        )
    if isinstance(operand, OneOf):
        wanted = ", ".join(map(expr_text, operand.options))
        return Cause(
            "attribute", f"{place} is {shown}, the pattern wants one of {wanted}", step, nodes, param, actual
        )
    if isinstance(operand, (Use, Through)) and operand.value in at.names.bound:
        bound = at.names.bound[operand.value]
        if isinstance(actual, Value) and isinstance(bound, Value):
            return _other_value(join, step, place, operand, actual, bound, nodes)
        message = f"{place} is {shown}, but '{operand.value}' is {show(join.sites, bound)} already"
        return Cause("attribute", message, step, nodes, param, actual)
    if isinstance(operand, Use) and operand.value in join.types:
        reason = at.names.copy().fit_type(join.types[operand.value], actual)
        if reason is not None:
            return Cause("type", f"{place} ({shown}): {reason}", step, nodes, param, actual)
    return Cause("value", f"{place} is {shown}, which the pattern does not allow", step, nodes, param, actual)


def _other_value(
    join: Join,
    step: Step,
    place: str,
    operand: Use | Through,
    actual: Value[Any],
    bound: Value[Any],
    nodes: tuple[Any, ...],
) -> Cause:
    values = join.sites.values
    here, there = show(join.sites, actual), show(join.sites, bound)
    if values.root_key(actual.key) != values.root_key(bound.key):
        return Cause(
            "value", f"{place} is {here}, the pattern wants {there} ('{operand.value}')", step, nodes
        )
    views = (*actual.holders[:1], *nodes)
    if isinstance(operand, Use):
        return Cause("view", f"{place} is a view of {there}, and this edge has no `view?`", step, views)
    if operand.at_least and actual == bound:
        return Cause("view", f"{place} is {here} itself, the pattern wants a view of it", step, nodes)
    return Cause(
        "view",
        f"{place} is a view of {there} with another last dim, which no `view?` allows",
        step,
        views,
    )


# no candidate


def _instead(
    sites: Sites,
    step: Step,
    at: Solution,
    direction: str,
    values: list[Value[Any]],
    bound: frozenset[str],
) -> Iterator[Cause]:
    """What stands where the op should, the most telling first."""
    around = [node for node in _around(sites, direction, values) if node not in at.nodes]
    targets = sites.targets(step.op)
    name, target = sites.view.name, sites.view.target
    for node in around:
        if target(node) in targets and not sites.at(step.op, node):
            yield unfit(sites, step, node)
    occurs = sites.count(step.op) > 0
    for value in values if occurs else ():
        for member in sites.values.members(value):
            through = _sites(sites, step.op, direction, member) if member != value else []
            if through:
                view = (member if direction == "down" else value).holders[:1]
                views = ", ".join(f"'{name(each)}'" for each in view)
                what = f"a view ({views}) stands between {show(sites, value)} and {step.op}"
                message = f"{what}, and this edge has no `view?` that allows it"
                yield Cause("view", message, step, (*view, *through[0].nodes))
    for node in around if occurs else ():
        further = _beyond(sites, direction, node)
        found = next((site for value in further for site in _sites(sites, step.op, direction, value)), None)
        if found is not None and target(node) is not None:
            message = (
                f"'{name(node)}' ({_op(sites, node)}) stands between {show(sites, values[0])} and {step.op}"
            )
            spelling = _spelling(sites, node, direction)
            yield Cause("between", message, step, (node, *found.nodes), actual=spelling)
    others = [node for node in around if target(node) is not None]
    if others:
        there = ", ".join(f"'{name(node)}' ({_op(sites, node)})" for node in others[:3])
        what = "is made by" if direction == "up" else "is read by"
        message = f"the pattern wants {step.op} here; {show(sites, values[0])} {what} {there}"
        named = _alike(step, others, sites, bound)
        if named is None:
            yield Cause("op", message, step, tuple(others[:3]))
        else:
            message += f"; if {target(named)} computes {step.op}, it needs a binding"
            about = dict.fromkeys((named, *others[:3]))
            yield Cause("op", message, step, tuple(about), actual=_spelling(sites, named, direction))
    elif values:
        what = "is not computed in the graph" if direction == "up" else "is read by no other op"
        yield Cause(
            "branch", f"the pattern wants {step.op} here; {show(sites, values[0])} {what}", step, _of(values)
        )


def _around(sites: Sites, direction: str, values: list[Value[Any]]) -> Iterator[Any]:
    """The nodes that make these values, or read them; where a view reads them, those that read the view."""
    view = sites.view
    if direction == "up":
        yield from dict.fromkeys(sites.values.root(value).producer for value in values)
        return
    for value in values:
        pending = list(value.holders)
        seen = set(pending)
        while pending:
            for user in view.users(pending.pop(0)):
                if user in seen:
                    continue
                seen.add(user)
                if sites.values.is_free(user):
                    pending.append(user)
                yield user


def _beyond(sites: Sites, direction: str, node: Any) -> list[Value[Any]]:
    nodes = sites.view.inputs(node) if direction == "up" else [node, *sites.view.users(node)]
    return [sites.values.of(each) for each in nodes if not sites.view.is_output(each)]


def _sites(sites: Sites, op: str, direction: str, value: Value[Any]) -> list[Site[Any]]:
    return sites.producing(op, value) if direction == "up" else sites.using(op, value)


def _alike(step: Step, nodes: list[Any], sites: Sites, bound: frozenset[str]) -> Any:
    """A node whose op nothing declares and which has the name of the one wanted."""
    wanted = step.op.rpartition(".")[2]
    for node in nodes:
        target = sites.view.target(node) or ""
        own = target.partition("::")[2].partition(".")[0]
        if target not in bound and own and (wanted in own or own in wanted):
            return node
    return None


def _spelling(sites: Sites, node: Any, direction: str) -> Spelling:
    args, kwargs = sites.view.given(node)
    return Spelling(sites.view.target(node) or "", args, kwargs, direction == "down")


def _missing(sites: Sites, step: Step, at: Solution) -> Cause:
    if not sites.count(step.op):
        spelled = ", ".join(sorted(sites.targets(step.op))) or "native code"
        return Cause("branch", f"no {step.op} in the graph (looked for {spelled})", step, _last(at))
    if not any(True for _ in sites.all(step.op)):
        nodes = [node for target in sites.targets(step.op) for node in sites.view.by_target(target)]
        return unfit(sites, step, nodes[0]) if nodes else Cause("branch", f"no {step.op} in the graph", step)
    return Cause("branch", f"no {step.op} here", step, _last(at))


def _no_view(sites: Sites, step: ViewStep, at: Solution) -> Cause:
    source = at.names.bound.get(step.source)
    wanted = ", ".join("_" if isinstance(dim, Anything) else expr_text(dim) for dim in step.dims)
    what = show(sites, source) if isinstance(source, Value) else f"'{step.source}'"
    nodes = source.holders[:1] if isinstance(source, Value) else ()
    return Cause("view", f"no view of {what} has the shape [{wanted}]", step, nodes)


# words


def show(sites: Sites, value: Any) -> str:
    """A value of the matcher as messages call it."""
    if isinstance(value, Value):
        if value.holders or value.index is None:
            return f"'{sites.view.name(value.holders[0] if value.holders else value.producer)}'"
        return f"output {value.index} of '{sites.view.name(value.producer)}'"
    if isinstance(value, tuple):
        return f"[{', '.join(show(sites, item) for item in value)}]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    return f'"{value}"' if isinstance(value, str) else str(value)


def _op(sites: Sites, node: Any) -> str:
    return sites.view.target(node) or "no op"


def _last(at: Solution) -> tuple[Any, ...]:
    return tuple(at.nodes)[-1:]


def _of(values: list[Value[Any]]) -> tuple[Any, ...]:
    return tuple(values[0].holders[:1])
