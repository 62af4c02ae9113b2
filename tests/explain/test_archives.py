"""Archives of torch.export: read as torch prints them, and nothing in them is run."""

from __future__ import annotations

import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from fusing import OPS, bf16
from printed_cases import read_all, read_text, scale_into

from patdsl.cli import main
from patdsl.diagnostic import Diagnostics
from patdsl.printed import archive_to_texts
from patdsl.printed.log_to_texts import read_graphs
from patdsl.printed.text_to_graph import PrintedGraph, PrintedNode


class Norms(torch.nn.Module):
    """Views, several results, a list of results, constants of every kind."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(256).bfloat16())
        self.register_buffer("shift", torch.zeros(256))

    def forward(self, x: torch.Tensor) -> Any:
        y = OPS.rms_norm(x, self.weight, 1e-6)
        rows = OPS.group_quant(y.view(-1, 256), 128)
        low, high = (y.float() + self.shift).chunk(2, -1)
        parts = torch.split(low, [64, 64], -1)
        spread = torch.cat([high, *parts], -1).clamp(-float("inf"), 2.0)
        index = torch.arange(4, device=x.device)
        return (
            rows,
            OPS.group_quant(y, 128),
            {"s": spread.to(torch.float8_e4m3fn), "i": x[index], "n": x.shape[0]},
        )


class Writes(torch.nn.Module):
    """An op that writes a buffer, and one that is given a graph."""

    def forward(self, x: torch.Tensor) -> Any:
        out = torch.empty_like(x)
        scale_into(x, out, 3.0)
        return out, torch.cond(x.sum() > 0, lambda z: z + 1, lambda z: z - 1, (x,))


def saved(
    model: torch.nn.Module, path: Path, *, dynamic: bool, change: Callable[[Any], Any] = lambda p: p
) -> Any:
    """The exported program, which is in the file."""
    shapes = ({0: torch.export.Dim("rows", min=4, max=64)},) if dynamic else None
    program = change(torch.export.export(model, (bf16(6, 8, 256),), dynamic_shapes=shapes))
    torch.export.save(program, path)
    return program


def described(graph: PrintedGraph) -> list[Any]:
    """What a graph says, without its lines."""

    def plain(value: Any) -> Any:
        if isinstance(value, PrintedNode):
            return f"%{value.name}"
        return tuple(map(plain, value)) if isinstance(value, tuple) else str(value)

    return [
        (
            node.name,
            node.target,
            plain(node.args),
            {key: plain(each) for key, each in node.kwargs.items()},
            str(node.held),
        )
        for node in graph.nodes
        if not node.what.startswith("self.")  # graphs that ops are given: arguments in an archive
    ]


@pytest.mark.parametrize("decomposed", [False, True], ids=["as_exported", "decomposed"])
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_an_archive_reads_as_torch_prints_it(dynamic: bool, decomposed: bool, tmp_path: Path) -> None:
    path = tmp_path / "norms.pt2"
    program = saved(
        Norms(), path, dynamic=dynamic, change=lambda p: p.run_decompositions() if decomposed else p
    )
    text = program.graph_module.print_readable(print_output=False, include_stride=True, include_device=True)
    (graph,) = read_all(path)
    assert described(graph) == described(read_text(text, tmp_path))
    assert any("y = OPS.rms_norm" in node.source for node in graph.nodes)


def test_graphs_inside_a_graph(tmp_path: Path) -> None:
    path = tmp_path / "writes.pt2"
    saved(Writes(), path, dynamic=False, change=lambda p: p.run_decompositions())
    graphs = {graph.text.name: graph for graph in read_all(path)}
    assert list(graphs) == ["exported model", "exported model.true_graph_0", "exported model.false_graph_0"]
    written = [node for node in graphs["exported model"].nodes if node.functionalized]
    assert [node.target for node in written] == ["explain::scale_into.default"]
    assert graphs["exported model.true_graph_0"].nodes[1].target == "aten::add.Tensor"


def test_explain_says_what_matches(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "norms.pt2"
    saved(Norms(), path, dynamic=True)
    assert main(["explain", str(path), "--pattern", "rms_norm_group_quant_keep", "--json"]) == 0
    (graph,) = json.loads(capsys.readouterr().out)["graphs"]
    (match, *_) = graph["matches"]
    assert [node["name"] for node in match["nodes"]] == ["rms_norm", "group_quant", "group_quant_1"]


# archives that nobody should trust


class Bomb:
    """Runs code when it is unpickled."""

    def __reduce__(self) -> Any:
        return Path.touch, (Path("pwned"),)


def graph_of(**changes: Any) -> dict[str, Any]:
    tensor = {
        "dtype": 7,
        "sizes": [{"as_int": 8}],
        "strides": [{"as_int": 1}],
        "device": {"type": "cpu", "index": None},
    }
    graph: dict[str, Any] = {
        "inputs": [{"as_tensor": {"name": "x"}}],
        "outputs": [{"as_tensor": {"name": "y"}}],
        "nodes": [
            {
                "target": "torch.ops.aten.neg.default",
                "inputs": [{"name": "self", "arg": {"as_tensor": {"name": "x"}}, "kind": 1}],
                "outputs": [{"as_tensor": {"name": "y"}}],
                "metadata": {"stack_trace": 'File "a.py", line 3, in f\n    y = -x'},
            }
        ],
        "tensor_values": {"x": tensor, "y": tensor},
        "sym_int_values": {},
    }
    node = {key: changes.pop(key) for key in ("target", "metadata", "argument", "result") if key in changes}
    if "argument" in node:
        graph["nodes"][0]["inputs"][0]["arg"] = node.pop("argument")
    if "result" in node:
        graph["nodes"][0]["outputs"] = node.pop("result")
    graph["nodes"][0].update(node)
    if "size" in changes:
        tensor["sizes"] = [{"as_expr": {"expr_str": changes.pop("size")}}]
    graph.update(changes)
    return {"graph_module": {"graph": graph}}


EVIL = "__import__('os').system('touch pwned')"
HOSTILE: dict[str, Any] = {
    "target": graph_of(target=EVIL),
    "target_of_python": graph_of(target="torch.ops.aten.neg.default(x)\n    y = open"),
    "input": graph_of(inputs=[{"as_tensor": {"name": "x=open('pwned', 'w')"}}]),
    "keyword": graph_of(inputs=[{"as_tensor": {"name": "lambda"}}]),
    "result": graph_of(result=[{"as_tensor": {"name": f"y = {EVIL}"}}]),
    "no_result": graph_of(result=[{}]),
    "string": graph_of(argument={"as_string": f"'), {EVIL}, ('"}),
    "object": graph_of(argument={"as_custom_obj": {"name": EVIL, "class_fqn": "os.system"}}),
    "operator": graph_of(argument={"as_operator": EVIL}),
    "unknown": graph_of(argument={"as_something": {"a": 1}}),
    "two": graph_of(argument={"as_int": 1, "as_bool": True}),
    "dtype": graph_of(argument={"as_scalar_type": 999}),
    "list": graph_of(argument={"as_ints": [1, [2]]}),
    "size": graph_of(size=EVIL),
    "size_of_code": graph_of(size='Symbol("s0\\nimport os")'),
    "long_size": graph_of(size="Mul(" * 1200 + "Symbol('s0')" + ")" * 1200),
    "longer_size": graph_of(size="9" * 100_000),
    "trace": graph_of(
        metadata={"stack_trace": 'File "a\u2028b", line 1, in f\r\n    \r  y = open("pwned", "w")'}
    ),
    "no_trace": graph_of(metadata={"stack_trace": 3}),
    "device": graph_of(
        tensor_values={"x": {"dtype": 7, "sizes": [], "strides": [], "device": {"type": '"', "index": 0}}}
    ),
    "undefined": graph_of(outputs=[{"as_tensor": {"name": "z"}}]),
    "twice": graph_of(result=[{"as_tensor": {"name": "x"}}]),
    "no_graph": {"graph_module": {}},
    "a_list": [1, 2],
    "nodes": graph_of(nodes="abc"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("model.pt2", "w") as archive:
        archive.writestr("m/models/model.json", json.dumps(HOSTILE[name]))
        archive.writestr("m/data/sample_inputs/model.pt", pickle.dumps(Bomb()))
        archive.writestr("m/data/constants/custom_obj_0", pickle.dumps(Bomb()))
    diagnostics = Diagnostics()
    read_graphs(Path("model.pt2"), diagnostics)
    assert {item.code for item in diagnostics.items} <= {"PAT605"}
    assert main(["explain", "model.pt2", "--top", "50"]) in (0, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["model.pt2"]


@pytest.mark.parametrize(
    "data",
    [
        b"PK\x03\x04",
        b"PK\x03\x04" + bytes(range(256)) * 8,
        b"PK\x05\x06" + bytes(18),
    ],
)
def test_what_is_no_archive(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "model.pt2").write_bytes(data)
    assert main(["explain", str(tmp_path / "model.pt2")]) == 1


@pytest.mark.parametrize("text", ["[" * 100_000, "{", "", '{"graph_module": 1e999}'])
def test_what_is_no_json(text: str, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.pt2", "w") as archive:
        archive.writestr("m/models/model.json", text)
    diagnostics = Diagnostics()
    assert read_graphs(tmp_path / "model.pt2", diagnostics) == []
    assert [item.code for item in diagnostics.items][:1] == ["PAT605"]


def test_a_graph_is_read_no_further_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive_to_texts, "MAX_BYTES", 1000)
    with zipfile.ZipFile(tmp_path / "model.pt2", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m/models/model.json", " " * 1_000_000)
    diagnostics = Diagnostics()
    assert read_graphs(tmp_path / "model.pt2", diagnostics) == []
    assert [item.code for item in diagnostics.items][:1] == ["PAT602"]


def test_an_archive_of_aotinductor_has_no_graph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with zipfile.ZipFile(tmp_path / "model.pt2", "w") as archive:
        archive.writestr("model/data/aotinductor/model/a.so", b"ELF")
    assert main(["explain", str(tmp_path / "model.pt2")]) == 1
    assert "PAT605" in capsys.readouterr().err
