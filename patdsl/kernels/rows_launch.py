"""One launch of a row kernel into tensors that the caller has.

In: tensors on one GPU. Out: nothing; the results are filled, on the current stream of that GPU. ValueError where a
tensor's shape, dtype or layout is none that a kernel can fill; whether tensors overlap is not looked at: results may
lie where inputs of the same strides do, element on element.
"""

from __future__ import annotations

import torch
from torch import Tensor

from patdsl.kernels import arguments
from patdsl.kernels.arguments import DTYPES, MX_GROUP
from patdsl.kernels.errors import raise_failure
from patdsl.kernels.rows_call import HALVES, machine, pack, row_stride

SOURCES = ("plain", "norm", "add_norm", "gated_norm", "silu_mul", "gelu_mul")
QUANTS = ("none", "static", "token", "group", "mx")


def launch(
    op: str,
    *,
    source: str,
    quant: str,
    x: Tensor,
    other: Tensor | None = None,
    weight: Tensor | None = None,
    q: Tensor | None = None,
    scale: Tensor | None = None,
    scale2: Tensor | None = None,
    y: Tensor | None = None,
    sum: Tensor | None = None,
    epsilon: float = 0.0,
    group: int = 0,
    ue8m0: bool = False,
    gemma: bool = False,
    variance_size: int | None = None,
    config: int = 0,
) -> None:
    """Fills q, scale, scale2, y and sum, or those of them that there are; `op` is named in errors.

    x: T[*B, H], or T[*B, 2 H] for silu_mul and gelu_mul. other: the residual or the gate, T[*B, H]. weight: T[H] or
    f32[H]. q: fp8 or int8[*B, H]. scale: f32[1], which is read, for static; f32[*B, 1] for token; f32[*B, groups], of
    any strides, for group; u8[*B, groups] for mx. scale2: the scales once more. y: T[*B, H and up], what is past H
    becomes 0. sum: T[*B, H]. Leading dimensions must merge into rows, which must be dense and apart.

    `config` asks for a form of the kernel, KernelError where it does not take the sizes; 0 chooses one.
    """
    source_code, quant_code = SOURCES.index(source), QUANTS.index(quant)
    if source_code >= HALVES:
        arguments.check_halves(op, x)
    else:
        arguments.check_rows(op, "x", x)
    width = x.shape[-1]
    hidden = width // 2 if source_code >= HALVES else width
    rows = x.numel() // width
    gpu = machine(op, x)
    if rows == 0:
        return
    if quant == "mx":
        group = MX_GROUP
    groups = {"group": -(-hidden // (group or 1)), "mx": hidden // MX_GROUP, "token": 1}.get(quant, 0)
    y_width = hidden if y is None else y.shape[-1]
    same, narrow = (x.dtype,), (gpu.fp8, torch.int8)
    scales = (torch.uint8 if quant == "mx" else torch.float32,)
    x_stride = _rows(op, "x", x, x, rows, width, tuple(DTYPES))
    other_stride = _rows(op, "other", other, x, rows, hidden, same)
    q_stride = _rows(op, "q", q, x, rows, hidden, narrow)
    y_stride = _rows(op, "y", y, x, rows, max(hidden, y_width), same)
    sum_stride = _rows(op, "sum", sum, x, rows, hidden, same)
    if quant == "static" and scale is not None:
        arguments.check_given_scale(op, scale, x)
        scale_strides = (0, 0)
    else:
        scale_strides = _scales(op, "scale", scale, x, rows, groups, scales)
    scale2_strides = _scales(op, "scale2", scale2, x, rows, groups, scales)
    arguments.check_weight(op, weight, x)
    if weight is not None and not weight.is_contiguous():
        raise ValueError(f"{op}: weight has strides {weight.stride()}; accepted: a dense vector")
    index = x.get_device()
    addresses = (0 if one is None else one.data_ptr() for one in (x, other, weight, q, scale, scale2, y, sum))
    result = gpu.rows(
        pack(
            *addresses,
            *(rows, hidden, y_width, hidden if variance_size is None else variance_size),
            *(x_stride, other_stride, q_stride, y_stride, sum_stride),
            *(*scale_strides, *scale2_strides),
            epsilon,
            *(source_code, quant_code, group, ue8m0),
            weight is not None and weight.dtype is not x.dtype,
            gemma,
            q is not None and q.dtype is torch.int8,
            *(DTYPES[x.dtype], config, index),
            gpu.stream(index),
        )
    )
    if result != 0:
        sizes = f"{rows} rows of {hidden}, {source} and {quant} in groups of {group}, with config {config}"
        raise_failure(op, result, x, sizes)


def _rows(
    op: str,
    name: str,
    tensor: Tensor | None,
    x: Tensor,
    rows: int,
    width: int,
    dtypes: tuple[torch.dtype, ...],
) -> int:
    """From row to row of a tensor that must be rows of `width`."""
    if tensor is None:
        return 0
    if (
        tensor.is_contiguous()
        and tensor.dtype in dtypes
        and tensor.shape[-1] == width
        and tensor.numel() == rows * width
        and tensor.get_device() == x.get_device()
    ):
        return width
    matrix = _matrix(op, name, tensor, x, rows, width, dtypes)
    stride = row_stride(matrix)
    if stride is None:
        raise ValueError(f"{op}: {name} has strides {tensor.stride()}; accepted: dense rows, apart")
    return stride


def _scales(
    op: str,
    name: str,
    tensor: Tensor | None,
    x: Tensor,
    rows: int,
    groups: int,
    dtypes: tuple[torch.dtype, ...],
) -> tuple[int, int]:
    """The strides of scales, from row to row and from group to group."""
    if tensor is None:
        return 0, 0
    row, step = _matrix(op, name, tensor, x, rows, groups, dtypes).stride()
    return row, step


def _matrix(
    op: str, name: str, tensor: Tensor, x: Tensor, rows: int, width: int, dtypes: tuple[torch.dtype, ...]
) -> Tensor:
    if tensor.dtype not in dtypes or tensor.numel() != rows * width or tensor.shape[-1] != width:
        accepted = " or ".join(map(str, dtypes))
        raise ValueError(
            f"{op}: {name} is {tensor.dtype}{list(tensor.shape)}; accepted: {rows} rows of {width} {accepted}"
        )
    arguments.check_device(op, name, tensor, x)
    try:
        return tensor.view(rows, width)
    except RuntimeError:  # torch's way to say that they do not merge
        raise ValueError(
            f"{op}: {name} has strides {tensor.stride()}; accepted: leading dimensions that merge"
        ) from None
