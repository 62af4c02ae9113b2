"""Shapes of the predeclared ops whose types a declaration cannot say: splits, slices, broadcasts, reductions.

In: an op's name and its arguments, tensors as `TensorMeta` (dims are ints or polynomials). Out: the types of its
results in order, None for one that is not known. For proofs only: at a match the graph itself says what types are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from patdsl.compiler.promotion import joined, promoted, with_number
from patdsl.compiler.symbolic import Poly
from patdsl.dtypes import Dtype
from patdsl.match.found import TensorMeta

Args = Mapping[str, Any]
Types = list["TensorMeta | None"]
#: Decides whether two dims are equal: True, False, or anything else for not known.
Same = Callable[[Any, Any], Any]
#: The end of a slice that takes the rest, as torch writes it.
TO_THE_END = 2**63 - 1
#: More parts than this are not listed.
MOST_CHUNKS = 1024


def rule_types(op: str, args: Args, same: Same) -> Types | None:
    """The result types of a predeclared op, or None where it has no rule or the arguments do not fit it."""
    rule = RULES.get(op)
    if rule is None:
        return None
    try:
        return rule(args, same)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError, ArithmeticError):
        # An argument of unknown type, or one that torch would refuse: what follows from it is not known either.
        return None


def _with(meta: TensorMeta, dims: Sequence[Any]) -> TensorMeta:
    return attrs.evolve(meta, dims=tuple(dims), strides=None)


def _at(rank: int, dim: Any) -> int:
    if not isinstance(dim, int):
        raise TypeError("a symbolic dim index")
    return range(rank)[dim]


def _replaced(meta: TensorMeta, dim: Any, size: Any) -> TensorMeta:
    at = _at(len(meta.dims), dim)
    return _with(meta, (*meta.dims[:at], size, *meta.dims[at + 1 :]))


def _split(args: Args, same: Same) -> Types:
    return [_replaced(args["x"], args["dim"], size) for size in args["sizes"]]


def _chunk(args: Args, same: Same) -> Types:
    """Open sizes come out even, as the names that a pattern gives the parts say."""
    x: TensorMeta = args["x"]
    size, chunks = x.dims[_at(len(x.dims), args["dim"])], args["chunks"]
    if not 0 < chunks <= MOST_CHUNKS:
        return []
    if not isinstance(size, int):
        return [_replaced(x, args["dim"], size // chunks)] * chunks
    part = max(-(-size // chunks), 1)
    parts = [min(part, size - start) for start in range(0, size, part)]
    return [_replaced(x, args["dim"], each) for each in parts]


def _slice(args: Args, same: Same) -> Types:
    x: TensorMeta = args["x"]
    return [_replaced(x, args["dim"], _slice_size(x, args))]


def _slice_size(x: TensorMeta, args: Args) -> Any:
    """Ends that are open lie within the dim: `match/aten_forms.py` brings those of a graph there."""
    size, start, end = x.dims[_at(len(x.dims), args["dim"])], args["start"], args["end"]
    if isinstance(end, int) and end == TO_THE_END:
        end = size
    if all(isinstance(each, int) for each in (size, start, end)):
        return len(range(size)[start:end])
    if any(isinstance(each, int) and each < 0 for each in (start, end)):
        raise ValueError("counted from an end that is open")
    return end - start


def _unsqueeze(args: Args, same: Same) -> Types:
    x: TensorMeta = args["x"]
    at = _at(len(x.dims) + 1, args["dim"])
    return [_with(x, (*x.dims[:at], 1, *x.dims[at:]))]


def _squeeze(args: Args, same: Same) -> Types:
    x: TensorMeta = args["x"]
    at = _at(len(x.dims), args["dim"])
    is_one = same(x.dims[at], 1)
    if is_one is True:
        return [_with(x, (*x.dims[:at], *x.dims[at + 1 :]))]
    return [_with(x, x.dims)] if is_one is False else [None]


def _permute(args: Args, same: Same) -> Types:
    x: TensorMeta = args["x"]
    order = [_at(len(x.dims), dim) for dim in args["dims"]]
    if sorted(order) != list(range(len(x.dims))):
        raise ValueError("no permutation")
    return [_with(x, [x.dims[at] for at in order])]


def _expand(args: Args, same: Same) -> Types:
    """-1 keeps a size."""
    x: TensorMeta = args["x"]
    dims = list(args["dims"])
    for index in range(1, len(x.dims) + 1):
        if isinstance(dims[-index], int) and dims[-index] == -1:
            dims[-index] = x.dims[-index]
    return [_with(x, dims)]


def _bitcast(args: Args, same: Same) -> Types:
    return [None]


def _broadcast(args: Args, same: Same) -> Types:
    x, other = args["x"], args["other"]
    if not isinstance(x, TensorMeta):
        x, other = other, x
    if not isinstance(other, TensorMeta):
        return [attrs.evolve(_with(x, x.dims), dtype=with_number(x.dtype, other))]
    dtype = promoted(x, other)
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
    return [None] if dtype is None else [TensorMeta(dtype, tuple(dims), None, x.device)]


def _divide(args: Args, same: Same) -> Types:
    """Of integers too, it makes a float."""
    (made,) = _broadcast(args, same)
    return [made if made is None else attrs.evolve(made, dtype=with_number(made.dtype, 1.0))]


def _pow(args: Args, same: Same) -> Types:
    x: TensorMeta = args["x"]
    return [attrs.evolve(_with(x, x.dims), dtype=with_number(x.dtype, args["exponent"]))]


def _reduce(args: Args, same: Same) -> Types:
    """No dims are all dims."""
    x: TensorMeta = args["x"]
    at = {_at(len(x.dims), dim) for dim in args["dims"]} or set(range(len(x.dims)))
    if not isinstance(args["keepdim"], bool):
        return [None]
    if args["keepdim"]:
        return [_with(x, [1 if index in at else dim for index, dim in enumerate(x.dims)])]
    return [_with(x, [dim for index, dim in enumerate(x.dims) if index not in at])]


def _max(args: Args, same: Same) -> Types:
    (values,) = _reduce({**args, "dims": (args["dim"],)}, same)
    return [values, values and attrs.evolve(values, dtype=Dtype("i64"))]


def _cat(args: Args, same: Same) -> Types:
    first, *others = args["tensors"]
    at = _at(len(first.dims), args["dim"])
    total: Any = first.dims[at]
    dtype = first.dtype.resolved
    for tensor in others:
        total = total + tensor.dims[at]
        dtype = dtype and joined(dtype, tensor.dtype.resolved)
    return [dtype and attrs.evolve(_replaced(first, at, total), dtype=dtype)]


def _pad(args: Args, same: Same) -> Types:
    x: TensorMeta = args["x"]
    dims = list(x.dims)
    pads = args["pads"]
    for index in range(len(pads) // 2):
        dims[-1 - index] = dims[-1 - index] + pads[2 * index] + pads[2 * index + 1]
    return [_with(x, dims)]


def _index(args: Args, same: Same) -> Types:
    """By one tensor of indices. How many elements a mask takes is in no type."""
    x, (indices,) = args["x"], args["indices"]
    if indices.dtype.resolved.name not in ("i32", "i64"):
        return [None]
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
    "div": _divide,
    "pow": _pow,
    "mean": _reduce,
    "amax": _reduce,
    "max": _max,
    "cat": _cat,
    "index": _index,
    "pad": _pad,
}


def demanded(op: str, args: Args) -> Any:
    """What must hold of the arguments for the op to run at all: a condition on dims, or True."""
    try:
        if op == "split":
            x: TensorMeta = args["x"]
            whole = Poly.of(x.dims[_at(len(x.dims), args["dim"])])
            return whole == sum(args["sizes"], Poly.of(0))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return True
    return True


def input_type(op: str, param: str, made: TensorMeta | None, args: Args) -> TensorMeta | None:
    """The type of an input about which its op says more than its declaration: `made` as it must be to fit."""
    try:
        if (op, param) == ("split", "x") and made is not None:
            total: Any = 0
            for size in args["sizes"]:
                total = total + size
            return _replaced(made, args["dim"], total)
        if (op, param) == ("slice_scatter", "src"):
            return _replaced(args["x"], args["dim"], _slice_size(args["x"], args))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return made
    return made
