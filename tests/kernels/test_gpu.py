"""The ops on a GPU: against float64 and bit for bit, through torch's dispatch, streams and graphs."""

from __future__ import annotations

from typing import Any

import norm_cases
import pytest
import torch
from norm_cases import Results

import patdsl.reference  # noqa: F401  registers the ops
from patdsl.kernels import bind, library, norm_group_quant
from patdsl.register_ops import runs_on

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use"),
]

BF16, F16 = torch.bfloat16, torch.float16
EPSILON = 1e-6


@pytest.fixture(autouse=True, scope="module")
def _registered() -> None:
    bind.register()


def limit() -> float:
    return 224.0 if library.fp8_dtype(library.device_arch(0)) == torch.float8_e4m3fnuz else 448.0


def op(name: str) -> Any:
    return getattr(torch.ops.patdsl, name)


@pytest.mark.parametrize("col_major", [False, True], ids=["rows", "columns"])
@pytest.mark.parametrize("group", [32, 64, 128])
@pytest.mark.parametrize("dtype", [BF16, F16], ids=["bf16", "f16"])
@pytest.mark.parametrize(
    ("rows", "hidden"),
    [
        (1, 128),
        (3, 512),
        (1, 1536),
        (129, 2048),
        (1024, 4096),
        (37, 7168),
        (512, 8192),
        (5, 16384),
        (2, 65536),
    ],
)
def test_every_op(rows: int, hidden: int, dtype: torch.dtype, group: int, col_major: bool) -> None:
    x, residual, weight = norm_cases.make_inputs(rows, hidden, dtype, rows + hidden, "cuda")
    options = (weight, EPSILON, group, col_major)
    q, scale, keep = op("rms_norm_group_quant_keep")(x, *options)
    norm_cases.check(Results(q, scale, keep, None), x, None, weight, EPSILON, group, limit())
    assert scale.stride() == ((1, rows) if col_major else (hidden // group, 1))
    alone_q, alone_scale = op("rms_norm_group_quant")(x, *options)
    assert torch.equal(alone_q.view(torch.uint8), q.view(torch.uint8))
    norm_cases.assert_same(alone_scale, scale, "scale")
    q, total, scale, keep = op("add_rms_norm_group_quant_keep")(x, residual, *options)
    norm_cases.check(Results(q, scale, keep, total), x, residual, weight, EPSILON, group, limit())
    alone_q, alone_total, alone_scale = op("add_rms_norm_group_quant")(x, residual, *options)
    assert torch.equal(alone_q.view(torch.uint8), q.view(torch.uint8))
    norm_cases.assert_same(alone_total, total, "sum")
    norm_cases.assert_same(alone_scale, scale, "scale")


@pytest.mark.parametrize("config", [1, 2, 4, -1])
def test_every_form(config: int) -> None:
    x, residual, weight = norm_cases.make_inputs(300, 4096, BF16, config + 5, "cuda")
    q = torch.empty_like(x, dtype=library.fp8_dtype(library.device_arch(0)))
    scale = torch.empty(300, 32, device="cuda")
    keep, total = torch.empty_like(x), torch.empty_like(x)
    norm_group_quant._launch("test", x, residual, weight, q, scale, keep, total, EPSILON, 128, config)
    norm_cases.check(Results(q, scale, keep, total), x, residual, weight, EPSILON, 128, limit())


@pytest.mark.parametrize("dtype", [BF16, F16], ids=["bf16", "f16"])
def test_every_magnitude(dtype: torch.dtype) -> None:
    """One group for each positive number of the dtype as its largest value: scale and fp8 bit for bit."""
    tops = torch.arange(0x7C00 if dtype == F16 else 0x7F80, dtype=torch.int16, device="cuda").view(dtype)
    generator = torch.Generator("cuda").manual_seed(5)
    for part in tops.split(2048):
        weight = (
            torch.rand(part.numel(), 32, generator=generator, device="cuda")
            .mul(part.float().unsqueeze(1))
            .to(dtype)
        )
        weight[:, 7] = part
        weight[:, 9::4] *= -1
        x = torch.ones(1, weight.numel(), dtype=dtype, device="cuda")
        q, scale, keep = op("rms_norm_group_quant_keep")(x, weight.flatten(), 0.0, 32)
        norm_cases.assert_same(keep.reshape(-1, 32), weight, "norm")
        norm_cases.check_quant(Results(q, scale, keep, None), 32, limit())


def test_many_random_values() -> None:
    """Enough quotients for a wrong rounding that is rare to show."""
    for seed in range(8):
        x, residual, weight = norm_cases.make_inputs(4096, 4096, F16 if seed % 2 else BF16, seed, "cuda")
        q, total, scale, keep = op("add_rms_norm_group_quant_keep")(x, residual, weight, EPSILON, 32)
        norm_cases.check(Results(q, scale, keep, total), x, residual, weight, EPSILON, 32, limit())


def test_nan_and_infinity() -> None:
    x, _, weight = norm_cases.make_inputs(6, 512, BF16, 3, "cuda")
    x[0, 17], x[1, 200], weight[300], weight[450] = float("nan"), float("inf"), float("nan"), float("inf")
    q, scale, keep = op("rms_norm_group_quant_keep")(x, weight, EPSILON, 128)
    norm_cases.check(Results(q, scale, keep, None), x, None, weight, EPSILON, 128, limit())


def test_layouts() -> None:
    """Strided rows, an address that no vector begins at, leading dimensions, a transposed tensor, no rows."""
    wide, _, weight = norm_cases.make_inputs(12, 1300, BF16, 9, "cuda")
    weight = weight[:1024].contiguous()
    views = [wide[:, :1024], wide[:, 1:1025], wide[::2, 8:1032], wide[:, :1024].t().contiguous().t()]
    for x in [*views, wide.view(3, 4, 1300)[:, :, :1024], wide[0, :1024]]:
        q, scale, keep = op("rms_norm_group_quant_keep")(x, weight, EPSILON, 128)
        assert q.shape == keep.shape == x.shape
        flat = Results(q.reshape(-1, 1024), scale.reshape(-1, 8), keep.reshape(-1, 1024), None)
        norm_cases.check(flat, x.reshape(-1, 1024), None, weight, EPSILON, 128, limit())
    q, scale = op("rms_norm_group_quant")(wide[:0, :1024], weight, EPSILON, 128)
    assert q.shape == (0, 1024)


def test_many_elements() -> None:
    """Rows past 2^31 elements."""
    rows, hidden = 2**31 // 4096 + 3, 4096
    x = torch.ones(1, hidden, device="cuda", dtype=BF16).repeat(rows, 1)
    x[-1, 5] = 3.0
    weight = torch.ones(hidden, device="cuda", dtype=BF16)
    q, scale = op("rms_norm_group_quant")(x, weight, EPSILON, 128)
    one_q, one_scale = op("rms_norm_group_quant")(x[-1:], weight, EPSILON, 128)
    assert torch.equal(q[-1:].view(torch.uint8), one_q.view(torch.uint8))
    assert torch.equal(scale[-1:], one_scale)


def test_out() -> None:
    x, _, weight = norm_cases.make_inputs(16, 1024, BF16, 2, "cuda")
    q, scale = op("rms_norm_group_quant")(x, weight, EPSILON, 64)
    out_q, out_scale = torch.empty_like(q), torch.empty_like(scale)
    op("rms_norm_group_quant_out")(out_q, x, weight, out_scale, EPSILON, 64)
    assert torch.equal(out_q.view(torch.uint8), q.view(torch.uint8))
    assert torch.equal(out_scale, scale)
    storage = torch.empty(16 * 1024 * 2, dtype=torch.uint8, device="cuda")
    over = storage.view(BF16).view(16, 1024).copy_(x)
    with pytest.raises(ValueError, match="q and x overlap"):
        op("rms_norm_group_quant_out")(
            storage[: 16 * 1024].view(q.dtype).view(16, 1024), over, weight, out_scale, EPSILON, 64
        )


def test_graph_on_a_stream() -> None:
    """A launch goes to the current stream, and a graph of it can be replayed on new values."""
    x, residual, weight = norm_cases.make_inputs(64, 4096, BF16, 1, "cuda")
    op("add_rms_norm_group_quant")(x, residual, weight, EPSILON, 128)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        q, total, scale = op("add_rms_norm_group_quant")(x, residual, weight, EPSILON, 128)
    x.neg_()
    q.view(torch.uint8).zero_()
    graph.replay()
    wanted = op("add_rms_norm_group_quant")(x, residual, weight, EPSILON, 128)
    for got, want in zip((q, total, scale), wanted, strict=True):
        assert torch.equal(got.view(torch.uint8), want.view(torch.uint8))


def test_opcheck_and_dispatch() -> None:
    x, residual, weight = norm_cases.make_inputs(8, 512, BF16, 4, "cuda")
    assert runs_on("rms_norm_group_quant", "cuda") == "kernel"
    assert runs_on("silu_and_mul", "cuda") == "reference"
    torch.library.opcheck(op("rms_norm_group_quant").default, (x, weight, EPSILON, 128, True))
    torch.library.opcheck(op("add_rms_norm_group_quant_keep").default, (x, residual, weight, EPSILON, 128))


def test_errors() -> None:
    x, residual, weight = norm_cases.make_inputs(8, 512, BF16, 4, "cuda")
    call = op("add_rms_norm_group_quant")
    wrong: list[tuple[tuple[Any, ...], str]] = [
        ((x.float(), residual, weight, EPSILON, 128), "x is torch.float32; accepted: torch.bfloat16"),
        ((x, residual[:4], weight, EPSILON, 128), "residual is torch.bfloat16"),
        ((x, residual.half(), weight, EPSILON, 128), "residual is torch.float16"),
        ((x, residual, weight.float(), EPSILON, 128), "weight is torch.float32"),
        ((x, residual, weight[1:], EPSILON, 128), "weight is torch.bfloat16"),
        ((x, residual, weight, EPSILON, 16), "group_size is 16; accepted: 32, 64, 128"),
        ((x[:, :500], residual[:, :500], weight[:500], EPSILON, 128), "the last dimension of x is 500"),
        ((x.view(2, 4, 512), residual.view(2, 4, 512), weight, EPSILON, 128, True), "col_major with x of 3"),
    ]
    for arguments, message in wrong:
        with pytest.raises(ValueError, match=message):
            call(*arguments)
