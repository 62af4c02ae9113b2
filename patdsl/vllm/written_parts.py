"""Parts of a tensor that were written in place, read where they were made.

Models turn q and k in place, as parts of one projection. A functional graph then scatters both into a copy of the
projection and splits that copy again, v included, so that what follows neither reads what the rotary embedding gave nor
the projection itself. In: a functional graph, which is changed. Out: how many parts are read directly now.
"""

from __future__ import annotations

import operator
from typing import Any

import torch
from torch.fx import Graph, Node

ATEN = torch.ops.aten
SPLIT, SCATTER = ATEN.split_with_sizes.default, ATEN.slice_scatter.default


def read_written_parts(graph: Graph) -> int:
    """Let every part of a split that a scatter wrote whole, or not at all, be read in front of the scatter.

    Parts that the graph returns stay: their strides are promised.
    """
    found = 0
    for part in list(graph.find_nodes(op="call_function", target=operator.getitem)):
        split = part.args[0]
        if not isinstance(split, Node) or split.target is not SPLIT:
            continue
        if not part.users or any(user.op == "output" for user in part.users):
            continue
        source = _source(graph, part, split)
        if source is not None:
            part.replace_all_uses_with(source)
            _erase_unread(part)
            found += 1
    return found


def _source(graph: Graph, part: Node, split: Node) -> Node | None:
    """What holds the same values: the tensor that was scattered there, or the part of what was scattered into."""
    whole, sizes, dim = _argument(split, 0), _argument(split, 1, "split_sizes"), _argument(split, 2, "dim", 0)
    number = part.args[1]
    if not isinstance(number, int) or not all(type(size) is int for size in sizes):
        return None
    start = sum(sizes[:number])
    window = range(start, start + sizes[number])
    base = whole
    while (written := _written(base, dim)) is not None:
        if written == window:
            source = _argument(base, 1, "src")
            return source if _meta(source).dtype == _meta(part).dtype else None
        if written.start < window.stop and window.start < written.stop:
            return None
        base = _argument(base, 0, "self")
    if base is whole:
        return None
    with graph.inserting_before(split):
        parts = graph.call_function(SPLIT, (base, sizes, dim))
        own = graph.call_function(operator.getitem, (parts, number))
    parts.meta, own.meta = dict(split.meta), dict(part.meta)
    return own


def _written(node: Node, dim: int) -> range | None:
    """Where along `dim` a scatter has written; None for any other node, and where it is not known."""
    if node.op != "call_function" or node.target is not SCATTER:
        return None
    rank, size = _meta(node).dim(), _meta(node).shape[dim]
    own, start, end, step = (
        _argument(node, at, name, default)
        for at, name, default in ((2, "dim", 0), (3, "start", None), (4, "end", None), (5, "step", 1))
    )
    start, end = (0 if start is None else start), (size if end is None else end)
    if own % rank != dim % rank or step != 1 or not all(type(each) is int for each in (size, start, end)):
        return None
    return range(size)[start:end]


def _argument(node: Node, at: int, name: str = "", default: Any = None) -> Any:
    return node.args[at] if at < len(node.args) else node.kwargs.get(name, default)


def _meta(node: Node) -> torch.Tensor:
    value: torch.Tensor = node.meta["val"]
    return value


def _erase_unread(node: Node) -> None:
    """The node and what only it read, as far as that is splits, scatters and views."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if each.users or each.op != "call_function" or each.target not in _ERASED:
            continue
        waiting.extend(each.all_input_nodes)
        each.graph.erase_node(each)


_ERASED = (
    *(operator.getitem, SPLIT, SCATTER),
    *(ATEN.view.default, ATEN.reshape.default, ATEN.squeeze.dim, ATEN.unsqueeze.default),
)
