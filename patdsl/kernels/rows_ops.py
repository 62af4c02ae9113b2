"""The row ops on GPUs that give new tensors. Most are made from the table of `patdsl/reference/rows.py`.

In: tensors on one GPU, by position, as torch's dispatcher gives them. Out: new tensors, by one launch on the current
stream of that GPU. The meaning is that of `patdsl/reference`; T is bf16 or fp16, a weight is of T or fp32, groups are
of 32, 64 or 128. Column-major scales for more than one leading dimension cost a copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from patdsl.kernels import rows_quant
from patdsl.kernels.rows_call import ADD_NORM, GATED_NORM, GELU_MUL, NORM, PLAIN, SILU_MUL
from patdsl.kernels.rows_checks import Given, check_halves, check_norm, check_plain
from patdsl.kernels.rows_new import Rows
from patdsl.kernels.rows_quant import Results

if TYPE_CHECKING:  # where they are imported, the kernels are registered: see bind.py
    from patdsl.reference.rows import Quantisation, RowOp

Function = Callable[..., Any]

_SOURCES = {"rms_norm": NORM, "add_rms_norm": ADD_NORM, "silu_mul": SILU_MUL, "gelu_mul": GELU_MUL}
# Their parameters after the first two are the tensors of a quantisation and then its numbers.
_QUANTISE: Mapping[str, Function] = {
    "static_quant": rows_quant.static,
    "token_quant": rows_quant.token,
    "group_quant": rows_quant.group,
    "mx_quant": rows_quant.mx,
    "group_quant_layouts": rows_quant.layouts,
}


def of_table(ops: Iterable[RowOp], quantisations: Iterable[Quantisation]) -> dict[str, Function]:
    """The fused ops, and the quantisations alone, by name."""
    found = {each.name: _of_x(each.name, PLAIN, check_plain, each) for each in quantisations}
    for op in ops:
        source = _SOURCES[op.source.name]
        is_norm = bool(op.source.options)
        found[op.name] = (
            _of_norm(op, source) if is_norm else _of_x(op.name, source, check_halves, op.quantisation)
        )
    return found


def _defaults(parameters: Iterable[str]) -> tuple[Any, ...]:
    """One for each parameter, as a schema writes them: the dispatcher leaves out what has its default at the end."""
    return tuple({"": None, "None": None, "False": False}[text.partition("=")[2]] for text in parameters)


def _of_x(
    name: str, source: int, check: Callable[[str, Tensor], Given], quantisation: Quantisation
) -> Function:
    """An op whose first parameter is x and whose others are a quantisation's."""
    rows, quantise = Rows(name, source), _QUANTISE[quantisation.name]
    defaults = _defaults((*quantisation.tensors, *quantisation.numbers))

    def call(x: Tensor, *options: Any) -> Any:
        return quantise(rows, check(name, x), *options, *defaults[len(options) :])

    return call


def _of_norm(op: RowOp, source: int) -> Function:
    """An op of the table whose source is a norm: its tensors, a given scale, epsilon, numbers, the norm's options."""
    name, adds = op.name, op.source.sums == 1
    rows = Rows(name, source, adds, op.keep)
    quantise, defaults = _QUANTISE[op.quantisation.name], _defaults(op.parameters)
    tensors = len(op.source.tensors)
    epsilon = tensors + len(op.quantisation.tensors)

    def call(*args: Any) -> Any:
        args += defaults[len(args) :]
        other = args[1] if adds else None
        given = check_norm(name, args[0], other, args[tensors - 1], args[epsilon], args[-2], args[-1])
        return quantise(rows, given, *args[tensors:epsilon], *args[epsilon + 1 : -2])

    return call


# The sources alone


def _activation(name: str, source: int) -> Function:
    rows = Rows(name, source, keep=True)
    return lambda x: rows_quant.none(rows, check_halves(name, x))


_NORM = Rows("rms_norm", NORM, keep=True)
_ADD_NORM = Rows("fused_add_rms_norm", ADD_NORM, sums=True, keep=True)
_NORM_PAD = Rows("rms_norm_pad", NORM, keep=True)
_ADD_NORM_PAD = Rows("add_rms_norm_pad", ADD_NORM, sums=True, keep=True)
_GATED = Rows("rms_norm_gated", GATED_NORM, keep=True)
_GATED_GROUP = Rows("gated_rms_norm_group_quant", GATED_NORM)
_MOST_COLUMNS = 2**30
_GATED_NAMES = ("x", "z", "weight")


def rms_norm(
    x: Tensor, weight: Tensor | None, epsilon: float, variance_size: int | None = None, gemma: bool = False
) -> Results:
    return rows_quant.none(_NORM, check_norm("rms_norm", x, None, weight, epsilon, variance_size, gemma))


def fused_add_rms_norm(
    x: Tensor,
    residual: Tensor,
    weight: Tensor | None,
    epsilon: float,
    variance_size: int | None = None,
    gemma: bool = False,
) -> Results:
    given = check_norm(_ADD_NORM.op, x, residual, weight, epsilon, variance_size, gemma)
    return rows_quant.none(_ADD_NORM, given)


def rms_norm_pad(
    x: Tensor,
    weight: Tensor | None,
    epsilon: float,
    multiple: int,
    variance_size: int | None = None,
    gemma: bool = False,
) -> Results:
    given = check_norm(_NORM_PAD.op, x, None, weight, epsilon, variance_size, gemma)
    return rows_quant.none(_NORM_PAD, given, _padded(_NORM_PAD.op, given[0], multiple))


def add_rms_norm_pad(
    x: Tensor,
    weight: Tensor | None,
    epsilon: float,
    residual: Tensor,
    multiple: int,
    variance_size: int | None = None,
    gemma: bool = False,
) -> Results:
    given = check_norm(_ADD_NORM_PAD.op, x, residual, weight, epsilon, variance_size, gemma)
    return rows_quant.none(_ADD_NORM_PAD, given, _padded(_ADD_NORM_PAD.op, given[0], multiple))


def _padded(op: str, hidden: int, multiple: int) -> int:
    if not 1 <= multiple <= _MOST_COLUMNS:
        raise ValueError(f"{op}: multiple is {multiple}; accepted: 1 to {_MOST_COLUMNS}")
    return (hidden + multiple - 1) // multiple * multiple


def rms_norm_gated(x: Tensor, z: Tensor, weight: Tensor, epsilon: float) -> Results:
    return rows_quant.none(_GATED, check_norm(_GATED.op, x, z, weight, epsilon, names=_GATED_NAMES))


def gated_rms_norm_group_quant(
    x: Tensor, weight: Tensor, z: Tensor, epsilon: float, group_size: int
) -> Results:
    given = check_norm(_GATED_GROUP.op, x, z, weight, epsilon, names=_GATED_NAMES)
    return rows_quant.ragged_group(_GATED_GROUP, given, group_size)


#: The ops that are not in the table, by name.
OPS: dict[str, Function] = {
    "silu_and_mul": _activation("silu_and_mul", SILU_MUL),
    "gelu_and_mul": _activation("gelu_and_mul", GELU_MUL),
    **{
        function.__name__: function
        for function in (
            rms_norm,
            fused_add_rms_norm,
            rms_norm_pad,
            add_rms_norm_pad,
            rms_norm_gated,
            gated_rms_norm_group_quant,
        )
    },
}
