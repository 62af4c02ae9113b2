"""The checks of arguments, on CPU tensors: what is wrong is named, what is right passes."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from stub_machine import on_cpu

from patdsl.kernels import arguments, rows

KERNELS = rows.ops()


def test_overlap() -> None:
    memory = torch.zeros(64, dtype=torch.uint8)
    inputs = {"x": memory[:32]}
    arguments.check_apart("op", {"q": memory[32:48], "scale": memory[48:]}, inputs)
    arguments.check_apart("op", {"q": memory[:0]}, inputs)
    with pytest.raises(ValueError, match="op: q and x overlap"):
        arguments.check_apart("op", {"q": memory[31:48]}, inputs)
    with pytest.raises(ValueError, match="op: scale and q overlap"):
        arguments.check_apart("op", {"q": memory[32:48], "scale": memory[47:]}, inputs)


def test_overlap_of_strided_tensors() -> None:
    """A view reaches from its first element to its last."""
    memory = torch.zeros(8, 8)
    with pytest.raises(ValueError, match="overlap"):
        arguments.check_apart("op", {"q": memory[7:, 0]}, {"x": memory.t()[:2]})
    arguments.check_apart("op", {"q": memory[7:, 2:]}, {"x": memory.t()[:2]})


def test_columns_of_a_matrix() -> None:
    """Side by side they share no element; where they reach into one another, or step differently, they may."""
    wide = torch.zeros(4, 32, dtype=torch.bfloat16)
    round_the_end = wide.as_strided((3, 16), (32, 1), 20)
    arguments.check_apart("op", {"q": wide[:, :16]}, {"x": wide[:, 16:]})
    arguments.check_apart("op", {"q": wide[:, 20:32]}, {"x": wide[:, 4:20]})
    arguments.check_apart("op", {"q": wide[:, :16]}, {"x": wide.view(2, 2, 32)[..., 16:]})
    arguments.check_apart("op", {"q": wide.view(torch.uint8)[:, :32]}, {"x": wide[:, 16:]})
    for x in (
        wide[:, 15:],
        wide[1:, :1],
        wide[::2, 16:],
        wide[:, 16::2],
        wide.view(torch.uint8)[:, 31:],
        round_the_end,
    ):
        with pytest.raises(ValueError, match="op: q and x overlap"):
            arguments.check_apart("op", {"q": wide[:, :16]}, {"x": x})


def test_inputs_may_overlap() -> None:
    x = torch.zeros(4, 8)
    arguments.check_apart("op", {"q": torch.zeros(4, 8)}, {"x": x, "weight": x[0]})


BF16, F16, F32, FP8 = torch.bfloat16, torch.float16, torch.float32, torch.float8_e4m3fn
X, WEIGHT, SCALE = torch.zeros(3, 64, dtype=BF16), torch.zeros(64, dtype=BF16), torch.ones(1)
ROWS, FLOATS = "accepted: a last dimension of 1 to", "accepted: torch.bfloat16, torch.float16"


@pytest.mark.parametrize(
    ("name", "args", "message"),
    [
        ("rms_norm", (X.float(), WEIGHT, 1e-6), f"x is torch.float32; {FLOATS}"),
        ("rms_norm", (torch.zeros((), dtype=BF16), None, 1e-6), rf"x has shape \(\); {ROWS} 65536"),
        ("rms_norm", (X[:, :0], None, 1e-6), rf"x has shape \(3, 0\); {ROWS} 65536"),
        ("rms_norm", (torch.zeros(1, 65537, dtype=BF16), None, 1e-6), rf"{ROWS} 65536"),
        (
            "rms_norm",
            (X[:1].expand(2**31, 64), None, 1e-6),
            "x has 2147483648 rows; accepted: 2147483647 at most",
        ),
        (
            "rms_norm",
            (X, WEIGHT.half(), 1e-6),
            r"weight is torch.float16\[64\]; accepted: torch.bfloat16\[64\], that of x, or torch.float32\[64\]",
        ),
        ("rms_norm", (X, WEIGHT[:63], 1e-6), r"weight is torch.bfloat16\[63\]"),
        ("rms_norm", (X, WEIGHT[None], 1e-6), r"weight is torch.bfloat16\[1, 64\]"),
        ("rms_norm", (X, WEIGHT.double(), 1e-6), "weight is torch.float64"),
        ("rms_norm", (X, WEIGHT, 1e-6, 0), "variance_size is 0; accepted: 1 to 64"),
        ("rms_norm", (X, WEIGHT, 1e-6, 65), "variance_size is 65; accepted: 1 to 64"),
        ("rms_norm", (X, None, 1e-6, None, True), "gemma without a weight"),
        (
            "fused_add_rms_norm",
            (X, X.half(), WEIGHT, 1e-6),
            r"residual is torch.float16\[3, 64\]; accepted: that of x",
        ),
        ("fused_add_rms_norm", (X, X[0], WEIGHT, 1e-6), r"residual is torch.bfloat16\[64\]"),
        ("add_rms_norm_mx_quant", (X, X[:2], WEIGHT, 1e-6), "residual is"),
        ("rms_norm_gated", (X, X[:2], WEIGHT, 1e-6), r"z is torch.bfloat16\[2, 64\]"),
        ("rms_norm_pad", (X, WEIGHT, 1e-6, 0), "multiple is 0; accepted: 1 to"),
        (
            "add_rms_norm_pad",
            (X, WEIGHT, 1e-6, X, 2**31),
            "multiple is 2147483648; accepted: 1 to 1073741824",
        ),
        ("rms_norm_group_quant", (X, WEIGHT, 1e-6, 16), "group_size is 16; accepted: 32, 64, 128"),
        ("group_quant", (X, 128), "a row has 64 values; accepted: a multiple of group_size 128"),
        ("silu_mul_group_quant", (X, 64), "a row has 32 values; accepted: a multiple of group_size 64"),
        ("gated_rms_norm_group_quant", (X, WEIGHT, X, 1e-6, 48), "group_size is 48"),
        ("group_quant", (X[0], 32, True), "col_major needs x to have at least 2 dimensions, it has 1"),
        ("rms_norm_group_quant_layouts", (X[0], WEIGHT, 1e-6, 32), "col_major needs x"),
        ("mx_quant", (X[:, :48],), "a row has 48 values; accepted: a multiple of 32"),
        ("gelu_mul_mx_quant", (X[:, :40],), "a row has 20 values"),
        (
            "static_quant",
            (X, torch.ones(2)),
            r"scale is torch.float32\[2\]; accepted: one element of torch.float32",
        ),
        ("static_quant", (X, SCALE.half()), r"scale is torch.float16\[1\]"),
        ("token_quant", (X, torch.float32), "quant_dtype is torch.float32; accepted: torch.float8_e4m3fn"),
        ("silu_and_mul", (X.float(),), f"x is torch.float32; {FLOATS}"),
        ("silu_and_mul", (X[:, :63],), "the last dimension of x is 63; accepted: an even size"),
        ("gelu_mul_token_quant", (torch.zeros(1, 131074, dtype=BF16), FP8), rf"{ROWS} 131072"),
        ("mla_dual_rms_norm", (X, WEIGHT[:8], X, WEIGHT, 1e-6, 1e-6), "q_weight is .* that of q, or"),
        ("mla_dual_rms_norm", (X, WEIGHT, X.float(), WEIGHT, 1e-6, 1e-6), f"kv is torch.float32; {FLOATS}"),
        ("mla_dual_rms_norm", (X, WEIGHT, X, WEIGHT[:2], 1e-6, 1e-6), "kv_weight is .* that of kv, or"),
        (
            "mla_dual_rms_norm",
            (X, WEIGHT, X[:2], WEIGHT, 1e-6, 1e-6),
            r"kv is torch.bfloat16\[2, 64\] on cpu",
        ),
        ("mla_dual_rms_norm", (X, WEIGHT, X.half(), WEIGHT.float(), 1e-6, 1e-6), "kv is torch.float16"),
        ("mla_dual_rms_norm_group_quant", (X, WEIGHT, X, WEIGHT, 1e-6, 1e-6, 128), "a row has 64 values"),
    ],
)
def test_refused(name: str, args: tuple[Any, ...], message: str) -> None:
    """Nothing is launched, and the message says which op and argument, what it got and what is accepted."""
    with on_cpu() as stub, pytest.raises(ValueError, match=f"^{name}: .*{message}"):
        KERNELS[name](*args)
    assert not stub.calls


def test_one_device() -> None:
    for check, name in (
        (lambda: arguments.check_like("op", "residual", X.to("meta"), X), "residual"),
        (lambda: arguments.check_weight("op", WEIGHT.to("meta"), X), "weight"),
        (lambda: arguments.check_given_scale("op", SCALE.to("meta"), X), "scale"),
        (lambda: arguments.check_result("op", "q", X.to("meta"), (3, 64), BF16, X), "q"),
    ):
        with pytest.raises(ValueError, match=f"op: {name} is on meta, x on cpu; accepted: one device"):
            check()


@pytest.mark.parametrize("name", ["rms_norm", "silu_and_mul", "token_quant", "mla_dual_rms_norm"])
def test_a_tensor_on_no_gpu(name: str) -> None:
    """Where a GPU is meant by another argument, torch calls the kernel also for an x that is on the CPU."""
    more = {
        "rms_norm": (None, 1e-6),
        "token_quant": (FP8,),
        "mla_dual_rms_norm": (WEIGHT, X, WEIGHT, 1e-6, 1e-6),
    }
    with pytest.raises(ValueError, match=f"^{name}: . is on cpu; accepted: a GPU"):
        KERNELS[name](X, *more.get(name, ()))


def test_rows() -> None:
    arguments.check_rows("op", "x", torch.zeros(3, 65536, dtype=torch.bfloat16))
    for x, message in (
        (torch.zeros(3, 4), "op: x is torch.float32; accepted: torch.bfloat16, torch.float16"),
        (torch.zeros(3, 0, dtype=torch.float16), "a last dimension of 1 to 65536"),
        (torch.zeros(1, 65537, dtype=torch.float16), "a last dimension of 1 to 65536"),
    ):
        with pytest.raises(ValueError, match=message):
            arguments.check_rows("op", "x", x)
