"""torch's private interfaces: used in the files that say so alone, and missing ones are told in a sentence."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "patdsl"
#: Files that may name private interfaces: the two adapters, and the carrier's.
ADAPTERS = ("torch_private.py", "runtime/torch_api.py", "match/fx_*.py", "vllm/passes.py")
#: Modules of torch that are internal though no part of their name has an underscore.
INTERNAL = ("torch.fx.experimental", "torch.fx.passes", "torch.fx.proxy", "torch.fx.traceback")


def private_uses(text: str) -> Iterator[tuple[int, str]]:
    """Line and text of every import of, and attribute access to, what torch or another package calls private."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{each.name}" for each in node.names]
        elif isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value)
            names = [] if owner in ("self", "cls") else [f"torch.?.{node.attr}", f"{owner}.{node.attr}"]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            names = [each.value for each in node.args if isinstance(each, ast.Constant)]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr"):
            names = [f"torch.?.{each.value}" for each in node.args[1:2] if isinstance(each, ast.Constant)]
        else:
            continue
        yield from ((node.lineno, ast.unparse(node)) for name in names if is_private(str(name)))


def is_private(name: str) -> bool:
    first, *rest = name.split(".")
    hidden = any(part.startswith("_") and not part.endswith("__") for part in rest)
    return first == "torch" and (hidden or name.startswith(INTERNAL))


def files() -> list[Path]:
    adapters = {path for pattern in ADAPTERS for path in PACKAGE.glob(pattern)}
    assert len(adapters) > len(ADAPTERS)
    return [path for path in sorted(PACKAGE.rglob("*.py")) if path not in adapters]


def test_private_interfaces_are_used_in_the_adapters_alone() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {use}"
        for path in files()
        for line, use in private_uses(path.read_text(encoding="utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "import torch._inductor.config",
        "from torch._inductor import config",
        "from torch import _C",
        "from torch.fx.experimental.symbolic_shapes import sym_eq",
        "import torch.fx.passes.graph_transform_observer as observer",
        "torch._C._cuda_getCurrentRawStream(0)",
        "torch._dynamo.config.patch()",
        "torch.fx.experimental.proxy_tensor.make_fx",
        "op._schema",
        "node.graph._graph_namespace",
        "importlib.import_module('torch._subclasses.fake_tensor')",
        "getattr(op, '_schema')",
    ],
)
def test_the_scan_finds(line: str) -> None:
    assert list(private_uses(line))


@pytest.mark.parametrize("line", ["self._lock", "torch.fx.Graph()", "torch.__version__", "op.tags", "_local"])
def test_the_scan_lets_pass(line: str) -> None:
    assert not list(private_uses(line))


def run(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


# One process hides one name after the other and imports the modules anew: importing torch is what takes time.
HIDING = """
import importlib, sys
import torch, torch.fx
from patdsl.match import fx_functionalized, fx_known
from patdsl.runtime import torch_api
from patdsl.torch_private import TorchVersionError

MISSING = object()
torch.__version__ = "9.99"
for module in (torch_api, fx_functionalized, fx_known):
    for where in NAMES[module.__name__]:
        owner_name, _, name = where.rpartition(".")
        owner = importlib.import_module(owner_name)
        kept = getattr(owner, name, MISSING)
        if kept is not MISSING:
            delattr(owner, name)
        try:
            importlib.reload(module)
        except TorchVersionError as error:
            print(where, "|", error)
        else:
            print(where, "| no error")
        if kept is not MISSING:
            setattr(owner, name, kept)
    importlib.reload(module)
"""
FUNCTIONALIZED = "torch._higher_order_ops.auto_functionalize"
NEEDED = {
    "patdsl.runtime.torch_api": [
        f"{FUNCTIONALIZED}.auto_functionalized_v2",
        "torch._subclasses.fake_tensor.FakeTensor",
        "torch.fx.experimental.symbolic_shapes.sym_eq",
        "torch.fx.experimental.proxy_tensor.make_fx",
        "torch._dynamo.utils.counters",
        "torch._inductor.custom_graph_pass.CustomGraphPass",
        "torch._inductor.pattern_matcher.register_replacement",
        "torch.fx.passes.graph_transform_observer.GraphTransformObserver",
    ],
    "patdsl.match.fx_functionalized": [f"{FUNCTIONALIZED}.auto_functionalized"],
    "patdsl.match.fx_known": ["torch.fx.experimental.symbolic_shapes.statically_known_true"],
}
OPTIONAL = {
    "patdsl.runtime.torch_api": [
        f"{FUNCTIONALIZED}._do_auto_functionalize_v2_for_out_operator",
        "torch.fx.experimental.proxy_tensor._should_save_eager_input_vals",
        "torch.fx.proxy._COPY_META_FIELDS",
        "torch.fx.traceback.NodeSource",
        "torch.utils._sympy.functions.CleanDiv",
    ],
    "patdsl.match.fx_functionalized": [],
    "patdsl.match.fx_known": [],
}


def test_a_missing_interface_is_told_in_a_sentence() -> None:
    names = {module: [*NEEDED[module], *OPTIONAL[module]] for module in NEEDED}
    done = run(f"NAMES = {names!r}\n{HIDING}")
    assert done.returncode == 0, done.stderr
    said = dict(line.split(" | ", 1) for line in done.stdout.splitlines())
    for where in [name for names in NEEDED.values() for name in names]:
        expected = f"patdsl needs {where}, which torch 9.99 does not have ("
        assert said.pop(where).startswith(expected)
    assert said == dict.fromkeys(OPTIONAL["patdsl.runtime.torch_api"], "no error")


def test_a_missing_attribute_of_nodes_is_told_at_import(monkeypatch: pytest.MonkeyPatch) -> None:
    from patdsl.runtime import torch_api
    from patdsl.torch_private import TorchVersionError

    class Node:
        _erased = False

    class Graph:
        def placeholder(self, name: str) -> Node:
            return Node()

    monkeypatch.setattr(torch_api, "Graph", Graph)
    with pytest.raises(TorchVersionError, match=r"^patdsl needs Node\._next, which torch 2\."):
        torch_api.probe_graphs()


def test_the_command_says_it_without_a_traceback(tmp_path: Path) -> None:
    """A torch that lacks a name: the command that needs it ends with one line."""
    done = run(
        "import sys, torch._subclasses.fake_tensor as home\ndel home.FakeTensor\n"
        "from patdsl.cli import main\nsys.exit(main(['demo']))"
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "patdsl needs torch._subclasses.fake_tensor.FakeTensor, which torch" in done.stderr


# A torch that has none of what `may` looks for, and a `register_replacement` of before 2.13.
BARE = """
import sys
sys.path[:0] = PATHS
import torch, torch._inductor.pattern_matcher as home
from patdsl import torch_private
torch_private.may = lambda module, name, otherwise=None: otherwise
real = home.register_replacement
def before_pattern_names(search_fn, replace_fn, example_inputs, trace_fn, pass_dicts, extra_check, search_fn_pattern):
    return real(
        search_fn, replace_fn, example_inputs, trace_fn, pass_dicts, extra_check, search_fn_pattern=search_fn_pattern
    )
home.register_replacement = before_pattern_names
from patdsl.runtime import torch_api
home.register_replacement = real  # torch's own passes know it in full
from runtime_models import agree, bf16, compiled, norm_quants
from runtime_specs import spec
from patdsl.runtime import FusionPass
assert torch_api.CleanDiv is torch_api.FloorDiv and "recompute" in torch_api.COPIED_FIELDS
fusion = FusionPass(spec())
model, inputs = norm_quants(None, (-1, 256)), (bf16(6, 256), bf16(256))
outputs, kept = compiled(model, inputs, fusion)
agree(model, inputs, outputs)
print(dict(kept.after))
"""


def test_passes_work_without_anything_optional() -> None:
    paths = [str(Path(__file__).parent)]
    done = run(f"PATHS = {paths!r}\n{BARE}")
    assert (done.returncode, done.stdout) == (0, "{'norm_quant': 1}\n"), done.stderr
