"""The row ops that write to their arguments, and launches into given tensors, on CPU tensors."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from stub_machine import on_cpu
from torch import Tensor

from patdsl.kernels import rows
from patdsl.reference import unfused
from patdsl.register_ops import OPS

BF16, FP8 = torch.bfloat16, torch.float8_e4m3fn
H = 96
KERNELS = rows.ops()


def places(*lead: int, width: int = H, dtype: torch.dtype = BF16) -> list[Tensor]:
    """Tensors to be written to, in every layout: dense, in a wider matrix, with spaced elements, turned."""

    def room(*shape: int) -> Tensor:
        return torch.full(shape, 3.0).to(dtype)

    found = [
        room(*lead, width),
        room(*lead, width + 40)[..., 8 : width + 8],
        room(*lead, 2 * width)[..., ::2],
    ]
    if len(lead) > 1:
        found.append(room(*lead[::-1], width).permute(*range(len(lead))[::-1], len(lead)))
    return found


LEADS = [(5,), (1,), (2, 3), (0,), ()]


@pytest.mark.parametrize("lead", LEADS)
def test_silu_and_mul_out(lead: tuple[int, ...]) -> None:
    x = torch.randn(*lead, 2 * H).bfloat16()
    for out in places(*lead):
        with on_cpu():
            KERNELS["silu_and_mul_out"](out, x)
        assert torch.equal(out, unfused.silu_and_mul(x))


@pytest.mark.parametrize("col_major", [False, True])
@pytest.mark.parametrize("lead", LEADS)
def test_rms_norm_group_quant_out(lead: tuple[int, ...], col_major: bool) -> None:
    if col_major and len(lead) < 1:
        return
    x, weight = torch.randn(*lead, H).bfloat16(), torch.linspace(1, 2, 2 * H).bfloat16()[::2]
    wanted, wanted_scale = OPS["rms_norm_group_quant"].function(x, weight, 1e-6, 32, col_major)
    for q in places(*lead, dtype=FP8):
        scale = torch.empty_like(wanted_scale).fill_(7.0)
        assert scale.stride() == wanted_scale.stride()
        with on_cpu():
            KERNELS["rms_norm_group_quant_out"](q, x, weight, scale, 1e-6, 32, col_major)
        assert torch.equal(q.float(), wanted.float())
        assert torch.equal(scale, wanted_scale)


@pytest.mark.parametrize("lead", LEADS)
def test_fused_add_rms_norm_in_place(lead: tuple[int, ...]) -> None:
    weight = torch.linspace(1, 2, 2 * H).bfloat16()[::2]
    for x, residual in zip(places(*lead), reversed(places(*lead)), strict=True):
        x.copy_(torch.randn(x.shape))
        residual.copy_(torch.randn(x.shape))
        y, total = unfused.fused_add_rms_norm(x, residual, weight, 1e-6)
        with on_cpu():
            KERNELS["fused_add_rms_norm_"](x, residual, weight, 1e-6)
        assert torch.equal(x, y)
        assert torch.equal(residual, total)


def test_columns_of_one_matrix_are_apart() -> None:
    """x and the residual side by side: no element is in both."""
    wide = torch.randn(4, 2 * H).bfloat16()
    y, total = unfused.fused_add_rms_norm(wide[:, :H], wide[:, H:], None, 1e-6)
    with on_cpu() as stub:
        KERNELS["fused_add_rms_norm_"](wide[:, :H], wide[:, H:], None, 1e-6)
        assert stub.only().x == stub.only().y == wide.data_ptr()
    assert torch.equal(wide, torch.cat((y, total), 1))


def test_writing_is_seen_by_autograd() -> None:
    """What was saved for a gradient and then overwritten must not be used for it."""
    x, residual = torch.randn(4, H).bfloat16(), torch.randn(4, H).bfloat16()
    scale = torch.ones(4, H, dtype=BF16, requires_grad=True)
    product = (x * scale).sum()
    with on_cpu():
        KERNELS["fused_add_rms_norm_"](x, residual, None, 1e-6)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        product.backward()


def test_parameters_may_be_written() -> None:
    for make in (lambda: torch.randn(4, H), lambda: torch.randn(H, 4).T):
        x, residual = (make().bfloat16().requires_grad_() for _ in range(2))
        y, total = OPS["fused_add_rms_norm"].function(x.detach(), residual.detach(), None, 1e-6)
        with on_cpu():
            KERNELS["fused_add_rms_norm_"](x, residual, None, 1e-6)
        assert torch.equal(x, y)
        assert torch.equal(residual, total)


def wrong_calls() -> list[tuple[str, tuple[Any, ...], str]]:
    x, residual, weight = (torch.randn(size).bfloat16() for size in ((5, H), (5, H), (H,)))
    q, scale = torch.empty(5, H, dtype=FP8), torch.empty(5, 3)
    memory = torch.zeros(20 * H, dtype=BF16)
    over = memory[: 5 * H].view(5, H)
    norm = (1e-6, 32)
    return [
        ("silu_and_mul_out", (x, x), r"out is torch.bfloat16\[5, 96\]; accepted: torch.bfloat16\[5, 48\]"),
        ("silu_and_mul_out", (x[:, :48].half(), x), r"out is torch.float16\[5, 48\]"),
        ("silu_and_mul_out", (x[:, :48].to("meta"), x), "out is on meta, x on cpu"),
        ("silu_and_mul_out", (x[:, :48], x), "out and x overlap"),
        ("silu_and_mul_out", (x[:, ::2], x), "out and x overlap"),
        ("fused_add_rms_norm_", (x, x, weight, 1e-6), "residual and x overlap"),
        ("fused_add_rms_norm_", (over, memory[H : 6 * H].view(5, H), weight, 1e-6), "residual and x overlap"),
        ("fused_add_rms_norm_", (x, residual, x[2], 1e-6), "x and weight overlap"),
        ("fused_add_rms_norm_", (x, residual[:4], weight, 1e-6), r"residual is torch.bfloat16\[4, 96\]"),
        (
            "rms_norm_group_quant_out",
            (x, x, weight, scale, *norm),
            r"q is torch.bfloat16.*float8_e4m3fn\[5, 96\]",
        ),
        ("rms_norm_group_quant_out", (q[:3], x, weight, scale, *norm), r"q is torch.float8_e4m3fn\[3, 96\]"),
        ("rms_norm_group_quant_out", (q, x, weight, scale.half(), *norm), r"scale is torch.float16\[5, 3\]"),
        ("rms_norm_group_quant_out", (q, x, weight, scale, 1e-6, 48), "group_size is 48"),
        ("rms_norm_group_quant_out", (q, x, weight, scale, 1e-6, 128), "a row has 96 values"),
        (
            "rms_norm_group_quant_out",
            (q, x, weight, scale, *norm, True),
            r"scale has strides \(3, 1\); accepted with col_major=True: \(1, 5\)",
        ),
        (
            "rms_norm_group_quant_out",
            (over.view(FP8)[:, :H], over, weight, scale, *norm),
            "q and x overlap",
        ),
        (
            "rms_norm_group_quant_out",
            (q, x, weight, q.view(-1).view(torch.float32)[:15].view(5, 3), *norm),
            "scale and q overlap",
        ),
    ]


@pytest.mark.parametrize(("name", "args", "message"), wrong_calls())
def test_refused(name: str, args: tuple[Any, ...], message: str) -> None:
    with on_cpu() as stub, pytest.raises(ValueError, match=f"^{name}: .*{message}"):
        KERNELS[name](*args)
    assert not stub.calls


def test_launch_into_given_tensors() -> None:
    """Strides of every result; the columns past a row are cleared; scales twice."""
    wide = torch.randn(6, 300).bfloat16()
    x, other, weight = wide[:, :128], wide[:, 150:278], torch.linspace(1, 2, 128).bfloat16()
    q, y, total = (torch.zeros(6, 200).to(dtype)[:, 8:136] for dtype in (FP8, BF16, BF16))
    scale, scale2 = torch.zeros(6, 4), torch.zeros(4, 11).T[:6]
    with on_cpu():
        rows.launch(
            "test",
            source="add_norm",
            quant="group",
            x=x,
            other=other,
            weight=weight,
            q=q,
            scale=scale,
            scale2=scale2,
            y=y,
            sum=total,
            epsilon=1e-6,
            group=32,
            ue8m0=True,
            gemma=True,
            variance_size=99,
        )
        wanted, wanted_total = unfused.fused_add_rms_norm(x, other, weight, 1e-6, 99, True)
        wanted_q, wanted_scale = unfused.group_quant(wanted, 32, ue8m0=True)
        assert torch.equal(y, wanted)
        assert torch.equal(total, wanted_total)
        assert torch.equal(q.float(), wanted_q.float())
        assert torch.equal(scale, wanted_scale)
        assert torch.equal(scale2, wanted_scale)
        padded = torch.ones(6, 160, dtype=BF16)
        rows.launch("test", source="norm", quant="none", x=x, weight=weight, y=padded, epsilon=1e-6)
        assert torch.equal(padded[:, :128], unfused.rms_norm(x, weight, 1e-6))
        assert not padded[:, 128:].any()
        token = torch.zeros(3, 2, 1)
        rows.launch("test", source="plain", quant="token", x=x.unflatten(0, (3, 2)), q=q, scale=token)
        assert torch.equal(token.flatten(), unfused.token_quant(x, FP8)[1].flatten())


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"q": torch.zeros(6, 64, dtype=torch.uint8)}, "q is torch.uint8"),
        ({"q": torch.zeros(5, 64).to(FP8)}, r"q is torch.float8_e4m3fn\[5, 64\]; accepted: 6 rows of 64"),
        ({"q": torch.zeros(64, 6).to(FP8).T}, r"q has strides \(1, 6\); accepted: dense rows, apart"),
        ({"q": torch.zeros(1, 64).to(FP8).expand(6, 64)}, "q has strides .*apart"),
        ({"q": torch.zeros(3, 2, 64).to(FP8).transpose(0, 1)}, "q has strides .*dimensions that merge"),
        (
            {"scale": torch.zeros(6, 3)},
            r"scale is torch.float32\[6, 3\]; accepted: 6 rows of 2 torch.float32",
        ),
        ({"scale": torch.zeros(6, 2).half()}, "scale is torch.float16"),
        (
            {"scale": torch.zeros(3, 2, 2).transpose(0, 1)},
            "scale has strides .*leading dimensions that merge",
        ),
        ({"y": torch.zeros(6, 60, dtype=BF16)}, "y is .*accepted: 6 rows of 64"),
        ({"weight": torch.ones(64).half()}, "weight is torch.float16"),
        ({"weight": torch.ones(128, dtype=BF16)[::2]}, "weight has strides"),
        ({"x": torch.zeros(6, 64)}, "x is torch.float32"),
        ({"x": torch.zeros(6, 128, dtype=BF16)[:, ::2]}, "x has strides"),
    ],
)
def test_launch_refuses(changed: dict[str, Any], message: str) -> None:
    given = {"x": torch.zeros(6, 64, dtype=BF16), "q": torch.zeros(6, 64).to(FP8), "scale": torch.zeros(6, 2)}
    with on_cpu() as stub, pytest.raises(ValueError, match=f"^op: {message}"):
        rows.launch("op", source="norm", quant="group", group=32, **{**given, **changed})
    assert not stub.calls
