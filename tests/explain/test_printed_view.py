"""A printed graph and the graph that was printed are the same to the matcher."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import torch
from fusing import bf16, whole_library
from printed_cases import add_twice_, post_grad, read_text, scale_into, text_of
from schema_table import table_text

from patdsl.demo.models import MODELS
from patdsl.explain.printed import PRINTED
from patdsl.match.engine import Found, find
from patdsl.match.found import TensorMeta, Value
from patdsl.match.fx_view import FxView
from patdsl.match.index import PatternIndex
from patdsl.match.protocol import Call, GraphView, Handle
from patdsl.printed.schemas import TABLE, Schemas
from patdsl.printed.sizes import read_size
from patdsl.printed.view import PrintedView
from patdsl.runtime.resolve import resolve_pass

OPS = torch.ops.patdsl


def _plain(value: Any, view: GraphView[Any]) -> Any:
    """An operand in words, the same for both carriers."""
    if isinstance(value, Handle):
        window = value.window and tuple(
            map(_text, (value.window.dims, value.window.strides, value.window.offset))
        )
        return ("handle", view.name(value.node), window)
    if isinstance(value, tuple):
        return tuple(_plain(item, view) for item in value)
    return (type(value).__name__ if isinstance(value, (bool, float)) else "", _text(value))


def _text(value: Any) -> str:
    """A plain value; a symbolic size, whose spelling is torch's own, as it is read back."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_text, value))}]"
    return str(read_size(str(value)) if isinstance(value, torch.SymInt) else value)


def _call(call: Call | None, view: GraphView[Any]) -> Any:
    if call is None:
        return None
    arguments = [(each.name, _plain(each.value, view), each.is_default) for each in call.arguments]
    return call.target, arguments, call.returns, dict(call.after)


def _meta(meta: TensorMeta | None) -> Any:
    return meta and (meta.dtype, _text(meta.dims), meta.strides and _text(meta.strides), meta.device)


def _names(nodes: Iterable[Any], view: GraphView[Any]) -> list[str]:
    return sorted(map(view.name, nodes))


def describe(view: GraphView[Any], schemas_known: Callable[[str], bool]) -> list[Any]:
    """What the protocol says of every node, in words. Calls only of ops whose schema both carriers can know."""
    storages: dict[Any, str] = {}
    for node in view.nodes:
        storages.setdefault(view.storage(node), view.name(node))
    found: list[Any] = []
    for node in view.nodes:
        taken = view.getitem(node)
        target = view.target(node)
        found.append(
            {
                "name": view.name(node),
                "target": target,
                "getitem": taken and (view.name(taken[0]), taken[1]),
                "users": _names(view.users(node), view),
                "inputs": _names(view.inputs(node), view),
                "meta": _meta(view.meta(node)),
                "scalar": view.is_scalar(node),
                "output": view.is_output(node),
                "storage": storages[view.storage(node)],
                "mutates": _names(view.mutates(node), view),
                "call": _call(view.call(node), view) if target and schemas_known(target) else None,
                "pure": view.is_pure(node) if target and schemas_known(target) else None,
            }
        )
    return found


def _found(found: Found, view: GraphView[Any]) -> Any:
    def names(scope: Any) -> Any:
        return sorted(
            (name, _names(value.holders, view) if isinstance(value, Value) else _text(value))
            for name, value in scope.items()
        )

    matches = [
        (
            match.pattern.full_name,
            names(match.names),
            {fan_out: list(map(names, branches)) for fan_out, branches in match.branches.items()},
            _names(match.dying, view),
            view.name(match.before),
        )
        for match in found.matches
    ]
    refusals = [(each.pattern.full_name, view.name(each.at), each.rule) for each in found.refusals]
    return sorted(map(str, matches)), sorted(map(str, refusals))


def compare(function: Callable[..., Any], *inputs: Any, folder: Path, **how: Any) -> int:
    """Compile, print, read back, compare; how many matches there were."""
    known = Schemas({})
    count = 0

    def show(graph: torch.fx.Graph) -> None:
        nonlocal count
        view = FxView(graph)
        printed = read_text(text_of(graph), folder)
        bound = {op.name: op for each in whole_library() for op in each.spec.ops.values()}
        again = PrintedView(printed, Schemas(bound))
        heard = {node.target for node in printed.nodes if known.of(node) is not None}
        assert describe(again, heard.__contains__) == describe(view, heard.__contains__)
        for each in whole_library():
            index = each.index()
            resolved = resolve_pass(each.spec, each.target, each.hosts, process=PRINTED)
            names = {entry.pattern.full_name for entry in index.entries}
            wanted = [pattern for pattern in resolved.enabled if pattern.full_name in names]
            own = find(view, index, index.context)
            other = find(again, PatternIndex(wanted, resolved.context), resolved.context)
            assert _found(other, again) == _found(own, view)
            count += len(own.matches)

    post_grad(function, *inputs, show=show, **how)
    return count


@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)
def test_models(model: Any, dynamic: bool, tmp_path: Path) -> None:
    inputs = model.make_inputs("cpu")
    count = compare(lambda *args: model.forward(OPS, *args), *inputs, folder=tmp_path, dynamic=dynamic)
    assert count or dynamic


def _in_place(x: torch.Tensor, weight: torch.Tensor) -> Any:
    y = OPS.rms_norm(x, weight, 1e-6)
    out = torch.empty_like(x)
    scale_into(y, out)
    whole = torch.empty(2 * x.shape[0], *x.shape[1:], dtype=x.dtype)
    scale_into(y, whole[: x.shape[0]], 3.0)
    first, second = x.clone(), x + 1
    total = add_twice_(first, second, 3)
    low, high = x.chunk(2, -1)
    return out, whole, first, second, total, low * 2, high.contiguous(), OPS.group_quant(y, 128)


@pytest.mark.parametrize("second_form", [False, True], ids=["v1", "v2"])
@pytest.mark.parametrize("dynamic", [False, True], ids=["static", "dynamic"])
def test_functionalised_calls(dynamic: bool, second_form: bool, tmp_path: Path) -> None:
    x, weight = bf16(4, 8, 256), bf16(256)
    assert compare(_in_place, x, weight, folder=tmp_path, dynamic=dynamic, second_form=second_form)


def test_the_table_of_schemas_is_torchs() -> None:
    assert TABLE.read_text("utf-8") == table_text(), "python tests/explain/schema_table.py makes it anew"
