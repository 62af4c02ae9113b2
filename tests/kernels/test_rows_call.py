"""The row ops up to the C call: fields, strides, results, on CPU tensors with C functions in Python."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from stub_machine import NAMES, STREAM, on_cpu
from torch import Tensor

import patdsl.reference  # noqa: F401  registers the ops
from patdsl.kernels import bind, dual_norm, rows
from patdsl.kernels.errors import KernelError
from patdsl.kernels.rows_call import FIELDS
from patdsl.locate import kernels_folder
from patdsl.reference.rows import ROW_OPS
from patdsl.register_ops import OPS

BF16, F16, F32, FP8, INT8 = torch.bfloat16, torch.float16, torch.float32, torch.float8_e4m3fn, torch.int8
H = 128
KERNELS = rows.ops()
WRITING = [name for name in KERNELS if torch.ops.patdsl.__getattr__(name).default._schema.is_mutable]


def vectors(x: Tensor) -> tuple[Tensor | None, ...]:
    """The weights that a norm of x may have."""
    weight = torch.linspace(0.5, 1.5, x.shape[-1])
    return weight.to(x.dtype), weight, None


def samples(name: str, x: Tensor, other: Tensor) -> list[tuple[Any, ...]]:
    """Arguments of an op, for its defaults and every option. x, other: T[*B, H]."""
    weight, wide, _ = vectors(x)
    scale, columns = torch.tensor([[0.004]]), x.dim() > 1
    if name in ROW_OPS or name in ("static_quant", "token_quant", "group_quant", "mx_quant"):
        return _quantising(name, x, other, scale, columns)
    dual = (x, weight, other[..., :96], wide[:96], 1e-6, 1e-3)
    return {
        "rms_norm": [
            (x, weight, 1e-6),
            (x, wide, 1e-3, 100),
            (x, None, 1e-6, 7),
            (x, weight, 1e-6, None, True),
        ],
        "fused_add_rms_norm": [(x, other, wide, 1e-6), (x, other, weight, 1e-3, 96, True)],
        "rms_norm_gated": [(x, other, weight, 1e-6), (x, other, wide, 1e-3)],
        "rms_norm_pad": [(x, weight, 1e-6, 96), (x, None, 1e-3, 1, 50), (x, wide, 1e-6, 200, None, True)],
        "add_rms_norm_pad": [(x, weight, 1e-6, other, 96), (x, wide, 1e-6, other, 1, 50, True)],
        "gated_rms_norm_group_quant": [
            (x, weight, other, 1e-6, 32),
            (x[..., :100], wide[:100], other[..., :100], 1e-6, 64),
        ],
        "silu_and_mul": [(x,)],
        "gelu_and_mul": [(x,)],
        "mla_dual_rms_norm": [dual],
        "mla_dual_rms_norm_group_quant": [
            *((*dual, 64), (*dual, 32, columns), (*dual, 32, columns, True, True)),
        ],
        "mla_dual_rms_norm_token_quant": [dual],
    }[name]


def _quantising(name: str, x: Tensor, other: Tensor, scale: Tensor, columns: bool) -> list[tuple[Any, ...]]:
    weight, wide, _ = vectors(x)
    adds, norm = name.startswith("add_"), "norm" in name
    quant = re.sub("^(add_)?rms_norm_|^(silu|gelu)_mul_|_keep$", "", name)
    numbers: list[tuple[Any, ...]] = {
        "static_quant": [(), (INT8,), (FP8,)],
        "token_quant": [(FP8,), (INT8,)],
        "group_quant": [(64,), (32, columns), (32, columns, True, True, INT8), (32, False, True, True, FP8)],
        "mx_quant": [()],
        "group_quant_layouts": [(64,), (32, True, True, INT8)],
    }[quant]
    if quant.endswith("layouts") and not columns:
        return []
    found = []
    for each in numbers:
        for chosen, options in ((weight, ()), (wide, (96, True)), (None, (5,))) if norm else ((None, ()),):
            first = (x, other) if adds else (x,)
            first += (chosen,) if norm else ()
            first += (scale,) if quant == "static_quant" else ()
            first += (1e-6,) if norm else ()
            full = len(inspect_defaults(name)) - (2 if norm else 0)
            padding = inspect_defaults(name)[len(first) + len(each) : full] if options else ()
            found.append((*first, *each, *padding, *options))
    return found


def inspect_defaults(name: str) -> list[Any]:
    return [
        argument.default_value for argument in torch.ops.patdsl.__getattr__(name).default._schema.arguments
    ]


def inputs() -> list[tuple[Tensor, Tensor]]:
    """x and other in every layout: dense, strided, of many dimensions, with no even steps, of no rows."""
    generator = torch.Generator().manual_seed(1)

    def draw(*shape: int, dtype: torch.dtype = BF16) -> Tensor:
        return torch.randn(*shape, generator=generator).to(dtype)

    wide = draw(7, 2, H + 8)
    return [
        (draw(7, H), draw(7, H)),
        (draw(5, H, dtype=F16), draw(5, H, dtype=F16)),
        (wide[:, 0, :H], wide[:, 1, 8:]),
        (draw(1, H).expand(3, H), draw(3, H)),
        (draw(H, 6).T, draw(6, H)),
        (draw(H), draw(H)),
        (draw(3, 5, H), draw(5, 3, H).transpose(0, 1)),
        (draw(2, 3, 1, H)[..., ::1], draw(2, 3, 1, 2 * H)[..., ::2]),
        (draw(1, 4, H), draw(1, 4, H)),
        (draw(0, H), draw(0, H)),
        (draw(3, 0, H), draw(3, 0, H)),
    ]


def tensors(value: Any) -> list[Tensor]:
    return [value] if isinstance(value, Tensor) else list(value)


def test_fields_are_those_of_the_header() -> None:
    header = (kernels_folder() / "src" / "rows_abi.h").read_text()
    body = re.sub(
        "//.*", "", header[header.index("struct PatdslRowsCall {") : header.index("struct PatdslDual")]
    )
    declared = [
        name
        for line in re.findall(r"(?:const void\*|void\*|patdsl::Int64|double) ([^;]+);", body)
        for name in line.split(", ")
    ]
    assert tuple(declared) == NAMES
    assert FIELDS.size == 8 * len(NAMES)


@pytest.mark.parametrize("name", [name for name in KERNELS if name not in WRITING])
def test_ops_are_what_the_reference_is(name: str) -> None:
    """To the bit, the stride and the dtype; arguments stay as they were and no result lies where one of them does."""
    made = 0
    for x, other in inputs():
        for args in samples(name, x, other):
            before = [one.clone() if isinstance(one, Tensor) else one for one in args]
            wanted = tensors(OPS[name].function(*args))
            with on_cpu() as stub:
                got = tensors(KERNELS[name](*args))
            assert len(stub.calls) == (1 if x.numel() else 0)
            made += len(stub.calls)
            assert len(got) == len(wanted)
            for one, two in zip(got, wanted, strict=True):
                assert (one.shape, one.dtype) == (two.shape, two.dtype)
                assert one.stride() == two.stride()
                assert torch.equal(one.float(), two.float()), (name, x.stride(), args[1:])
            for one, two in zip(args, before, strict=True):
                assert torch.equal(one, two) if isinstance(two, Tensor) else one == two
            places = [one.untyped_storage().data_ptr() for one in got if one.numel()]
            given = {one.untyped_storage().data_ptr() for one in args if isinstance(one, Tensor)}
            assert len(set(places)) == len(places)
            assert not given & set(places)
    assert made


def test_every_kernel_has_an_op_and_its_parameters() -> None:
    assert set(KERNELS) <= set(OPS)
    assert set(ROW_OPS) <= set(KERNELS)
    assert set(dual_norm.OPS) <= set(bind.kernels())


@pytest.mark.parametrize("fp8", [torch.float8_e4m3fn, torch.float8_e4m3fnuz])
def test_fp8_is_that_of_the_gpu(fp8: torch.dtype) -> None:
    x, _ = inputs()[0]
    with on_cpu(fp8) as stub:
        assert KERNELS["static_quant"](x, torch.ones(1)).dtype == fp8
        assert not stub.only().int8
        other = torch.float8_e4m3fn if fp8 == torch.float8_e4m3fnuz else torch.float8_e4m3fnuz
        for name, args in (
            ("static_quant", (x, torch.ones(1), other)),
            ("token_quant", (x, other)),
            ("group_quant", (x, 32, False, False, False, other)),
            ("token_quant", (x, torch.bfloat16)),
        ):
            with pytest.raises(
                ValueError, match=rf"{name}: quant_dtype is {args[-1]}; accepted: {fp8}, .*int8"
            ):
                KERNELS[name](*args)


def test_fields_of_a_call() -> None:
    """Every field of one call with every option."""
    wide = torch.randn(6, 1200).bfloat16()
    x, residual, weight = wide[:, :512], wide[:, 600:1112], torch.ones(512)
    with on_cpu() as stub:
        q, total, scale, y = KERNELS["add_rms_norm_group_quant_keep"](
            x, residual, weight, 1e-5, 64, True, True, True, INT8, 500, True
        )
    f = stub.only()
    places = {"x": x, "other": residual, "weight": weight, "q": q, "scale": scale, "y": y, "sum": total}
    assert {name: getattr(f, name) for name in places} == {
        name: one.data_ptr() for name, one in places.items()
    }
    numbers = {name: getattr(f, name) for name in NAMES if name not in places}
    assert numbers == {
        **{"scale2": 0, "rows": 6, "hidden": 512, "y_width": 512, "variance_size": 500},
        **{"x_stride": 1200, "other_stride": 1200, "q_stride": 512, "y_stride": 512, "sum_stride": 512},
        **{"scale_row_stride": 1, "scale_group_stride": 8, "scale2_row_stride": 0, "scale2_group_stride": 0},
        **{
            "epsilon": 1e-5,
            "source": 2,
            "quant": 3,
            "group": 64,
            "ue8m0": 1,
            "weight_f32": 1,
            "gemma": 1,
            "int8": 1,
            "dtype": 0,
        },
        **{"config": 0, "device": -1, "stream": STREAM},
    }


def test_a_row_that_is_alone_has_no_stride() -> None:
    for x in (torch.randn(3, 400).bfloat16()[1:2, :64], torch.randn(64).bfloat16().expand(1, 64)):
        with on_cpu() as stub:
            KERNELS["mx_quant"](x)
        assert stub.only().x_stride == 64


def test_rows_of_one_element() -> None:
    """They are dense whatever the stride of their elements."""
    wide = torch.randn(5, 7).bfloat16()
    for x in (wide[:, 3:4], wide.T[:, 3:4], wide[:, :1].T):
        with on_cpu() as stub:
            got = KERNELS["rms_norm"](x, None, 1e-6)
        assert torch.equal(got, OPS["rms_norm"].function(x, None, 1e-6))
        assert len(stub.calls) == 1


def test_a_weight_may_be_strided() -> None:
    x, other = inputs()[0]
    weight = torch.linspace(0.5, 1.5, 2 * H).bfloat16()[::2]
    for name, args in (
        ("rms_norm", (x, weight, 1e-6)),
        ("add_rms_norm_token_quant_keep", (x, other, weight, 1e-6, FP8)),
        ("mla_dual_rms_norm", (x, weight, other, weight.float()[:], 1e-6, 1e-6)),
    ):
        with on_cpu():
            got = tensors(KERNELS[name](*args))
        for one, two in zip(got, tensors(OPS[name].function(*args)), strict=True):
            assert torch.equal(one.float(), two.float())


def test_failures_name_the_op_and_the_sizes() -> None:
    x, other = inputs()[0]
    weight = torch.ones(H, dtype=BF16)
    with on_cpu() as stub:
        stub.result = -1
        with pytest.raises(KernelError, match=r"^rms_norm: no kernel takes 7 rows of 128"):
            KERNELS["rms_norm"](x, weight, 1e-6)
        with pytest.raises(KernelError, match=r"^mla_dual_rms_norm: no kernel takes 7 rows of 128 and 128"):
            KERNELS["mla_dual_rms_norm"](x, weight, other, weight, 1e-6, 1e-6)
        with pytest.raises(
            KernelError, match=r"^bench: no kernel takes 7 rows of 128, norm and none .* config 9"
        ):
            rows.launch("bench", source="norm", quant="none", x=x, y=other, weight=weight, config=9)
        stub.result = 700
        with pytest.raises(
            KernelError, match=r"^token_quant: the GPU runtime gave error 700 at the launch on cpu"
        ):
            KERNELS["token_quant"](x, FP8)
