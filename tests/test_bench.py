"""`patdsl bench`: sizes, both sides, bytes, verdicts, and what is printed. Times are only looked at for being there."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

import pytest
import torch

from patdsl import pipeline
from patdsl.bench import plot, report
from patdsl.bench.in_place import NotInPlaceError, put_in_place
from patdsl.bench.measure import INDUCTOR, LEFT, RIGHT, Line
from patdsl.bench.sides import NoSidesError, moved_bytes, sides
from patdsl.bench.sizes import Size
from patdsl.cli import main
from patdsl.locate import library_folder
from patdsl.runtime import torch_api
from patdsl.selftest.files import FileTests

OPS = """
import vllm_ir
import aiter
"""
ONE = OPS + "pattern p { rms_norm -> view? -> group_quant => rms_norm_group_quant }\n"
#: The fused op gives something else than its parts.
WRONG_PATTERN = """
op minus_two(x: T[*B]) -> (y: T[*B])
  = bench_missing::gone
  ref operator:neg

pattern p { relu -> neg => minus_two }
"""
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")


@pytest.fixture
def write(tmp_path):
    def to_file(text, name="own.pat"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return to_file


def all_sides(path, size, words=""):
    """Both sides of each pattern of a file, by name."""
    (compiled,) = pipeline.run([path], stop_after="plan")
    with FileTests(compiled, "cpu") as tests:
        return {
            tester.declared.full_name: sides(tester, size)
            for tester in tests.testers()
            if words in tester.declared.full_name
        }


# sizes


@pytest.mark.parametrize("name", ["silu_mul_quant", "mla_dual_rms_norm", "add_rms_norm_pad"])
def test_rows_and_hidden_are_those_of_the_inputs(name):
    for found in all_sides(library_folder() / f"{name}.pat", Size(24, 512)).values():
        (_, first), *_ = found.types
        assert first.dims[0] == 24
        assert first.dims[1] % 512 in (0, 64)  # latents have their turned part beside them
        assert found.differs is None


def test_heads_and_latents_have_the_sizes_of_models():
    found = all_sides(library_folder() / "rope_kv_cache.pat", Size(4, 1024))
    shapes = {name: dict(one.shapes()) for name, one in found.items()}
    assert shapes["rope_kv_cache"]["q"] == "bf16[4, 1024]"
    assert shapes["rope_kv_cache"]["key_cache"] == "bf16[4, 8, 8, 128]"
    assert shapes["mla_rope_kv_cache"]["q_pe"] == "bf16[4, 4, 64]"
    assert shapes["mla_rope_kv_cache"]["kv_cache"] == "bf16[4, 1, 576]"
    assert shapes["mla_rope_cat_kv_cache"]["q_nope"] == "bf16[4, 4, 512]"


def test_rows_are_not_multiplied_where_a_pattern_wants_more_dims():
    found = all_sides(library_folder() / "vllm/add_rms_fusion.pat", Size(24, 512), "rms_reshape")
    assert {one.shapes()["x"] for one in found.values()} == {"bf16[24, 1, 512]"}


def test_what_is_given_is_taken(write):
    (found,) = all_sides(write(ONE), Size(4, 512, {"group_size": 64})).values()
    scales = found.left(*found.inputs)[1]
    assert scales.shape == (4, 8)


def test_a_size_that_does_not_fit_says_why(write):
    with pytest.raises(NoSidesError, match="not a multiple of group_size 128"):
        all_sides(write(ONE), Size(4, 500, {"group_size": 128}))


# bytes


def test_bytes_of_what_is_only_read_and_of_results(write):
    (found,) = all_sides(write(ONE), Size(4, 512)).values()
    assert found.bytes == 4 * 512 * 2 + 512 * 2 + 4 * 512 + 4 * 4 * 4


def test_a_cache_counts_as_far_as_it_is_touched():
    found = all_sides(library_folder() / "rope_kv_cache.pat", Size(4, 1024), "mla_rope_cat")
    (one,) = found.values()
    read = 4 * 4 * 64 + 4 * 64 + 4 * 64 + 4 * 512 + 4 * 4 * 512  # q_pe, k_pe, cos_sin, kv_c, q_nope
    written = 4 * 4 * 576 + 4 * 64 + 4 * 576  # q, k, the rows of the cache
    assert one.bytes == 2 * (read + written) + 2 * 4 * 8 + 4  # positions, slots, a scale


def test_what_is_read_and_written_in_place_counts_twice():
    def both(x, total, out):
        total.add_(x)
        out[0].copy_(x)
        return (total, out)

    inputs = [torch.randn(8), torch.randn(8), torch.zeros(2, 8)]
    assert moved_bytes(both, inputs, [True, True, True]) == 4 * (8 + 2 * 8 + 8)


def test_an_input_that_nothing_reads_does_not_count():
    assert moved_bytes(lambda x, other: (x + 1,), [torch.ones(4), torch.ones(64)], [True, False]) == 4 * 8


# functional forms


def functional(form, later_read=False, **changed):
    """The graph of one op that writes `out`, in a functional form."""
    op = torch.ops.patdsl.silu_and_mul_out.default
    graph = torch_api.Graph()
    x, out = graph.placeholder("x"), graph.placeholder("out")
    if form == 1:
        node = graph.call_function(torch_api.auto_functionalized, (op,), {"out": out, "x": x})
    else:
        kwargs = {"x": x, "_out_base_index": 0, "_all_bases": [out], **changed}
        node = graph.call_function(torch_api.auto_functionalized_v2, (op,), kwargs)
    written = graph.call_function(torch_api.getitem, (node, 1))
    read = graph.call_function(torch.ops.aten.neg.default, (out,)) if later_read else x
    graph.output((written, read))
    return graph


@pytest.mark.parametrize("later_read", [False, True])
@pytest.mark.parametrize("form", [1, 2])
def test_an_op_writes_where_it_wrote(form, later_read):
    x, out = torch.randn(4, 16).bfloat16(), torch.randn(4, 8).bfloat16()
    graph = functional(form, later_read)
    run = torch_api.GraphModule(torch.nn.Module(), graph)
    expected = run(x, out.clone())
    put_in_place(graph)
    run = torch_api.GraphModule(torch.nn.Module(), graph)
    mine = out.clone()
    found = run(x, mine)
    assert not any(node.target in torch_api.FUNCTIONALIZED for node in graph.nodes)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)
    assert (found[0].data_ptr() == mine.data_ptr()) is not later_read


def test_a_part_of_a_base_is_not_put_back():
    graph = functional(2, _out_slice_dim=0, _out_slice_start=0, _out_slice_end=2)
    with pytest.raises(NotInPlaceError, match="a part of out"):
        put_in_place(graph)


# verdicts and what is printed


@pytest.mark.parametrize(
    ("times", "more", "verdict"),
    [
        ({LEFT: 30.0, INDUCTOR: 20.0, RIGHT: 10.0}, {}, "pays"),
        ({LEFT: 30.0, INDUCTOR: 9.0, RIGHT: 10.0}, {}, "does not pay"),
        ({LEFT: 30.0, INDUCTOR: 10.2, RIGHT: 10.0}, {}, "even"),
        ({LEFT: 30.0, RIGHT: 10.0}, {}, "pays"),
        ({LEFT: 30.0, INDUCTOR: 20.0}, {}, "unknown"),
        ({RIGHT: 10.0}, {}, "unknown"),
        ({}, {}, "unknown"),
        ({LEFT: 30.0, RIGHT: 10.0}, {"not_kernels": "it runs plain torch"}, "unknown"),
        ({LEFT: 30.0, RIGHT: 10.0}, {"differs": "`y`: 1 of 2"}, "wrong"),
    ],
)
def test_verdict(times, more, verdict):
    assert Line("p", 1, 4096, times=times, **more).verdict == verdict


LINES = [
    Line("p$x", 1, 4096, {"x": "bf16[1, 4096]"}, 20_000, {LEFT: 9.0, INDUCTOR: 4.0, RIGHT: 2.0}),
    Line(
        "p$x", 64, 4096, {"x": "bf16[64, 4096]"}, 40_000, {LEFT: 9.0, RIGHT: 4.0}, {INDUCTOR: "<b>\x1b[31m"}
    ),
]


def test_rate_and_ratios():
    first, second = LINES
    assert first.rate == pytest.approx(10.0)
    assert first.ratio(LEFT) == pytest.approx(4.5)
    assert second.ratio(INDUCTOR) is None
    assert report.to_json(first)["verdict"] == "pays"


def test_notes_say_what_is_missing_and_escape_it():
    told = report.notes(LINES)
    assert told[0] == "inputs at 64 x 4,096: x bf16[64, 4096]"
    assert told[1] == r"no inductor: <b>\x1b[31m (64 x 4,096)"


def test_the_plot_has_both_series_and_is_the_same_each_time():
    pytest.importorskip("matplotlib")
    picture = plot.svg(LINES, "a machine")
    ET.fromstring(picture.split("?>", 1)[1].split(">", 1)[1])  # noqa: S314  # of our own making
    assert "left / right" in picture
    assert "Inductor / right" in picture
    assert "p$x, 4096" in picture
    assert plot.svg(LINES, "a machine") == picture


# the command


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_nothing_is_timed_unless_asked(write, capsys):
    assert main(["bench", str(write(ONE))]) == 1
    told = capsys.readouterr()
    assert "torch sees no GPU" in told.err
    assert "--device cpu" in told.err
    assert not told.out


def test_on_a_cpu_it_times_and_gives_no_verdict(write, capsys, tmp_path):
    picture = tmp_path / "picture.svg"
    sizes = ["--rows", "2,8", "--hidden", "512", "--no-inductor", "--svg", str(picture)]
    assert main(["bench", str(write(ONE)), "--device", "cpu", "--json", *sizes]) == 0
    document = json.loads(capsys.readouterr().out)
    assert "says nothing of a GPU" in document["machine"]
    assert [(line["rows"], line["hidden"]) for line in document["lines"]] == [(2, 512), (8, 512)]
    for line in document["lines"]:
        assert line["left_us"] > 0
        assert line["right_us"] > 0
        assert line["inductor_us"] is None
        assert line["verdict"] == "unknown"
        assert "rms_norm_group_quant.default runs plain torch" in line["not_kernels"]
    assert picture.read_text().lstrip().startswith("<?xml")


def test_a_cpu_gives_no_verdict_where_no_op_is_plain_torch_alone(capsys):
    path = str(library_folder() / "vllm/add_rms_fusion.pat")
    sizes = ["-k", "rms_reshape", "--rows", "2", "--hidden", "256", "--no-inductor", "--json"]
    assert main(["bench", path, "--device", "cpu", *sizes]) == 0
    lines = json.loads(capsys.readouterr().out)["lines"]
    assert [line["pattern"] for line in lines] == ["rms_reshape", "add_rms_reshape"]
    assert {(line["verdict"], line["not_kernels"]) for line in lines} == {("unknown", "it ran on a CPU")}


def test_a_size_that_does_not_fit_is_told(write, capsys):
    sizes = ["--rows", "2", "--hidden", "250", "--no-inductor"]
    assert main(["bench", str(write(ONE)), "--device", "cpu", *sizes]) == 0
    assert "  not timed: its types and conditions allow no such size (2 x 250)" in capsys.readouterr().out


def test_the_table_names_the_place(write, capsys):
    path = write(ONE)
    assert (
        main(["bench", str(path), "--device", "cpu", "--rows", "2", "--hidden", "512", "--no-inductor"]) == 0
    )
    out = capsys.readouterr().out
    assert f"{path}:4: p" in out
    assert "does not" not in out
    assert "1 size in" in out


@pytest.mark.slow
def test_inductor_is_timed(write, capsys):
    sizes = ["--rows", "4", "--hidden", "512", "--json"]
    assert main(["bench", str(write(ONE)), "--device", "cpu", *sizes]) == 0
    (line,) = json.loads(capsys.readouterr().out)["lines"]
    assert line["inductor_us"] > 0, line["reasons"]


def test_sides_that_differ_are_told(write, capsys):
    path = write(WRONG_PATTERN)
    assert (
        main(["bench", str(path), "--device", "cpu", "--rows", "4", "--hidden", "64", "--no-inductor"]) == 1
    )
    out = capsys.readouterr().out
    assert "wrong" in out
    assert "the sides differ" in out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--rows", "1,x"], "'1,x' is not a list of sizes"),
        (["--hidden", "0"], "'0' is not a list of sizes"),
        (["--set", "group_size"], "'group_size' is not NAME=VALUE"),
    ],
)
def test_options_that_mean_nothing(write, capsys, options, told):
    assert main(["bench", str(write(ONE)), "--device", "cpu", *options]) == 2
    assert told in capsys.readouterr().err


def test_a_missing_matplotlib_is_told_before_anything_is_timed(write, capsys, monkeypatch):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "matplotlib" else find(name, *more)
    )
    assert main(["bench", str(write(ONE)), "--device", "cpu", "--svg", "out.svg"]) == 1
    told = capsys.readouterr()
    assert "pip install 'patdsl[bench]'" in told.err
    assert not told.out


@gpu
@pytest.mark.gpu
def test_on_a_gpu_all_are_timed(write, capsys):
    assert main(["bench", str(write(ONE)), "--rows", "1,1024", "--hidden", "4096", "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)["lines"]
    assert len(lines) == 2
    for line in lines:
        assert not line["reasons"]
        assert line["not_kernels"] is None
        assert min(line["left_us"], line["inductor_us"], line["right_us"]) > 0


@gpu
@pytest.mark.gpu
def test_on_a_gpu_caches_are_timed(capsys):
    path = str(library_folder() / "rope_kv_cache.pat")
    assert main(["bench", path, "--rows", "64", "--hidden", "4096", "--no-inductor", "--json"]) == 0
    for line in json.loads(capsys.readouterr().out)["lines"]:
        assert not line["reasons"], line
        assert min(line["left_us"], line["right_us"]) > 0
