"""Shapes of the predeclared ops whose types a declaration cannot say: splits, slices, broadcasts, reductions.

In: an op's name and its arguments, tensors as `TensorMeta` (dims are ints or polynomials). Out: the types of its results in
order, None for one that is not known. For proofs only: at a match the graph itself says what types are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from patdsl.dtypes import Dtype
from patdsl.match.found import TensorMeta

Args = Mapping[str, Any]
Types = list["TensorMeta | None"]
#: Decides whether two dims are equal: True, False, or anything else for not known.
Same = Callable[[Any, Any], Any]


def rule_types(op: str, args: Args, same: Same) -> Types | None:
    """The result types of a predeclared op, or None where it has no rule or the arguments do not fit it."""
    rule = RULES.get(op)
    if rule is None:
        return None
    try:
        return rule(args, same)
    except (AttributeError, IndexError, KeyError, TypeError):
        # An argument of unknown type: what follows from it is not known either.
        return None


def _with(meta: TensorMeta, dims: Sequence[Any]) -> TensorMeta:
    return attrs.evolve(meta, dims=tuple(dims), strides=None)


def _at(meta: TensorMeta, dim: Any) -> int:
    if not isinstance(dim, int):
        raise TypeError("a symbolic dim index")
    return dim % len(meta.dims)


def _replaced(meta: TensorMeta, dim: Any, size: Any) -> TensorMeta:
    at = _at(meta, dim)
    return _with(meta, (*meta.dims[:at], size, *meta.dims[at + 1 :]))


def _split(args: Args, same: Same) -> Types:
    return [_replaced(args["x"], args["dim"], size) for size in args["sizes"]]


def _chunk(args: Args, same: Same) -> Types:
    x: TensorMeta = args["x"]
    size = x.dims[_at(x, args["dim"])] // args["chunks"]
    return [_replaced(x, args["dim"], size)] * args["chunks"]


def _slice(args: Args, same: Same) -> Types:
    return [_replaced(args["x"], args["dim"], args["end"] - args["start"])]


def _unsqueeze(args: Args, same: Same) -> Types:
    x: TensorMeta = args["x"]
    at = args["dim"] % (len(x.dims) + 1)
    return [_with(x, (*x.dims[:at], 1, *x.dims[at:]))]


def _squeeze(args: Args, same: Same) -> Types:
    x: TensorMeta = args["x"]
    at = _at(x, args["dim"])
    return [_with(x, (*x.dims[:at], *x.dims[at + 1 :]))]


def _permute(args: Args, same: Same) -> Types:
    x: TensorMeta = args["x"]
    return [_with(x, [x.dims[dim] for dim in args["dims"]])]


def _expand(args: Args, same: Same) -> Types:
    return [_with(args["x"], args["dims"])]


def _bitcast(args: Args, same: Same) -> Types:
    return [None]


def _broadcast(args: Args, same: Same) -> Types:
    x, other = args["x"], args["other"]
    if not isinstance(other, TensorMeta):
        return [_with(x, x.dims)]
    if not isinstance(x, TensorMeta):
        return [_with(other, other.dims)]
    rank = max(len(x.dims), len(other.dims))
    one = (1,) * (rank - len(x.dims)) + x.dims
    two = (1,) * (rank - len(other.dims)) + other.dims
    dims = []
    for a, b in zip(one, two, strict=True):
        if same(b, 1) is True or same(a, b) is True:
            dims.append(a)
        elif same(a, 1) is True:
            dims.append(b)
        else:
            return [None]
    return [TensorMeta(_promoted(x.dtype, other.dtype), tuple(dims), None, x.device)]


def _promoted(one: Dtype, two: Dtype) -> Dtype:
    """Of two floating dtypes the wider; enough for the arithmetic of norms and quantisation."""
    order = ["bf16", "f16", "f32", "f64"]
    if one.name in order and two.name in order:
        return max(one, two, key=lambda dtype: order.index(dtype.name))
    return one


def _same_as_x(args: Args, same: Same) -> Types:
    return [_with(args["x"], args["x"].dims)]


def _reduce(args: Args, same: Same) -> Types:
    x: TensorMeta = args["x"]
    at = {_at(x, dim) for dim in args["dims"]}
    if args["keepdim"] is True:
        return [_with(x, [1 if index in at else dim for index, dim in enumerate(x.dims)])]
    return [_with(x, [dim for index, dim in enumerate(x.dims) if index not in at])]


def _max(args: Args, same: Same) -> Types:
    (values,) = _reduce({**args, "dims": (args["dim"],)}, same)
    assert values is not None
    return [values, attrs.evolve(values, dtype=Dtype("i64"))]


def _cat(args: Args, same: Same) -> Types:
    tensors: Sequence[TensorMeta] = args["tensors"]
    total: Any = 0
    for tensor in tensors:
        total = total + tensor.dims[_at(tensor, args["dim"])]
    return [_replaced(tensors[0], args["dim"], total)]


def _pad(args: Args, same: Same) -> Types:
    x: TensorMeta = args["x"]
    dims = list(x.dims)
    pads = args["pads"]
    for index in range(len(pads) // 2):
        dims[-1 - index] = dims[-1 - index] + pads[2 * index] + pads[2 * index + 1]
    return [_with(x, dims)]


def _index(args: Args, same: Same) -> Types:
    x, (indices,) = args["x"], args["indices"]
    return [_with(x, (*indices.dims, *x.dims[1:]))]


RULES: dict[str, Callable[[Args, Same], Types]] = {
    "split": _split,
    "chunk": _chunk,
    "slice": _slice,
    "unsqueeze": _unsqueeze,
    "squeeze": _squeeze,
    "permute": _permute,
    "expand": _expand,
    "bitcast": _bitcast,
    "add": _broadcast,
    "sub": _broadcast,
    "mul": _broadcast,
    "div": _broadcast,
    "pow": _same_as_x,
    "mean": _reduce,
    "amax": _reduce,
    "max": _max,
    "cat": _cat,
    "index": _index,
    "pad": _pad,
}


def input_type(op: str, param: str, made: TensorMeta | None, args: Args) -> TensorMeta | None:
    """The type of an input about which its op says more than its declaration: `made` as it must be to be an argument."""
    try:
        if (op, param) == ("split", "x") and made is not None:
            total: Any = 0
            for size in args["sizes"]:
                total = total + size
            return _replaced(made, args["dim"], total)
        if (op, param) == ("slice_scatter", "src"):
            return _replaced(args["x"], args["dim"], args["end"] - args["start"])
    except (KeyError, TypeError, AttributeError):
        return made
    return made
