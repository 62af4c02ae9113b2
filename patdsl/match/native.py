"""Native bindings: a block of ops that computes a declared op.

In: an op and its `Native` binding. Out: its sites, with every costly node of the block among `Site.nodes`. What
the block leaves open of the op's parameters is taken from the guard, the types or the defaults, or else stays
open.
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

from patdsl.match.blocks import places
from patdsl.match.found import Site, Value
from patdsl.match.sites import Sites
from patdsl.match.template import Fitted
from patdsl.op_table import Native, Op


def find_native(sites: Sites, op: Op, binding: Native) -> list[Site[Any]]:
    """Every site of the op through this binding; several ways to bind the same nodes count as one."""
    found: dict[Hashable, Site[Any]] = {}
    types = {param.name: param.type for param in op.params}
    for place in places(sites, binding.block, types):
        names = place.names
        results = {
            each.name: names[each.name] for each in op.results if isinstance(names.get(each.name), Value)
        }
        if len(results) < len(op.results):
            continue
        args = {param.name: names[param.name] for param in op.params if param.name in names}
        fitted = sites.complete(op, binding.guard, Fitted(args, results), place.solution.names)
        if fitted is None:
            continue
        nodes = tuple(sorted(place.solution.nodes, key=sites.view.position))
        site = Site(op, binding, fitted.args, fitted.results, nodes)
        found.setdefault((nodes, tuple(value.key for value in results.values())), site)
    return list(found.values())
