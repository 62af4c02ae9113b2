"""Graphs that are nearly what a pattern asks for stay as they are, every op of them."""

from __future__ import annotations

import operator

import pytest
import torch
from fusing import (
    OPS,
    assert_fuses,
    assert_left_alone,
    assert_same,
    bf16,
    compiled,
    count,
    library,
    passes_of,
)
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.passes.fake_tensor_prop import FakeTensorProp

H = 256
EPSILON = 1e-6
LIBRARY = "rms_norm_quant"
INPUTS = bf16(4, H), bf16(H, seed=1)
OTHER = bf16(4, H, seed=2)

# Patterns that redefine nothing but the quantised values: the norm has to go.
NO_KEEP = """
pattern norm { rms_norm -> view? -> 1..x group_quant => rms_norm_group_quant }
pattern add_norm { fused_add_rms_norm -> view? -> 1..x group_quant => add_rms_norm_group_quant }
pass p { norm, add_norm }
"""
NEAR_MISSES = {}
READ_TWICE = {}


def near_miss(why, **has):
    """Registers a model that has these ops and must not be fused by the library's norm and quant patterns.

    `why` is part of the reason that the report gives; "" where nothing is near enough for one.
    """

    def register(model):
        NEAR_MISSES[model.__name__] = (model, why, has)
        return model

    return register


def read_twice(why, into, **has):
    """The same for a norm that something else reads too, left alone without `keep` patterns. The library has these:
    it makes `into` of it."""

    def register(model):
        READ_TWICE[model.__name__] = (model, why, into, has)
        return model

    return register


@near_miss("0 alike of 'group_quant'", rms_norm=1, group_quant=1, neg=1)
def op_between(x, weight):
    return OPS.group_quant(-OPS.rms_norm(x, weight, EPSILON), 128)


@read_twice(
    "read by 'neg'",
    {"rms_norm_group_quant_keep": 1, "group_quant": 1, "neg": 1},
    rms_norm=1,
    group_quant=2,
    neg=1,
)
def op_between_on_one_branch(x, weight):
    y = OPS.rms_norm(x, weight, EPSILON)
    return OPS.group_quant(y, 128), OPS.group_quant(-y, 128)


@near_miss("0 alike of 'group_quant'", rms_norm=1, group_quant=1)
def dtype_changed_between(x, weight):
    return OPS.group_quant(OPS.rms_norm(x, weight, EPSILON).float(), 128)


@near_miss("0 alike of 'group_quant'", rms_norm=1, group_quant=1, permute=1)
def last_dim_changed_between(x, weight):
    return OPS.group_quant(OPS.rms_norm(x[:, :128], weight[:128], EPSILON).t().contiguous().view(128, 4), 4)


@near_miss("0 alike of 'group_quant'", rms_norm=1, group_quant=1)
def rows_split_between(x, weight):
    return OPS.group_quant(OPS.rms_norm(x, weight, EPSILON).view(8, 128), 64)


@near_miss("0 alike of 'group_quant'", rms_norm=1, group_quant=1, slice=1)
def part_of_the_rows(x, weight):
    return OPS.group_quant(OPS.rms_norm(x, weight, EPSILON)[:2], 128)


@near_miss("does not hold (group_size = 256", rms_norm=1, group_quant=1)
def group_size_that_no_kernel_has(x, weight):
    return OPS.group_quant(OPS.rms_norm(x, weight, EPSILON), 256)


@read_twice(
    "read by 'group_quant_1'", {"rms_norm_group_quant_keep": 1, "group_quant": 1}, rms_norm=1, group_quant=2
)
def unequal_group_sizes(x, weight):
    y = OPS.rms_norm(x, weight, EPSILON)
    return OPS.group_quant(y, 128), OPS.group_quant(y, 64)


@read_twice("read by 'group_quant_1'", {"rms_norm_group_quant_layouts": 1}, rms_norm=1, group_quant=2)
def unequal_layouts_of_scales(x, weight):
    y = OPS.rms_norm(x, weight, EPSILON)
    return OPS.group_quant(y, 128), OPS.group_quant(y, 128, True)


@read_twice("returned from the graph", {"rms_norm_group_quant_keep": 1}, rms_norm=1, group_quant=2)
def norm_is_a_result(x, weight):
    y = OPS.rms_norm(x, weight, EPSILON)
    return OPS.group_quant(y, 128), OPS.group_quant(y, 128), y


@read_twice("returned from the graph", {"rms_norm_group_quant_keep": 1, "view": 1}, rms_norm=1, group_quant=2)
def view_of_the_norm_is_a_result(x, weight):
    y = OPS.rms_norm(x, weight, EPSILON)
    return OPS.group_quant(y, 128), OPS.group_quant(y, 128), y.view(2, 2, H)


@read_twice("read by 'neg'", {"rms_norm_group_quant_keep": 1, "neg": 1}, rms_norm=1, group_quant=1, neg=1)
def one_quant_and_another_user(x, weight):
    y = OPS.rms_norm(x, weight, EPSILON)
    return OPS.group_quant(y, 128), -y


@read_twice(
    "read by 'token_quant'",
    {"rms_norm_group_quant_keep": 1, "token_quant": 1},
    rms_norm=1,
    group_quant=1,
    token_quant=1,
)
def quants_of_two_kinds(x, weight):
    y = OPS.rms_norm(x, weight, EPSILON)
    return OPS.group_quant(y, 128), OPS.token_quant(y, torch.float8_e4m3fn)


@read_twice(
    "read by 'neg'",
    {"add_rms_norm_group_quant_keep": 1, "neg": 1},
    fused_add_rms_norm=1,
    group_quant=1,
    neg=1,
)
def fused_add_with_another_user(x, weight):
    y, residual = OPS.fused_add_rms_norm(x, x, weight, EPSILON)
    return OPS.group_quant(y, 128), -y, residual


@near_miss("0 alike of 'group_quant'", fused_add_rms_norm=1, group_quant=1)
def quant_of_the_sum(x, weight):
    y, residual = OPS.fused_add_rms_norm(x, x, weight, EPSILON)
    return OPS.group_quant(residual, 128), y


@near_miss("", rms_norm=1)
def no_quant(x, weight):
    return OPS.rms_norm(x, weight, EPSILON)


@pytest.mark.parametrize("name", NEAR_MISSES)
def test_near_miss(name):
    model, why, has = NEAR_MISSES[name]
    passes = library(LIBRARY)
    assert_left_alone(model, *INPUTS, passes=passes, has=has)
    refusals = [refusal.reason for refusal in passes.report().passes[0].refusals]
    assert any(why in reason for reason in refusals) if why else not refusals


@pytest.mark.parametrize("name", READ_TWICE)
def test_a_norm_read_twice(name, tmp_path):
    model, why, into, has = READ_TWICE[name]
    passes = passes_of(tmp_path, NO_KEEP)
    assert_left_alone(model, *INPUTS, passes=passes, has=has)
    assert any(why in refusal.reason for refusal in passes.report().passes[0].refusals)
    assert_fuses(model, *INPUTS, passes=library(LIBRARY), after=into)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["op_between", "group_size_that_no_kernel_has"])
def test_near_miss_in_inductor(name):
    model, _, has = NEAR_MISSES[name]
    assert_left_alone(model, *INPUTS, passes=library(LIBRARY), has=has, inductor=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["norm_is_a_result", "one_quant_and_another_user"])
def test_a_norm_read_twice_in_inductor(name, tmp_path):
    model, _, into, has = READ_TWICE[name]
    assert_left_alone(model, *INPUTS, passes=passes_of(tmp_path, NO_KEEP), has=has, inductor=True)
    assert_fuses(model, *INPUTS, passes=library(LIBRARY), after=into, inductor=True)


@pytest.mark.parametrize(
    ("dtype", "weight_dtype"),
    [(torch.float32, torch.float32), (torch.bfloat16, torch.float16), (torch.float16, torch.bfloat16)],
    ids=str,
)
def test_dtypes_that_are_excluded(dtype, weight_dtype):
    """By `T in {bf16, f16}`, and by the fused op's weight having the dtype of x, or f32."""
    x, weight = INPUTS[0].to(dtype), INPUTS[1].to(weight_dtype)
    passes = library(LIBRARY)

    def model(x, weight):
        return OPS.group_quant(OPS.rms_norm(x, weight, EPSILON), 128)

    assert_left_alone(model, x, weight, passes=passes, has={"rms_norm": 1, "group_quant": 1})
    half = x.to(torch.float16), weight.to(torch.float16)
    assert_fuses(model, *half, passes=passes, after={"rms_norm_group_quant": 1})


def two(x, weight, n=2, group=128):
    y = OPS.rms_norm(x, weight, EPSILON)
    return [OPS.group_quant(y, group) for _ in range(n)]


EXACTLY_TWO = (
    "pattern two { rms_norm -> view? -> 2x group_quant => 2x rms_norm_group_quant }\npass two { two }\n"
)


@pytest.mark.parametrize(
    ("n", "inductor"),
    [(1, False), (3, False), (4, False), (7, False), pytest.param(3, True, marks=pytest.mark.slow)],
)
def test_another_number_of_consumers_is_never_partly_fused(n, inductor, tmp_path):
    passes = passes_of(tmp_path, EXACTLY_TWO)
    has = {"rms_norm": 1, "group_quant": n}
    assert_left_alone(lambda x, w: two(x, w, n), *INPUTS, passes=passes, has=has, inductor=inductor)
    assert_fuses(two, *INPUTS, passes=passes, after={"rms_norm_group_quant": 2})


def test_two_consumers_and_another_user_are_never_partly_fused(tmp_path):
    def model(x, weight):
        y = OPS.rms_norm(x, weight, EPSILON)
        return OPS.group_quant(y, 128), OPS.group_quant(y, 128), -y

    has = {"rms_norm": 1, "group_quant": 2, "neg": 1}
    assert_left_alone(model, *INPUTS, passes=passes_of(tmp_path, EXACTLY_TWO), has=has)


def test_a_range_of_consumers(tmp_path):
    text = "pattern p { rms_norm -> 2..3x group_quant => rms_norm_group_quant }\npass p { p }\n"
    passes = passes_of(tmp_path, text)
    for n in (1, 4):
        has = {"rms_norm": 1, "group_quant": n}
        assert_left_alone(lambda x, w, n=n: two(x, w, n), *INPUTS, passes=passes, has=has)
    for n in (2, 3):
        after = {"rms_norm_group_quant": 1}
        assert_fuses(lambda x, w, n=n: two(x, w, n), *INPUTS, passes=passes, after=after)


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [("group_size=128", {128}), ("group_size in {64, 128}", {64, 128})],
    ids=["one", "a set"],
)
def test_another_group_size_than_asked_for(asked, allowed, tmp_path):
    passes = passes_of(
        tmp_path,
        f"pattern p {{ rms_norm -> group_quant({asked}) => rms_norm_group_quant }}\npass p {{ p }}\n",
    )
    for size in (32, 64, 128):
        if size in allowed:
            assert_fuses(
                lambda x, w, size=size: two(x, w, 1, size),
                *INPUTS,
                passes=passes,
                after={"rms_norm_group_quant": 1},
            )
        else:
            has = {"rms_norm": 1, "group_quant": 1}
            assert_left_alone(lambda x, w, size=size: two(x, w, 1, size), *INPUTS, passes=passes, has=has)


def test_where_excludes(tmp_path):
    text = "pattern p(x: T[M, H]) {\n  y    = rms_norm(x, w, e)\n  q, s = group_quant(y, g)\n=>\n"
    text += "  q, s = rms_norm_group_quant(x, w, e, g)\n  where T == f16 and H >= 256\n}\npass p { p }\n"
    passes = passes_of(tmp_path, text)
    has = {"rms_norm": 1, "group_quant": 1}
    half = [each.to(torch.float16) for each in INPUTS]
    narrow = [each[..., :128].contiguous() for each in half]
    for inputs in (INPUTS, narrow):
        assert_left_alone(lambda x, w: two(x, w, 1, 64), *inputs, passes=passes, has=has)
    assert_fuses(lambda x, w: two(x, w, 1, 64), *half, passes=passes, after={"rms_norm_group_quant": 1})


def norm_also_read(x, weight):
    y = OPS.rms_norm(x, weight, EPSILON)
    return OPS.group_quant(y, 128), y


def test_a_norm_that_the_right_side_makes_too(tmp_path):
    """The same graph as `norm_is_a_result`, and a pattern that provides for it: the norm is a replaced value."""
    text = "pattern p {\n  y    = rms_norm(x, w, e)\n  q, s = group_quant(y, g)\n=>\n"
    text += "  q, s, y = rms_norm_group_quant_keep(x, w, e, g)\n}\npass p { p }\n"
    passes = passes_of(tmp_path, text)
    assert_fuses(norm_also_read, *INPUTS, passes=passes, after={"rms_norm_group_quant_keep": 1})


def test_keep(tmp_path):
    """`keep y`: the norm stays for its other reader, and the quant reads the fused op."""
    text = "pattern p {\n  y    = rms_norm(x, w, e)\n  q, s = group_quant(y, g)\n=>\n"
    text += "  q, s = rms_norm_group_quant(x, w, e, g)\n  keep y\n}\npass p { p }\n"
    after = {"rms_norm": 1, "rms_norm_group_quant": 1}
    assert_fuses(norm_also_read, *INPUTS, passes=passes_of(tmp_path, text), after=after)


# Mutations. What torch.compile hands to a pass is functional but for the last copies, so other graphs are made by hand.


def test_a_functional_mutation_of_the_input_is_no_obstacle():
    """x is written to after the norm has read it; in the graph that is another value."""

    def model(x, weight):
        y = OPS.rms_norm(x, weight, EPSILON)
        x.mul_(2)
        return OPS.group_quant(y, 128)

    x, other = INPUTS[0].clone(), INPUTS[0].clone()
    made = compiled(model, x, INPUTS[1], passes=library(LIBRARY))
    assert made.matches == {"rms_norm_group_quant": 1}
    assert_same(made.results, model(other, INPUTS[1]))
    assert torch.equal(x, other)


def test_a_mutation_of_the_norm_is_an_op_between():
    def model(x, weight):
        y = OPS.rms_norm(x, weight, EPSILON)
        y.mul_(2)
        return OPS.group_quant(y, 128)

    assert_left_alone(
        model, *INPUTS, passes=library(LIBRARY), has={"rms_norm": 1, "group_quant": 1, "mul": 1}
    )


def run_by_hand(build, passes):
    """Traces nothing: `build(graph, nodes)` adds nodes after the inputs x, weight and other, and returns the results.

    Returns the op counts before and after the passes; the results are compared.
    """
    graph = torch.fx.Graph()
    nodes = {name: graph.placeholder(name) for name in ("x", "weight", "other")}
    graph.output(tuple(build(graph, nodes)))
    module = torch.fx.GraphModule({}, graph)
    inputs = (*INPUTS, OTHER)
    with FakeTensorMode() as mode:
        FakeTensorProp(module, mode).propagate_dont_convert_inputs(*map(mode.from_tensor, inputs))
    before = count(graph)
    expected = module(*[each.clone() for each in inputs])
    passes(graph)
    graph.lint()
    module.recompile()
    assert_same(module(*[each.clone() for each in inputs]), expected)
    return before, count(graph)


@pytest.mark.parametrize("what", ["y", "view"])
def test_a_write_to_the_norm_or_an_alias_of_it(what):
    def build(graph, nodes):
        nodes["y"] = graph.call_function(OPS.rms_norm.default, (nodes["x"], nodes["weight"], EPSILON))
        nodes["view"] = graph.call_function(torch.ops.aten.view.default, (nodes["y"], [2, 2, H]))
        graph.call_function(torch.ops.aten.add_.Tensor, (nodes[what], 1))
        quant = graph.call_function(OPS.group_quant.default, (nodes["y"], 128))
        return [graph.call_function(operator.getitem, (quant, at)) for at in (0, 1)]

    before, after = run_by_hand(build, library(LIBRARY))
    assert after == before


@pytest.mark.parametrize("what", ["x", "weight", "other"])
def test_a_write_to_an_input_comes_after_the_fused_op(what):
    """The fused op can stand where the norm stood, before the write."""

    def build(graph, nodes):
        y = graph.call_function(OPS.rms_norm.default, (nodes["x"], nodes["weight"], EPSILON))
        graph.call_function(torch.ops.aten.add_.Tensor, (nodes[what], 1))
        quant = graph.call_function(OPS.group_quant.default, (y, 128))
        return [graph.call_function(operator.getitem, (quant, at)) for at in (0, 1)]

    _, after = run_by_hand(build, library(LIBRARY))
    assert after == {"add_": 1, "rms_norm_group_quant": 1}


STATIC = "pattern p { rms_norm -> static_quant => rms_norm_static_quant }\npass p { p }\n"


@pytest.mark.parametrize(("what", "fuses"), [("x", False), ("weight", False), ("other", True)])
def test_a_write_between_that_cannot_be_avoided(what, fuses, tmp_path):
    """The scale is known only after the write, so the fused op would read what has been written."""

    def build(graph, nodes):
        y = graph.call_function(OPS.rms_norm.default, (nodes["x"], nodes["weight"], EPSILON))
        written = graph.call_function(torch.ops.aten.add_.Tensor, (nodes[what], 1))
        scale = graph.call_function(torch.ops.aten.amax.default, (written,))
        scale = graph.call_function(torch.ops.aten._to_copy.default, (scale,), {"dtype": torch.float32})
        return [graph.call_function(OPS.static_quant.default, (y, scale))]

    before, after = run_by_hand(build, passes_of(tmp_path, STATIC))
    assert before["static_quant"] == before["rms_norm"] == 1
    if fuses:
        assert after == {"add_": 1, "amax": 1, "_to_copy": 1, "rms_norm_static_quant": 1}
    else:
        assert after == before
