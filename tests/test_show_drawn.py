"""`patdsl show --html` and `--svg`: what is drawn and where, and that nothing of a file becomes markup."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from patdsl import pipeline
from patdsl.cli import main
from patdsl.diagnostic import Diagnostics
from patdsl.draw.graph_to_picture import MOST_NODES, graph_pictures, without_others
from patdsl.draw.layout import GAP_X, place
from patdsl.draw.page import Section, html_page, svg_page
from patdsl.draw.pattern_to_picture import pattern_pictures
from patdsl.draw.picture import Arrow, Box, Picture
from patdsl.explain.printed import graphs_of
from patdsl.locate import library_folder
from patdsl.match.fx_schema import target_name
from patdsl.match.layout import ALWAYS_FREE, RESHAPES
from patdsl.runtime import torch_api
from patdsl.selftest.cases import Case
from patdsl.selftest.files import FileTests
from patdsl.selftest.tester import Prepared

LOG = Path(__file__).parent / "explain/logs/post_grad_static.log"
RMS_NORM_QUANT = library_folder() / "rms_norm_quant.pat"
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</title></text><script>alert(1)</script><img src=x onerror=alert(1)>&amp;\"'\x1b[31m\x00\u202e]]>"


def compiled(path):
    (outcome,) = pipeline.run([path], stop_after="plan")
    assert outcome.unit is not None
    return outcome.unit


def spec_of(name, path=RMS_NORM_QUANT):
    (spec,) = [found for each in compiled(path).passes if (found := without_others(each, name))]
    return spec


def read(path):
    diagnostics = Diagnostics()
    found = graphs_of(path, diagnostics)
    assert not diagnostics.items
    return found


def layers(count):
    """The text of a graph of so many layers, each with a norm and its quantisation far from the next."""
    typed = '"bf16[64, 4096][4096, 1]cuda:0"'
    lines = [f'def forward(self, x: {typed}, w: "bf16[4096][1]cuda:0"):']
    value = "x"
    for at in range(count):
        lines += [
            f"    norm_{at}: {typed} = torch.ops.patdsl.rms_norm.default({value}, w, 1e-06)",
            f"    quant_{at} = torch.ops.patdsl.group_quant.default(norm_{at}, 128)",
            f'    q_{at}: "f8e4m3fn[64, 4096][4096, 1]cuda:0" = quant_{at}[0]',
            f'    s_{at}: "f32[64, 32][32, 1]cuda:0" = quant_{at}[1]',
            f"    to_{at}: {typed} = torch.ops.aten._to_copy.default(q_{at}, dtype = torch.bfloat16)",
            f"    mul_{at}: {typed} = torch.ops.aten.mul.Tensor(to_{at}, s_{at})",
        ]
        value = f"mul_{at}"
        for name in ("neg", "exp", "sin", "cos"):
            lines.append(f"    {name}_{at}: {typed} = torch.ops.aten.{name}.default({value})")
            value = f"{name}_{at}"
    return "\n".join([*lines, f"    return ({value},)"])


def texts(root):
    return ["".join(each.itertext()) for each in root.iter(f"{SVG}text")]


# patterns


@pytest.mark.parametrize("path", sorted(library_folder().rglob("*.pat")), ids=lambda path: path.stem)
def test_every_pattern_can_be_drawn(path):
    unit = compiled(path)
    for pattern in unit.patterns:
        pictures = pattern_pictures(pattern, unit.table)
        root = ET.fromstring(svg_page([Section("pattern", "", pictures)]))  # noqa: S314  # of our own making
        left, right = pictures
        calls = [box.lines[0].split(" ")[-1] for box in left.boxes if box.kind in ("gone", "op")]
        assert calls == [step.op for step in pattern.left.steps if hasattr(step, "op")]
        outputs = {box.lines[0] for box in right.boxes if box.kind == "output"}
        assert outputs == {replace.left for replace in pattern.replaces}
        assert len(root.findall(f".//{SVG}title")) == len(left.boxes) + len(right.boxes)


def test_hover_tells_types_and_captures():
    unit = compiled(RMS_NORM_QUANT)
    (pattern,) = [each for each in unit.patterns if each.name == "rms_norm_group_quant"]
    left, right = pattern_pictures(pattern, unit.table)
    norm = next(box for box in left.boxes if box.lines[0] == "rms_norm")
    assert "x: T[*B, H]" in norm.hover
    assert "epsilon=epsilon" in norm.hover
    assert "epsilon" in norm.lines[1]
    quant = next(box for box in left.boxes if "group_quant" in box.lines[0])
    assert quant.lines[0] == "1..x group_quant"
    assert quant.repeated
    (view,) = [arrow for arrow in left.arrows if arrow.dashed]
    assert "view?" in view.label
    assert [box.kind for box in right.boxes].count("new") == 1


# graphs


def test_before_and_after_of_a_log():
    (graph,) = read(LOG)
    pictured = graph_pictures(graph, spec_of("rms_norm_group_quant"), "sm_90")
    assert pictured.matches == 1
    before = {box.lines[0]: box for box in pictured.before.boxes}
    assert len(before) == len(graph.nodes)
    gone = {name for name, box in before.items() if box.kind == "gone"}
    assert gone == {"rms_norm", "group_quant", "group_quant_1"}
    assert {before[name].match for name in gone} == {0}
    assert "bf16[4, 8, 256] on cpu" in before["rms_norm"].hover
    assert "model.py:8" in before["rms_norm"].hover
    after = {box.lines[0]: box for box in pictured.after.boxes}
    assert not gone & set(after)
    assert after["rms_norm_group_quant"].kind == "new"
    assert "f8e4m3fn" in after["rms_norm_group_quant"].hover
    assert {"mul", "scale__default", "output"} <= set(after)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("rms_norm_quant", "add_rms_norm_group_quant_keep"),
        ("silu_mul_quant", "silu_mul_mx_quant"),
        ("mla_dual_rms_norm", "mla_dual_rms_norm"),
        ("rope_kv_cache", "rope_kv_cache"),
        ("rope_kv_cache", "mla_rope_cat_kv_cache"),
    ],
)
def test_after_has_the_ops_that_the_rewrite_leaves(tmp_path, file, name):
    """The picture of a graph that torch prints, and the graph as the pass leaves it."""
    import patdsl.register_ops  # noqa: F401  # the ops

    path = library_folder() / f"{file}.pat"
    (outcome,) = pipeline.run([path], stop_after="plan")
    with FileTests(outcome, "cpu") as tests:
        tester = next(each for each in tests.testers() if each.declared.name == name)
        prepared = tester.search(Case("", "fires"))
        assert isinstance(prepared, Prepared), prepared
        module = torch_api.GraphModule(torch.nn.Module(), prepared.model.graph)
        text = module.print_readable(print_output=False, include_stride=True, include_device=True)
        rewritten = tester.rewritten(prepared)
    log = tmp_path / "graph.py"
    log.write_text(text)
    (printed,) = read(log)
    pictured = graph_pictures(printed, spec_of(name, path), "cpu")
    assert pictured.matches == 1
    counts = Counter(box.lines[1] for box in pictured.after.boxes if box.kind == "op")
    new = Counter(
        box.hover.split("called as ")[-1].split("\n")[0] for box in pictured.after.boxes if box.kind == "new"
    )
    left = Counter(_op(node) for node in rewritten.nodes if _op(node) is not None)
    mine = {f"{each}.default" if "." not in each else each for each in new if "::" in each}
    # The printed graph's matcher takes every binding to be there, so the new op may be another spelling.
    assert len(mine) == len([each for each in left if each.startswith("patdsl::") and each not in counts])
    assert {each: count for each, count in left.items() if not each.startswith("patdsl::")} == counts


def _op(node):
    """What a node calls, views and parts of results left out, as the pictures write it."""
    op = node.args[0] if node.target in torch_api.FUNCTIONALIZED else node.target
    if not isinstance(op, torch_api.OpOverload):
        return None
    name = target_name(op)
    free = ALWAYS_FREE | RESHAPES
    return None if name in free else name.removesuffix(".default")


def test_of_a_large_graph_what_is_near_matches_is_drawn(tmp_path):
    path = tmp_path / "graph.py"
    path.write_text(layers(30))
    (graph,) = read(path)
    assert len(graph.nodes) == 303
    pictured = graph_pictures(graph, spec_of("rms_norm_group_quant"), None)
    assert pictured.matches == 30
    assert 20 < len(pictured.before.boxes) <= MOST_NODES
    note = pictured.before.note
    left_out = int(re.search(r"(\d+) of 303 nodes are left out", note)[1])
    assert left_out == 303 - len(pictured.before.boxes)
    drawn = int(re.search(r"the first (\d+) are drawn", note)[1])
    assert [box.kind for box in pictured.before.boxes].count("gone") == 2 * drawn
    assert [box.kind for box in pictured.after.boxes].count("new") == drawn
    assert any("not drawn" in box.hover and box.lines[-1] == "..." for box in pictured.before.boxes)


def test_a_pattern_that_matches_nowhere_and_one_that_is_off(tmp_path, capsys):
    page = tmp_path / "page.html"
    (graph,) = read(LOG)
    spec = spec_of("rms_norm_mx_quant")
    pictured = graph_pictures(graph, spec, "sm_90")
    assert pictured.matches == 0
    assert not any(box.kind in ("gone", "new") for box in (*pictured.before.boxes, *pictured.after.boxes))
    assert len(pictured.after.boxes) == len(pictured.before.boxes)
    assert (
        main(["show", "rms_norm_mx_quant", "--html", str(page), "--graph", str(LOG), "--target", "sm_90"])
        == 0
    )
    assert "patdsl explain" in page.read_text()
    off = spec_of("ar_rms", library_folder() / "vllm/allreduce_rms_fusion.pat")
    assert graph_pictures(graph, off, "cpu").reasons


# files


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen = set()
        self.attributes = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}


ALLOWED = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "pre", "div"}
ALLOWED |= {"svg", "defs", "marker", "path", "g", "rect", "text"}


@given(st.text(max_size=30) | st.just(HOSTILE))
def test_no_text_becomes_markup(text):
    picture = Picture(
        text,
        [Box("a", "op", (text,), text), Box("b", "gone", (text, text), text, 0)],
        [Arrow("a", "b", text)],
        text,
    )
    sections = [Section(text, text, [picture])]
    root = ET.fromstring(svg_page(sections))  # noqa: S314  # of our own making
    assert {each.tag for each in root.iter()} <= {f"{SVG}{tag}" for tag in ALLOWED}
    tags = _Tags()
    tags.feed(html_page(text, sections))
    assert tags.seen <= ALLOWED
    assert not any(name.startswith("on") or name in ("href", "src") for name in tags.attributes)


def test_hostile_names_of_a_log_are_text(tmp_path):
    path = tmp_path / "graph.py"
    comment = "    # File: </title><script>alert(1)</script>:8 in f, code: <img src=x>\n"
    text = layers(1).replace("    norm_0", f"{comment}    norm_0", 1)
    path.write_text(text.replace("torch.ops.aten.neg.default", "torch.ops.demo.neg.default"))
    page, picture = tmp_path / "page.html", tmp_path / "picture.svg"
    files = ["--html", str(page), "--svg", str(picture), "--graph", str(path)]
    assert main(["show", "rms_norm_group_quant", str(RMS_NORM_QUANT), *files]) == 0
    assert "<script" not in page.read_text()
    assert "<img" not in page.read_text()
    root = ET.fromstring(picture.read_text())  # noqa: S314  # of our own making
    assert any("<script>alert(1)</script>" in (each.text or "") for each in root.iter(f"{SVG}title"))


def test_files_need_nothing_else_and_are_the_same_each_time(tmp_path, capsys):
    made = []
    for name in ("one", "two"):
        files = [tmp_path / f"{name}.html", tmp_path / f"{name}.svg"]
        assert (
            main(
                [
                    "show",
                    "rms_norm_group_quant",
                    "--html",
                    str(files[0]),
                    "--svg",
                    str(files[1]),
                    "--graph",
                    str(LOG),
                    "--target",
                    "sm_90",
                ]
            )
            == 0
        )
        made.append([file.read_text() for file in files])
    assert made[0] == made[1]
    page, picture = made[0]
    for text in made[0]:
        assert not re.search(r"(src|href)=|url\((?!#)|@import|<script", text)
    assert "rms_norm_group_quant" in texts(ET.fromstring(picture))  # noqa: S314  # of our own making
    assert "pattern rms_norm_group_quant {" in page.replace("&gt;", ">")
    assert "pattern rms_norm_group_quant" in capsys.readouterr().out  # the text is printed still


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--html", "out.html"], "give its name"),
        (["rms_norm", "--svg", "out.svg"], "rms_norm is an op"),
        (["rms_norm_group_quant", "--graph", str(LOG)], "--html or --svg"),
        (["rms_norm_group_quant", "--svg", "out.svg", "--graph", str(LOG), "--target", "tpu"], "tpu"),
        (["rms_norm_group_quants", "--svg", "out.svg"], "did you mean"),
    ],
)
def test_what_cannot_be_drawn(arguments, told, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["show", *arguments]) == 2
    assert told in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_a_log_without_a_graph_is_a_finding(tmp_path, capsys):
    path = tmp_path / "empty.log"
    path.write_text("nothing\n")
    page = tmp_path / "page.html"
    assert main(["show", "rms_norm_group_quant", "--html", str(page), "--graph", str(path)]) == 1
    assert "PAT601" in capsys.readouterr().err
    assert not page.exists()


# places


def pictures():
    """Pictures of any arrows that lead from earlier boxes to later ones."""
    return st.integers(1, 14).flatmap(
        lambda count: st.lists(
            st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(
                lambda ends: ends[0] < ends[1]
            ),
            max_size=30,
        ).map(
            lambda ends: Picture(
                "",
                [Box(str(at), "op", ("x" * (1 + at * 3 % 11),) * (1 + at % 3), "") for at in range(count)],
                [Arrow(str(one), str(other)) for one, other in ends],
            )
        )
    )


@given(pictures())
def test_boxes_do_not_meet_and_arrows_lead_down(picture):
    placed = place(picture)
    assert [each.box for each in placed.boxes] == list(picture.boxes)
    assert len(placed.arrows) == len(picture.arrows)
    for one, other in itertools.combinations(placed.boxes, 2):
        apart = one.x + one.width + GAP_X / 2 <= other.x or other.x + other.width + GAP_X / 2 <= one.x
        above = one.y + one.height < other.y or other.y + other.height < one.y
        assert apart or above
    for box in placed.boxes:
        assert 0 <= box.x <= placed.width - box.width + 1e-6
        assert 0 <= box.y <= placed.height - box.height + 1e-6
    for arrow in placed.arrows:
        heights = [y for _, y in arrow.points]
        assert heights == sorted(heights)
        assert heights[0] < heights[-1]
        for (x, y), box in itertools.product(arrow.points[1:-1], placed.boxes):
            assert not (box.x < x < box.x + box.width and box.y < y < box.y + box.height)


def test_crossings_that_need_not_be_are_not_there():
    ends = [("a", "3"), ("b", "2"), ("c", "1"), ("d", "0")]
    boxes = [Box(name, "op", (name,), "") for name in "abcd0123"]
    placed = place(Picture("", boxes, [Arrow(*each) for each in ends]))
    for one, other in itertools.combinations(placed.arrows, 2):
        assert (one.points[0][0] - other.points[0][0]) * (one.points[-1][0] - other.points[-1][0]) > 0


def test_a_circle_is_refused():
    boxes = [Box(name, "op", (name,), "") for name in "ab"]
    with pytest.raises(ValueError, match="circle"):
        place(Picture("", boxes, [Arrow("a", "b"), Arrow("b", "a")]))
