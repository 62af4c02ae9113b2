"""The fused ops that work row by row: every source of a row's values with every quantisation of them.

In: an interpretation of the unfused ops, `unfused` or `results`. Out: functions `<source>_<quantisation>[_keep]`, made
from the tables below, each with the signature and docstring that it would have if written out. A function is the
composition that its docstring says; sizes, roundings and errors are those of the parts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter, Signature
from typing import Any

import attrs
from torch import Tensor

from patdsl.reference.fused import Unfused

Function = Callable[..., Any]
Values = Mapping[str, Any]

# Parameters are written as in a torch schema. The tensors of source and quantisation come first, then the numbers
# of the source, those of the quantisation, and the source's options.
_DEFAULTS: Mapping[str, Any] = {"": Parameter.empty, "None": None, "False": False}


@attrs.frozen
class Source:
    """Where a row's values come from. `make` gives them, and after them the sum where `sums` is 1."""

    name: str
    says: str
    tensors: tuple[str, ...]
    numbers: tuple[str, ...]
    options: tuple[str, ...]
    make: Callable[[Unfused, Values], tuple[Tensor, ...]]
    sums: int = 0


@attrs.frozen
class Quantisation:
    """What becomes of the values. `make` gives them quantised, and then their `scales`, as `gives` says."""

    name: str
    gives: str
    tensors: tuple[str, ...]
    numbers: tuple[str, ...]
    make: Callable[[Unfused, Tensor, Values], tuple[Tensor, ...]]
    scales: int


@attrs.frozen
class RowOp:
    """One fused op; `keep`: the values before quantisation are its last result."""

    source: Source
    quantisation: Quantisation
    keep: bool = False

    @property
    def name(self) -> str:
        return f"{self.source.name}_{self.quantisation.name}{'_keep' if self.keep else ''}"

    @property
    def parameters(self) -> tuple[str, ...]:
        source, quantisation = self.source, self.quantisation
        tensors = (*source.tensors, *quantisation.tensors)
        return (*tensors, *source.numbers, *quantisation.numbers, *source.options)

    @property
    def results(self) -> int:
        """How many tensors the op returns."""
        return 1 + self.source.sums + self.quantisation.scales + self.keep

    def function(self, ops: Unfused) -> Function:
        """The op under this interpretation. One result is returned bare, several as a tuple."""
        signature = Signature([_parameter(text) for text in self.parameters])

        def call(*args: Any, **kwargs: Any) -> Any:
            given = signature.bind(*args, **kwargs)
            given.apply_defaults()
            y, *sums = self.source.make(ops, given.arguments)
            q, *scales = self.quantisation.make(ops, y, given.arguments)
            found = (q, *sums, *scales, *([y] if self.keep else []))
            return found if len(found) > 1 else q

        call.__name__ = call.__qualname__ = self.name
        call.__doc__ = self._says()
        call.__signature__ = signature  # type: ignore[attr-defined]  # what inspect.signature answers
        return call

    def _says(self) -> str:
        q, *scales = self.quantisation.gives.split("; ")
        sums = ["residual_out T[*B, H]"] if self.source.sums else []
        kept = ["y T[*B, H]"] if self.keep else []
        return (
            f"{self.quantisation.name} of {self.source.says}. Out: {'; '.join([q, *sums, *scales, *kept])}."
        )


def _norm(ops: Unfused, v: Values) -> tuple[Tensor, ...]:
    return (ops.rms_norm(v["x"], v["weight"], v["epsilon"], v["variance_size"], v["gemma"]),)


def _add_norm(ops: Unfused, v: Values) -> tuple[Tensor, ...]:
    return ops.fused_add_rms_norm(
        v["x"], v["residual"], v["weight"], v["epsilon"], v["variance_size"], v["gemma"]
    )


def _silu(ops: Unfused, v: Values) -> tuple[Tensor, ...]:
    return (ops.silu_and_mul(v["x"]),)


def _gelu(ops: Unfused, v: Values) -> tuple[Tensor, ...]:
    return (ops.gelu_and_mul(v["x"]),)


def _static(ops: Unfused, y: Tensor, v: Values) -> tuple[Tensor, ...]:
    return (ops.static_quant(y, v["scale"], v["quant_dtype"]),)


def _token(ops: Unfused, y: Tensor, v: Values) -> tuple[Tensor, ...]:
    return ops.token_quant(y, v["quant_dtype"])


def _mx(ops: Unfused, y: Tensor, v: Values) -> tuple[Tensor, ...]:
    return ops.mx_quant(y)


def _group(ops: Unfused, y: Tensor, v: Values) -> tuple[Tensor, ...]:
    return ops.group_quant(y, v["group_size"], v["col_major"], v["ue8m0"], v["tma_aligned"], v["quant_dtype"])


def _layouts(ops: Unfused, y: Tensor, v: Values) -> tuple[Tensor, ...]:
    q, scale = _group(ops, y, {**v, "col_major": False})
    _, scale_t = _group(ops, y, {**v, "col_major": True})
    return q, scale, scale_t


_EPSILON = ("float epsilon",)
_NORM_OPTIONS = ("int? variance_size=None", "bool gemma=False")
_DTYPE = "ScalarType? quant_dtype=None"

NORMS = (
    Source("rms_norm", "rms_norm(x)", ("Tensor x", "Tensor? weight"), _EPSILON, _NORM_OPTIONS, _norm),
    Source(
        "add_rms_norm",
        "fused_add_rms_norm(x, residual)",
        ("Tensor x", "Tensor residual", "Tensor? weight"),
        _EPSILON,
        _NORM_OPTIONS,
        _add_norm,
        sums=1,
    ),
)
ACTIVATIONS = (
    Source("silu_mul", "silu_and_mul(x), x: T[*B, 2 H]", ("Tensor x",), (), (), _silu),
    Source("gelu_mul", "gelu_and_mul(x), x: T[*B, 2 H]", ("Tensor x",), (), (), _gelu),
)
QUANTISATIONS = (
    Quantisation("static_quant", "q quant_dtype[*B, H]", ("Tensor scale",), (_DTYPE,), _static, scales=0),
    Quantisation(
        "token_quant",
        "q quant_dtype[*B, H]; scale f32[*B, 1]",
        (),
        ("ScalarType quant_dtype",),
        _token,
        scales=1,
    ),
    Quantisation(
        "group_quant",
        "q quant_dtype[*B, H]; scale f32[*B, H / group_size]",
        (),
        ("int group_size", "bool col_major=False", "bool ue8m0=False", "bool tma_aligned=False", _DTYPE),
        _group,
        scales=1,
    ),
    Quantisation("mx_quant", "q fp8[*B, H]; scale u8[*B, H / 32]", (), (), _mx, scales=1),
)
LAYOUTS = Quantisation(
    "group_quant_layouts",
    "q quant_dtype[*B, H]; scale f32[*B, H / group_size], row-major; scale_t, the same with col_major=True",
    (),
    ("int group_size", "bool ue8m0=False", "bool tma_aligned=False", _DTYPE),
    _layouts,
    scales=2,
)

#: Every op by its name. A norm can be kept, and its scales be had in two layouts.
ROW_OPS: Mapping[str, RowOp] = {
    op.name: op
    for op in (
        *(RowOp(source, each) for source in (*NORMS, *ACTIVATIONS) for each in QUANTISATIONS),
        *(RowOp(norm, each, keep=True) for norm in NORMS for each in QUANTISATIONS),
        *(RowOp(norm, LAYOUTS) for norm in NORMS),
    )
}


def _parameter(text: str) -> Parameter:
    """`bool gemma=False` as Python has it."""
    declared, _, default = text.partition("=")
    name = declared.split()[-1]
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=_DEFAULTS[default])
