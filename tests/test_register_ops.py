"""torch.ops.patdsl.*: schemas, fake implementations, strides, aliasing, autograd and torch.compile."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import warnings

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

import patdsl.reference
import patdsl.register_ops
from patdsl.reference.rows import ROW_OPS
from patdsl.register_ops import KV_CACHE, OPS, runs_on
from patdsl.runtime.target import use_target

H, G = 128, 64
WEIGHT = torch.linspace(0.5, 1.5, H)
FP8 = torch.float8_e4m3fn


def samples(name, x, other):
    """Argument lists for the op, on rows `x` and `other`, [*B, H] in one dtype."""
    weight, scale = WEIGHT.to(x.dtype), torch.tensor([0.25])
    norm, add = (x, weight, 1e-6), (x, other, weight, 1e-6)
    dual = (x, weight, other[..., :96], weight[:96], 1e-6, 1e-5)
    positions = torch.arange(x.shape[:-1].numel()).reshape(x.shape[:-1])
    angles = torch.linspace(-1, 1, 64 * 32).reshape(64, 32)
    layouts = [(), (True,)] if x.dim() > 1 else [()]
    if name in ROW_OPS:
        return row_samples(name, x, other, weight, scale, layouts)
    if name in KV_CACHE:
        return cache_samples(name, x, other, positions, angles, scale)
    table = {
        "rms_norm": [norm, (x, None, 1e-6), (x, weight.float(), 1e-6, 96), (*norm, None, True)],
        "fused_add_rms_norm": [add, (x, other, None, 1e-6, 96), (*add, 96, True)],
        "rms_norm_gated": [(x, other, weight, 1e-6)],
        "group_quant": [
            *((x, G, *layout) for layout in layouts),
            *(
                (x, G, *layout, True, True, dtype)
                for layout in layouts
                if layout
                for dtype in (None, torch.int8)
            ),
        ],
        "token_quant": [(x, FP8), (x, torch.int8), (x, torch.float8_e4m3fnuz)],
        "static_quant": [(x, scale), (x, scale.reshape(())), (x, scale, torch.int8)],
        "mx_quant": [(x,)],
        "nvfp4_quant": [(x, scale, True), (x, scale, False)],
        "silu_and_mul": [(x,)],
        "gelu_and_mul": [(x,)],
        "rope": [(positions, x, other, 32, angles, True), (positions, x, other, H, angles, False)],
        "mrope": [
            (torch.stack([positions.flatten()] * 3), x, other, angles, 64, 32, 6, 5, 5, flag, flag)
            for flag in (True, False)
        ],
        "gated_rms_norm_group_quant": [(x, weight, other, 1e-6, 48)],
        "mla_dual_rms_norm": [dual],
        "mla_dual_rms_norm_group_quant": [(*dual, G, *layout) for layout in layouts],
        "mla_dual_rms_norm_token_quant": [dual],
        "rms_norm_pad": [(*norm, 96), (*norm, 1, 96, True)],
        "add_rms_norm_pad": [(*norm, other, 96), (*norm, other, 1), (x, None, 1e-6, other, 96, 64)],
        "add_rms_norm_nvfp4_quant": [(*add, scale, True)],
        "silu_mul_nvfp4_quant": [(x, scale)],
        "qk_norm_rope": [
            (x, 2, 1, 1, 32, 1e-6, weight[:32], weight[:32], angles, True, positions.flatten()),
        ],
        "silu_and_mul_out": [(x.new_empty((*x.shape[:-1], H // 2)), x)],
        "rms_norm_group_quant_out": [
            (
                x.new_empty(x.shape, dtype=patdsl.reference.fp8_dtype()),
                x,
                weight,
                quant_scale(x, *layout),
                1e-6,
                G,
                *layout,
            )
            for layout in layouts
        ],
        "fused_add_rms_norm_": [(x.clone(), other.clone(), weight, 1e-6)],
    }
    return table[name]


def row_samples(name, x, other, weight, scale, layouts):
    """The same for an op that quantises rows: at the defaults, and with every option."""
    add, norm = name.startswith("add_"), "norm" in name
    quant = name.removesuffix("_keep").removeprefix("add_").removeprefix("rms_norm_").split("mul_")[-1]
    numbers = {
        "static_quant": [(), (torch.int8,)],
        "token_quant": [(FP8,), (torch.int8,)],
        "group_quant": [
            *((G, *layout) for layout in layouts),
            (32, len(layouts) > 1, True, True, torch.int8),
        ],
        "mx_quant": [(), ()],
        "group_quant_layouts": [(G,), (32, True, True, torch.int8)],
    }[quant]
    found = []
    for each in numbers:
        full = each == numbers[-1]
        first = [x, *([other] if add else []), *([None if full else weight] if norm else [])]
        first += [*([scale] if quant == "static_quant" else []), *([1e-6] if norm else [])]
        found.append((*first, *each, *([96] if norm and full else [])))
        if norm and full:
            gemma = [weight.float() if one is None else one for one in first]
            found.append((*gemma, *each, None, True))
    return found


def cache_samples(name, x, other, positions, angles, scale):
    """The same for an op that writes a cache: 4 heads of 32; 2 slots at most are written."""
    slots = torch.tensor([5, -1])[: positions.numel()]
    caches = (x.new_zeros(3, 4, 4, 32), x.new_zeros(3, 4, 4, 32))
    latent, part = x.new_zeros(3, 4, 128), x.unflatten(-1, (4, 32))
    pair, last = (*caches, slots, scale, scale), (latent, slots, scale)
    kv_c, k_pe = other[..., :96], other[..., 96:]
    return {
        "rope_kv_cache": [(positions, x, other, x, angles, flag, *pair) for flag in (True, False)],
        "kv_cache_write": [(x, other, *pair)],
        "mla_rope_kv_cache": [(positions, part, part, k_pe, kv_c, angles, True, *last)],
        "mla_rope_pe_kv_cache": [(positions, part, k_pe, kv_c, angles, False, *last)],
        "mla_kv_cache_write": [(kv_c, k_pe, *last)],
    }[name]


def quant_scale(x, col_major=False):
    return torch.ops.patdsl.group_quant(x, G, col_major)[1].zero_()


def rows(*shape, dtype=torch.bfloat16):
    return torch.randn(*shape, H).to(dtype)


def inputs():
    """(label, x, other): ragged, batched, one row, none, and rows that are not contiguous."""
    wide = rows(7, 2)
    yield "7 rows", rows(7), rows(7)
    yield "f16", rows(7, dtype=torch.float16), rows(7, dtype=torch.float16)
    yield "f32", rows(3, dtype=torch.float32), rows(3, dtype=torch.float32)
    yield "3-D", rows(3, 5), rows(3, 5)
    yield "one row", rows(1), rows(1)
    yield "a vector", rows(), rows()
    yield "no rows", rows(0), rows(0)
    yield "no rows, 3-D", rows(3, 0), rows(3, 0)
    yield "slices", wide[:, 0], wide[:, 1]
    yield "transposed", torch.randn(H, 6).bfloat16().T, torch.randn(H, 6).bfloat16().T
    yield "swapped batch", rows(5, 3).transpose(0, 1), rows(5, 3).transpose(0, 1)


PLANAR = {"nvfp4_quant", "silu_mul_nvfp4_quant", "add_rms_norm_nvfp4_quant", "qk_norm_rope"}


def cases(name):
    for label, x, other in inputs():
        if name in PLANAR and x.dim() != 2:
            continue
        if label == "a vector" and (name == "mla_dual_rms_norm" or name.endswith("_layouts")):
            continue
        for number, args in enumerate(samples(name, x, other)):
            yield f"{label} #{number}", args


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [one for one in value if isinstance(one, torch.Tensor)] if isinstance(value, (tuple, list)) else []


def layout(value):
    return [(tuple(one.shape), tuple(one.stride()), one.dtype, one.device) for one in tensors(value)]


def overload(name):
    return getattr(torch.ops.patdsl, name).default


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("name", OPS)
def test_parameters_and_defaults_are_those_of_the_function(name):
    schema = overload(name)._schema
    signature = inspect.signature(OPS[name].function)
    assert [argument.name for argument in schema.arguments] == list(signature.parameters)
    for argument in schema.arguments:
        parameter = signature.parameters[argument.name]
        assert argument.has_default_value() == (parameter.default is not parameter.empty)
        if argument.has_default_value():
            assert argument.default_value == parameter.default
    assert torch.Tag.pt2_compliant_tag in overload(name).tags
    assert inspect.signature(OPS[name].fake).parameters.keys() == signature.parameters.keys()


@pytest.mark.parametrize("name", OPS)
@pytest.mark.parametrize("target", ["cpu", "gfx942"])
def test_fake_and_real_agree_to_the_stride(name, target):
    with use_target(target):
        for label, args in cases(name):
            mode = FakeTensorMode()
            fake_args = [mode.from_tensor(a) if isinstance(a, torch.Tensor) else a for a in args]
            with mode:
                fake = overload(name)(*fake_args)
            assert layout(fake) == layout(overload(name)(*args)), label


@pytest.mark.parametrize("name", [name for name in OPS if not overload(name)._schema.is_mutable])
def test_results_are_new(name):
    """No result shares memory with an argument or with another result, and no argument changes."""
    for label, args in cases(name):
        before = [one.clone() for one in tensors(args)]
        found = tensors(overload(name)(*args))
        storages = [one.untyped_storage().data_ptr() for one in found if one.numel()]
        assert len(set(storages)) == len(storages), label
        assert not set(storages) & {one.untyped_storage().data_ptr() for one in tensors(args)}, label
        assert all(torch.equal(a, b) for a, b in zip(before, tensors(args), strict=True)), label


@pytest.mark.parametrize("name", OPS)
def test_opcheck(name):
    checks = ["test_schema", "test_autograd_registration", "test_faketensor", "test_aot_dispatch_dynamic"]
    if name == "rms_norm_group_quant_out":
        # It compares an argument before and after with allclose, which torch lacks for fp8; what the op
        # writes, and that only q and scale change, is in test_in_place_forms_write_what_the_others_return.
        checks.remove("test_schema")
    for label, args in cases(name):
        if label.split(" #")[0] in {"7 rows", "slices", "3-D"}:
            torch.library.opcheck(overload(name), args, test_utils=checks)


def test_in_place_forms_write_what_the_others_return():
    ops = torch.ops.patdsl
    x, other, weight = rows(7), rows(7), WEIGHT.bfloat16()
    out = torch.empty(7, H).bfloat16()[:, ::2]
    ops.silu_and_mul_out(out, x)
    assert torch.equal(out, ops.silu_and_mul(x))
    for col_major in (False, True):
        q, scale = torch.empty(7, H, dtype=FP8), quant_scale(x, col_major)
        unchanged = x.clone(), weight.clone()
        ops.rms_norm_group_quant_out(q, x, weight, scale, 1e-6, G, col_major)
        expected = ops.rms_norm_group_quant(x, weight, 1e-6, G, col_major)
        assert torch.equal(q.float(), expected[0].float())
        assert torch.equal(scale, expected[1])
        assert torch.equal(x, unchanged[0])
        assert torch.equal(weight, unchanged[1])
    y, total = ops.fused_add_rms_norm(x, other, weight, 1e-6)
    ops.fused_add_rms_norm_(x, other, weight, 1e-6)
    assert torch.equal(x, y)
    assert torch.equal(other, total)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda o, x, w: o.silu_and_mul_out(x, x), r"silu_and_mul_out: out is torch\.bfloat16\[7, 128\]"),
        (
            lambda o, x, w: o.rms_norm_group_quant_out(x, x, w, quant_scale(x), 1e-6, G),
            r"q is torch\.bfloat16.*accepted: torch\.float8_e4m3fn\[7, 128\]",
        ),
        (
            lambda o, x, w: o.rms_norm_group_quant_out(x.to(FP8), x, w, quant_scale(x), 1e-6, G, True),
            r"scale has strides \(2, 1\); accepted with col_major=True: \(1, 7\)",
        ),
        (lambda o, x, w: o.fused_add_rms_norm_(x, x, w, 1e-6), "x and residual share memory"),
        (lambda o, x, w: o.group_quant(x, 48), "not a multiple of group_size 48"),
    ],
)
def test_errors_pass_through_the_dispatcher(call, words):
    with pytest.raises(ValueError, match=words):
        call(torch.ops.patdsl, rows(7), WEIGHT.bfloat16())


def test_no_gradient_flows_through():
    weight = torch.nn.Parameter(WEIGHT.clone())
    x = rows(3, dtype=torch.float32).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for one in torch.ops.patdsl.rms_norm_group_quant_keep(x, weight, 1e-6, G):
            assert not one.requires_grad
            assert one.grad_fn is None


def test_importing_again_registers_nothing_twice():
    library = patdsl.register_ops.LIBRARY
    for module in (patdsl.reference, patdsl.register_ops, patdsl.reference):
        importlib.reload(module)
    assert patdsl.register_ops.LIBRARY is library
    x = rows(3)
    assert torch.equal(torch.ops.patdsl.silu_and_mul(x), patdsl.reference.silu_and_mul(x))


def test_runs_on_tells_a_kernel_from_the_reference():
    assert runs_on("mrope", "cuda") == "reference"
    with torch.library._scoped_library("patdsl", "IMPL") as library:
        library.impl("mrope", lambda x: x, "CUDA")
        assert runs_on("mrope", "cuda") == "kernel"
        assert runs_on("mrope", "cpu") == "reference"
    assert runs_on("mrope", "cuda") == "reference"
    with pytest.raises(ValueError, match="patdsl::nothing is not registered; known: rms_norm"):
        runs_on("nothing", "cpu")
    with pytest.raises(ValueError, match="unknown device type 'tpu'"):
        runs_on("rms_norm", "tpu")


# --- torch.compile -------------------------------------------------------------------------------------------------


def model(x, weight, residual):
    """Every kind of op: functional, column-major, several results, in place on fresh buffers."""
    ops = torch.ops.patdsl
    y = ops.rms_norm(torch.relu(x), weight, 1e-6)
    columns = ops.group_quant(y, G, True)
    padded = ops.group_quant(y * 2, G, True, False, True)
    total, kept = ops.fused_add_rms_norm(x * 2, residual, weight, 1e-6)
    tokens = ops.rms_norm_token_quant(total, weight, 1e-6, torch.int8)
    keep = ops.add_rms_norm_group_quant_keep(x + 1, kept, weight, 1e-6, G)
    half = x.new_empty((*x.shape[:-1], H // 2))
    ops.silu_and_mul_out(half, x + 1)
    q, scale = x.new_empty(x.shape, dtype=FP8), x.new_empty((*x.shape[:-1], H // G), dtype=torch.float32)
    ops.rms_norm_group_quant_out(q, x + 1, weight, scale, 1e-6, G)
    norm, added = x * 3, residual + 1
    ops.fused_add_rms_norm_(norm, added, weight, 1e-6)
    return *columns, *padded, *tokens, *keep, half + 1, q, scale * 2, norm, added


MODES = {
    "inference_mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "grad": contextlib.nullcontext,
    "grad, trained weight": contextlib.nullcontext,
}


@pytest.mark.parametrize("dynamic", [False, True])
@pytest.mark.parametrize("mode", MODES)
def test_compiles_with_inductor(dynamic, mode):
    torch._dynamo.reset()
    compiled = torch.compile(model, fullgraph=True, dynamic=dynamic)
    weight = torch.nn.Parameter(WEIGHT.bfloat16(), requires_grad=mode == "grad, trained weight")
    for count in (7, 12):
        x, residual = rows(count), rows(count)
        with MODES[mode]():
            expected, found = model(x, weight, residual), compiled(x, weight, residual)
        assert layout(found) == layout(expected)
        for one, other in zip(found, expected, strict=True):
            assert torch.equal(one.float(), other.float())
            assert not one.requires_grad


def test_compiles_for_each_target():
    """The fp8 dtype of the target reaches the compiled graph."""
    x = rows(5)
    for target, dtype in (("gfx942", torch.float8_e4m3fnuz), ("gfx950", FP8)):
        torch._dynamo.reset()
        with use_target(target):
            q, scale = torch.compile(lambda x: torch.ops.patdsl.group_quant(x + 0, G), fullgraph=True)(x)
            expected = torch.ops.patdsl.group_quant(x, G)
        assert q.dtype == dtype
        assert torch.equal(q.float(), expected[0].float())
        assert torch.equal(scale, expected[1])
