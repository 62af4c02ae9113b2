"""Logs and traces as torch writes them, and texts that nobody should trust."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from printed_cases import read_all

from patdsl.diagnostic import Diagnostics
from patdsl.match.found import TensorMeta
from patdsl.printed import log_to_texts, text_to_graph
from patdsl.printed.log_to_texts import read_graphs
from patdsl.printed.sizes import Size, known, read_size
from patdsl.printed.text_to_graph import read_graph

LOGS = Path(__file__).parent / "logs"


def codes(text: str | bytes, folder: Path) -> list[str]:
    """The codes of what is found in a text."""
    path = folder / "log.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
    diagnostics = Diagnostics()
    for each in read_graphs(path, diagnostics):
        read_graph(each, diagnostics)
    return [item.code for item in diagnostics.items]


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_a_log(kind: str) -> None:
    (graph,) = read_all(LOGS / f"post_grad_{kind}.log")
    nodes = {node.name: node for node in graph.nodes}
    assert graph.text.name == "post_grad_graphs 0/0"
    assert nodes["rms_norm"].target == "patdsl::rms_norm.default"
    assert nodes["rms_norm"].source.endswith("code: y = torch.ops.patdsl.rms_norm(x, w, 1e-6)")
    assert "rms_norm: " in graph.text.source.line_text(nodes["rms_norm"].line)
    meta = nodes["rms_norm"].held
    assert isinstance(meta, TensorMeta)
    assert isinstance(meta.dims[0], Size if kind == "dynamic" else int)
    assert meta.dims[1:] == (8, 256)
    assert next(user.name for user in nodes["arg1_1" if kind == "dynamic" else "arg0_1"].users) == "rms_norm"
    assert graph.nodes[-1].is_output


@pytest.mark.parametrize("kind", ["static", "dynamic"])
def test_a_trace(kind: str) -> None:
    (graph,) = read_all(LOGS / f"trace_{kind}")
    assert graph.text.kind == "before_post_grad_graph"
    assert [node.target for node in graph.nodes if node.functionalized] == ["demo::scale_.default"] * 2
    (after,) = read_all(LOGS / f"trace_{kind}", "inductor_post_grad_graph")
    assert not any(node.functionalized for node in after.nodes)


def test_several_graphs_of_two_processes(tmp_path: Path) -> None:
    def line(rank: int, process: int, graph: str, text: str) -> str:
        return (
            f"[rank{rank}]:V1123 04:27:26.7 {process} torch/x.py:1] [{graph}] [__post_grad_graphs] {text}\n"
        )

    def forward(scale: int) -> list[str]:
        return [
            "    def forward(self, a):",
            f"        b = torch.ops.aten.mul.Tensor(a, {scale})",
            "        return (b,)",
            "",
        ]

    first, second, third = forward(1), forward(2), forward(3)
    text = "".join(
        line(0, 7, "0/0", one) + line(1, 8, "0/0", two) for one, two in zip(first, second, strict=True)
    )
    text += "".join(line(0, 7, "1/0", each) for each in third)
    path = tmp_path / "log"
    path.write_text(text)
    graphs = list(read_all(path))
    assert sorted(graph.nodes[1].args[1] for graph in graphs) == [1, 2, 3]


HOSTILE = {
    "code": "def forward(self, x):\n    __import__('os').system('touch pwned')\n    return (x,)\n",
    "call": "def forward(self, x):\n    y = __import__('os').system('touch pwned')\n    return (y,)\n",
    "default": "def forward(self, x=open('pwned', 'w')):\n    return (x,)\n",
    "annotation": "def forward(self, x: open('pwned', 'w')):\n    y: exec('1') = x\n    return (y,)\n",
    "decorated": "@print\ndef forward(self, x):\n    return (x,)\n",
    "loop": "def forward(self, x):\n    while True: pass\n",
    "lambda": "def forward(self, x):\n    y = (lambda: 1)()\n    return (y,)\n",
    "fstring": "def forward(self, x):\n    y = f'{open(chr(112))}'\n    return (y,)\n",
    "walrus": "def forward(self, x):\n    y = torch.ops.aten.mul.Tensor(x, (z := 2))\n    return (y,)\n",
    "star": "def forward(self, *x, **y):\n    return (x,)\n",
    "twice": "def forward(self, x):\n    x = torch.ops.aten.neg.default(x)\n    return (x,)\n",
    "undefined": "def forward(self, x):\n    y = torch.ops.aten.neg.default(z)\n    return (y,)\n",
    "unfinished": "def forward(self, x):\n    y = torch.ops.aten.neg.default(x\n",
    "empty": "def forward(self):\n    pass\n",
    "brackets": f"def forward(self, x):\n    y = {'(' * 5000}x{')' * 5000}\n",
    "minus": f"def forward(self, x):\n    y = {'-' * 4000}x\n    return (y,)\n",
    "dots": f"def forward(self, x):\n    y = x{'.a' * 4000}\n    return (y,)\n",
    "sum": f"def forward(self, x):\n    y = {'+'.join('x' * 4000)}\n    return (y,)\n",
    "long": f"def forward(self, x):\n    y = {'-' * 100_000}x\n",
    "list": f"def forward(self, x):\n    y = torch.ops.aten.cat.default([{'x, ' * 100_000}])\n    return (y,)\n",
    "number": f"def forward(self, x):\n    y = torch.ops.aten.mul.Tensor(x, {'9' * 6000})\n    return (y,)\n",
    "size": 'def forward(self, x: "f32[s0**99999999][9**9**9]cpu"):\n    return (x,)\n',
    "sizes": f'def forward(self, x: "f32[{"(" * 400}s0{")" * 400}][1]cpu"):\n    return (x,)\n',
    "ranks": f'def forward(self, x: "f32[{"8, " * 50_000}]cpu"):\n    return (x,)\n',
    "nul": "def forward(self, x):\n    y = '\0'\n    return (x,)\n",
    "escapes": "def forward(self, x):\n    # File: \x1b[2J\u202e in f\n"
    "    y = torch.ops.aten.neg.default(x)\n    return (y,)\n",
    "functionalized": "def forward(self, x):\n    y = torch.ops.higher_order.auto_functionalized_v2("
    "torch.ops.a.b.default, _x_base_index = 9, _all_bases = [x])\n    return (y,)\n",
    "functionalized_wrong": "def forward(self, x):\n    y = torch.ops.higher_order.auto_functionalized_v2("
    "torch.ops.aten.add_.Tensor, _self_base_index = 'a', _self_slice_dim = 7, _all_bases = 3)\n    return (y,)\n",
    "itself": "def forward(self, x):\n    y = torch.ops.aten.add.Tensor(y, x)\n    return (y,)\n",
    "index": "def forward(self, x):\n    y = x[-99999999999999]\n    return (y[0],)\n",
    "header": 'V1123 04:27:26.7 1 a.py:1] {"artifact": {"name": ["before_post_grad_graph"]}, "frame_id": {}}\n'
    "\tdef forward(self):\n",
    "deep_header": f"V1123 04:27:26.7 1 a.py:1] {'[' * 100_000}\n",
    "json": f'V1123 04:27:26.7 1 a.py:1] {{"a": {"[" * 100_000}\n\tdef forward(self): pass\n',
    "no_graph": "nothing here\n",
    "nothing": "",
    "bytes": bytes(range(256)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from patdsl.cli import main

    monkeypatch.chdir(tmp_path)
    assert set(codes(HOSTILE[name], tmp_path)) <= {"PAT601", "PAT602", "PAT603", "PAT604"}
    assert main(["explain", "log.txt", "--top", "50"]) in (0, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["log.txt"]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("code", "PAT604"),
        ("loop", "PAT604"),
        ("twice", "PAT604"),
        ("undefined", "PAT604"),
        ("unfinished", "PAT603"),
        ("brackets", "PAT603"),
        ("long", "PAT602"),
        ("nothing", "PAT601"),
        ("no_graph", "PAT601"),
    ],
)
def test_what_is_said(name: str, code: str, tmp_path: Path) -> None:
    assert codes(HOSTILE[name], tmp_path) == [code]


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "def forward(self, x):\n" + "".join(
        f"    y{at} = torch.ops.aten.neg.default(x)\n" for at in range(20)
    )
    monkeypatch.setattr(text_to_graph, "MAX_LINES", 10)
    assert codes(text, tmp_path) == ["PAT602"]
    monkeypatch.setattr(log_to_texts, "MAX_BYTES", 100)
    assert codes(text, tmp_path) == ["PAT602"]


def test_neither_torch_nor_the_graph_is_run(tmp_path: Path) -> None:
    program = (
        "import sys; from patdsl.cli import main; "
        f"code = main(['explain', {str(LOGS / 'post_grad_dynamic.log')!r}]); "
        "assert 'torch' not in sys.modules; sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert (
        "matched: rms_norm_quant.rms_norm_group_quant takes rms_norm, group_quant, group_quant_1"
        in done.stdout
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("s0 == s0", True),
        ("s0 == 1", False),
        ("s0 == 2", "open"),
        ("s0 > 1", True),
        ("8*s77 % 8 == 0", True),
        ("s77 % 8 == 0", "open"),
        ("(8*s77) // 8 == s77", True),
        ("(s77 // 2) * 2 == s77", "open"),
        ("s0 + 1 == s0", False),
        ("s0*s1 == s1*s0", True),
        ("u0 == 0", "open"),
        ("u0 >= 0", "open"),
        ("s0 < s1", "open"),
        ("s0**2 == s0*s0", True),
    ],
)
def test_sizes(text: str, expected: object) -> None:
    import operator
    import re

    one, sign, other = re.split(r"(==|>=|>|<)", text)
    compare = {"==": operator.eq, ">=": operator.ge, ">": operator.gt, "<": operator.lt}[sign]
    answer = known(compare(read_size(one), read_size(other)))
    assert answer is expected if isinstance(expected, bool) else answer not in (True, False)
