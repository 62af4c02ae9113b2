"""The aten ops of the cases: how a `.pat` file declares them, and the calls that a graph may spell them by.

In: nothing. Out: `OPS` and `PRELUDE`. The first spelling of an op is the call that tracing gives; the others mean the
same. Ops whose names differ only in what they say of an optional argument (`add` and `add_twice`) are here
because torch's matcher takes one for the other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import torch

ATEN = torch.ops.aten
PRIMS = torch.ops.prims

#: A target, its arguments and its keyword arguments.
Spelling = tuple[Any, tuple[Any, ...], dict[str, Any]]

NUMBERS = (0.5, 2.0, 3.0)


@attrs.frozen
class Op:
    """`spell(*tensors, k)` gives the spellings. `binding`: what the declaration says behind `=`; "" for views, which
    are written `view(x, dims)`.
    """

    name: str
    tensors: int
    spell: Callable[..., list[Spelling]]
    binding: str
    results: int = 1
    has_k: bool = False
    listed: bool = False
    commutative: bool = False
    dims: tuple[int, ...] = ()

    @property
    def is_view(self) -> bool:
        return bool(self.dims)

    @property
    def is_free(self) -> bool:
        """Views and splits cost nothing to patdsl, and match by what they give."""
        return self.is_view or self.listed

    def declaration(self) -> str:
        params = [f"x{at}: tensor" for at in range(self.tensors)] + ["k: float"] * self.has_k
        results = [f"y{at}: tensor" for at in range(self.results)]
        made = "parts: tensor[]" if self.listed else ", ".join(results)
        clause = " commutative" if self.commutative else ""
        return f"op t_{self.name}({', '.join(params)}) -> ({made}) = {self.binding}{clause}\n"


def _plain(target: Any, **named: Any) -> Callable[..., list[Spelling]]:
    """By position, and by keyword; `named` are arguments that the traced call names."""

    def spell(*args: Any) -> list[Spelling]:
        names = [argument.name for argument in target._schema.arguments]
        given = dict(zip(names, args, strict=False)) | named
        return [
            (target, args, dict(named)),
            (target, args[:1], {k: given[k] for k in names[1:] if k in given}),
        ]

    return spell


def _binary(target: Any) -> Callable[..., list[Spelling]]:
    """With `alpha`, at its default where it is written."""
    return lambda a, b: [(target, (a, b), {}), (target, (a, b), {"alpha": 1}), (target, (a,), {"other": b})]


def _last_dim(target: Any, keepdim: bool, listed: bool = True) -> Callable[..., list[Spelling]]:
    def spell(x: Any) -> list[Spelling]:
        last = [-1] if listed else -1
        if not keepdim:
            return [(target, (x, last), {}), (target, (x, last, False), {}), (target, (x,), {"dim": last})]
        positive = _rank(x) - 1
        return [
            (target, (x, last, True), {}),
            (target, (x, last), {"keepdim": True}),
            (target, (x, [positive] if listed else positive, True), {}),
        ]

    return spell


def _rank(x: Any) -> int:
    return len((x.meta["val"] if isinstance(x, torch.fx.Node) else x).shape)


def _halves(x: Any) -> list[Spelling]:
    split, sizes = ATEN.split.Tensor, ATEN.split_with_sizes.default
    return [
        (sizes, (x, [4, 4], -1), {}),
        (sizes, (x, [4, 4], _rank(x) - 1), {}),
        (sizes, (x, [4, 4]), {"dim": -1}),
        (split, (x, 4, -1), {}),
    ]


def _clamp(x: Any, k: float) -> list[Spelling]:
    clamp = ATEN.clamp.default
    return [(clamp, (x, k), {}), (clamp, (x, k, None), {}), (clamp, (x,), {"min": k})]


def _gelu(x: Any) -> list[Spelling]:
    return [(ATEN.gelu.default, (x,), {}), (ATEN.gelu.default, (x,), {"approximate": "none"})]


def _double(x: Any) -> list[Spelling]:
    wide = torch.float64
    return [
        (PRIMS.convert_element_type.default, (x, wide), {}),
        (ATEN._to_copy.default, (x,), {"dtype": wide}),
    ]


def _norm(x: Any, k: float) -> list[Spelling]:
    norm = ATEN.native_layer_norm.default
    return [(norm, (x, [8], None, None, k), {}), (norm, (x, [8], None), {"bias": None, "eps": k})]


def _view(*dims: int) -> Op:
    def spell(x: Any) -> list[Spelling]:
        view, reshape = ATEN.view.default, ATEN.reshape.default
        return [(view, (x, list(dims)), {}), (reshape, (x, list(dims)), {}), (view, (x, [-1, *dims[1:]]), {})]

    return Op(f"as_{'_'.join(map(str, dims))}", 1, spell, "", dims=dims)


NORM = "aten::native_layer_norm(x0, [8], none, none, k) -> (y0, y1, y2)"
HALVES = "aten::split_with_sizes(x0, [4, 4], -1) | aten::split.Tensor(x0, [4, 4], -1)"
VIEWS = (_view(4, 8), _view(2, 16), _view(2, 2, 8), _view(32))

OPS = {
    op.name: op
    for op in (
        Op("neg", 1, _plain(ATEN.neg.default), "aten::neg"),
        Op("tanh", 1, _plain(ATEN.tanh.default), "aten::tanh"),
        Op("abs", 1, _plain(ATEN.abs.default), "aten::abs"),
        Op("gelu", 1, _gelu, "aten::gelu"),
        Op(
            "gelu_tanh",
            1,
            _plain(ATEN.gelu.default, approximate="tanh"),
            'aten::gelu(x0, approximate="tanh")',
        ),
        Op("double", 1, _double, "prims::convert_element_type(x0, f64) | aten::_to_copy(x0, dtype=f64)"),
        Op("scale", 1, _plain(ATEN.mul.Scalar), "aten::mul.Scalar", has_k=True),
        Op("shift", 1, _plain(ATEN.sub.Scalar), "aten::sub.Scalar", has_k=True),
        Op("clamp", 1, _clamp, "aten::clamp(x0, k)", has_k=True),
        Op("add", 2, _binary(ATEN.add.Tensor), "aten::add.Tensor", commutative=True),
        Op("add_twice", 2, _plain(ATEN.add.Tensor, alpha=2), "aten::add.Tensor(x0, x1, alpha=2)"),
        Op("sub", 2, _binary(ATEN.sub.Tensor), "aten::sub.Tensor"),
        Op("mul", 2, _plain(ATEN.mul.Tensor), "aten::mul.Tensor"),
        Op("sum", 1, _last_dim(ATEN.sum.dim_IntList, True), "aten::sum.dim_IntList(x0, [-1], true)"),
        Op("amax", 1, _last_dim(ATEN.amax.default, True), "aten::amax(x0, [-1], true)"),
        Op("row_sum", 1, _last_dim(ATEN.sum.dim_IntList, False), "aten::sum.dim_IntList(x0, [-1])"),
        Op("max", 1, _last_dim(ATEN.max.dim, True, listed=False), "aten::max.dim(x0, -1, true)", results=2),
        Op("norm", 1, _norm, NORM, results=3, has_k=True),
        Op("halves", 1, _halves, HALVES, results=2, listed=True),
        *VIEWS,
    )
}
PRELUDE = "".join(op.declaration() for op in OPS.values() if not op.is_view)


def run(op: Op, *args: Any) -> tuple[Any, ...]:
    """The results of the op, by its first spelling."""
    target, given, named = op.spell(*args)[0]
    made = target(*given, **named)
    return tuple(made) if op.results > 1 else (made,)
