"""How the row ops are called on a GPU: dispatch, streams, graphs, devices, sizes past 2^31, refusals."""

from __future__ import annotations

from typing import Any

import pytest
import row_cases
import torch
from gpu_rows import BF16, call, fp8, op
from row_cases import Case, Inputs
from row_values import assert_same, check_values

import patdsl.reference  # noqa: F401  registers the ops
from patdsl.kernels import bind, rows
from patdsl.register_ops import runs_on

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use"),
]

EPSILON = 1e-6
CHECKS = ("test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic")


@pytest.fixture(autouse=True, scope="module")
def _registered() -> None:
    bind.register()  # also where PATDSL_KERNELS is 0


def inputs(hidden: int = 512, rows: int = 8, device: str = "cuda") -> tuple[Any, Any, Any]:
    found = row_cases.make_inputs(Case("add_norm"), rows, hidden, 4, device)
    return found.x, found.other, found.weight


def samples(name: str) -> tuple[Any, ...]:
    """Arguments with every option, which `torch.library.opcheck` calls an op with."""
    x, other, weight = inputs()
    scale = torch.full((1,), 0.01, device="cuda")
    norm = (x, other, weight) if name.startswith(("add_", "fused_")) else (x, weight)
    last = (256, True)
    dual = (x[:, :256], weight[:256], other[:, 256:], weight[256:], EPSILON, EPSILON)
    special: dict[str, tuple[Any, ...]] = {
        "rms_norm_pad": (x, weight, EPSILON, 96, *last),
        "add_rms_norm_pad": (x, weight, EPSILON, other, 96, *last),
        "rms_norm_gated": (x, other, weight, EPSILON),
        "gated_rms_norm_group_quant": (x, weight, other, EPSILON, 64),
        "silu_and_mul": (x,),
        "gelu_and_mul": (x,),
        "silu_and_mul_out": (torch.empty_like(x[:, :256]), x),
        "rms_norm_group_quant_out": (x.to(fp8()), x, weight, torch.empty(8, 8, device="cuda"), EPSILON, 64),
        "fused_add_rms_norm_": (x, other, weight, EPSILON),
        "fused_add_rms_norm": (*norm, EPSILON, *last),
        "rms_norm": (*norm, EPSILON, *last),
        "mla_dual_rms_norm": dual,
        "mla_dual_rms_norm_group_quant": (*dual, 64, True, True, True),
        "mla_dual_rms_norm_token_quant": dual,
    }
    if name in special:
        return special[name]
    sources = {"rms_norm": (*norm, EPSILON), "silu_mul": (x,), "gelu_mul": (x,)}
    kind = next((prefix for prefix in sources if prefix in name), "")
    first, options = (sources[kind], last if kind == "rms_norm" else ()) if kind else ((x,), ())
    if "static" in name:
        place = len(first) - 1 if kind == "rms_norm" else 1
        return (*first[:place], scale, *first[place:], torch.int8, *options)
    if "token" in name:
        return (*first, torch.int8, *options)
    if "layouts" in name:
        return (*first, 64, True, True, None, *options)
    return (*first, *((64, True, True, True, None) if "group" in name else ()), *options)


@pytest.mark.parametrize("name", rows.ops())
def test_opcheck(name: str) -> None:
    """Schema, fake implementation (to the stride), autograd and tracing."""
    checks = list(CHECKS)
    if name == "rms_norm_group_quant_out":
        checks.remove("test_schema")  # it compares the fp8 argument with allclose, which torch lacks
    torch.library.opcheck(op(name).default, samples(name), test_utils=checks)


def test_what_runs() -> None:
    for name in bind.kernels():
        assert runs_on(name, "cuda") == "kernel"
        assert runs_on(name, "cpu") == "reference"
    assert runs_on("nvfp4_quant", "cuda") == "reference"


@pytest.mark.parametrize(
    "name", ["add_rms_norm_group_quant_keep", "mla_dual_rms_norm_token_quant", "silu_mul_mx_quant"]
)
def test_graph(name: str) -> None:
    """A graph of the launch can be replayed on new values."""
    args = samples(name)
    op(name)(*args)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        got = op(name)(*args)
    args[0].neg_()
    for one in got:
        (one.view(torch.uint8) if one.element_size() == 1 else one).zero_()
    graph.replay()
    for one, two in zip(got, op(name)(*args), strict=True):
        assert_same(one, two, name)


def test_graph_in_place() -> None:
    x, residual, weight = inputs(4096, 64)
    y, total = op("fused_add_rms_norm")(x, residual, weight, EPSILON)
    scratch, other = x.clone(), residual.clone()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        op("fused_add_rms_norm_")(scratch, other, weight, EPSILON)
    scratch.copy_(x)
    other.copy_(residual)
    graph.replay()
    assert_same(scratch, y, "y")
    assert_same(other, total, "sum")


def test_current_stream() -> None:
    """The launch waits for what is before it on a stream of the caller's, which another stream does not."""
    x, _, weight = inputs(4096, 256)
    wanted = op("rms_norm_token_quant")(-x, weight, EPSILON, fp8())
    late = torch.zeros_like(x)
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        torch.cuda._sleep(50_000_000)
        torch.neg(x, out=late)
        got = op("rms_norm_token_quant")(late, weight, EPSILON, fp8())
    stream.synchronize()
    for one, two in zip(got, wanted, strict=True):
        assert_same(one, two, "on a stream")


def test_one_launch_after_another() -> None:
    """Each reads what the one before wrote, though it may begin before that has ended."""
    x, residual, weight = inputs(4096, 3000)
    scratch, total = x.clone(), residual.clone()
    for _ in range(40):
        op("fused_add_rms_norm_")(scratch, total, weight, EPSILON)
    wanted, wanted_total = x, residual
    for _ in range(40):
        wanted, wanted_total = op("fused_add_rms_norm")(wanted, wanted_total, weight, EPSILON)
        torch.cuda.synchronize()
    assert_same(scratch, wanted, "y")
    assert_same(total, wanted_total, "sum")


@pytest.mark.parametrize("name", ["rms_norm_group_quant", "silu_mul_token_quant", "mx_quant"])
def test_many_elements(name: str) -> None:
    """Rows past 2^31 elements."""
    hidden = 4096
    count = 2**31 // hidden + 3
    if torch.cuda.mem_get_info()[0] < 12 * 2**30:
        pytest.skip("needs 12 GiB of free memory")
    x = torch.ones(1, hidden, device="cuda", dtype=BF16).repeat(count, 1)
    x[-1, 5] = 3.0
    args = {
        "rms_norm_group_quant": (torch.ones_like(x[0]), EPSILON, 128),
        "silu_mul_token_quant": (fp8(),),
        "mx_quant": (),
    }
    found = op(name)(x, *args[name])
    alone = op(name)(x[-1:], *args[name])
    for one, two in zip(found, alone, strict=True):
        assert_same(one[-1:], two, name)
        assert_same(one[:1], op(name)(x[:1], *args[name])[0 if one is found[0] else 1], name)
    del x, found
    torch.cuda.empty_cache()


@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two GPUs")
def test_several_gpus() -> None:
    """The tensors say which GPU it is, not the current device; results lie there, on its current stream."""
    case = Case("add_norm", quant="group", group=128)
    for index in reversed(range(torch.cuda.device_count())):
        device = f"cuda:{index}"
        found = row_cases.make_inputs(case, 64, 4096, index, device)
        assert torch.cuda.current_device() == 0
        got = call(case, found, keep=True)
        assert torch.cuda.current_device() == 0
        assert got.q is not None
        assert got.q.device == torch.device(device)
        row_cases.check(case, found, got, fp8())
        x, residual, weight = inputs(4096, 8, device)
        _, _, kv = op("mla_dual_rms_norm_token_quant")(x, weight, residual, weight, EPSILON, EPSILON)
        check_values(Case("norm"), Inputs(residual, weight=weight), kv)
    x, residual, weight = inputs()
    with pytest.raises(ValueError, match="residual is on cuda:1, x on cuda:0; accepted: one device"):
        op("fused_add_rms_norm")(x, residual.to("cuda:1"), weight, EPSILON)


def test_refusals_pass_through_the_dispatcher() -> None:
    x, residual, weight = inputs()
    wrong: list[tuple[str, tuple[Any, ...], str]] = [
        (
            "rms_norm",
            (x.float(), weight, EPSILON),
            "rms_norm: x is torch.float32; accepted: torch.bfloat16, torch.float16",
        ),
        (
            "rms_norm",
            (x, weight.cpu(), EPSILON),
            "rms_norm: weight is on cpu, x on cuda:0; accepted: one device",
        ),
        (
            "rms_norm",
            (x.cpu(), weight, EPSILON),
            "rms_norm: weight is on cuda:0, x on cpu; accepted: one device",
        ),
        (
            "fused_add_rms_norm",
            (x, residual[:4], weight, EPSILON),
            "fused_add_rms_norm: residual is torch.bfloat16",
        ),
        ("rms_norm_group_quant", (x, weight, EPSILON, 16), "group_size is 16; accepted: 32, 64, 128"),
        ("rms_norm_group_quant", (x, weight.half(), EPSILON, 32), "weight is torch.float16"),
        ("static_quant", (x, torch.ones(1)), "scale is on cpu, x on cuda:0; accepted: one device"),
        ("token_quant", (x, torch.float8_e5m2), f"quant_dtype is torch.float8_e5m2; accepted: {fp8()}"),
        ("fused_add_rms_norm_", (x, x, weight, EPSILON), "residual and x overlap in memory"),
        ("silu_and_mul_out", (x[:, :256], x), "out and x overlap in memory"),
        (
            "mla_dual_rms_norm",
            (x, weight, residual.cpu(), weight, EPSILON, EPSILON),
            "kv_weight is on cuda:0, kv on cpu; accepted: one device",
        ),
    ]
    for name, args, message in wrong:
        with pytest.raises(ValueError, match=message):
            op(name)(*args)
