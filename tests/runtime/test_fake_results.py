"""A call's fake result is worked out once for equal inputs, and every call gets tensors of its own."""

from __future__ import annotations

import operator

import pytest
import torch
from torch._dynamo.source import ConstantSource
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx import Graph
from torch.fx.experimental.symbolic_shapes import ShapeEnv

import patdsl.reference
from patdsl.runtime.fake_results import EmitError, FakeResults

assert patdsl.reference
OPS = torch.ops.patdsl


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Every call that a fake implementation answered."""
    found: list[object] = []
    run = FakeResults._run

    def counted(self, target, args, kwargs):
        found.append(target)
        return run(self, target, args, kwargs)

    monkeypatch.setattr(FakeResults, "_run", counted)
    return found


def fake(mode: FakeTensorMode, *dims: object) -> torch.Tensor:
    with mode:
        return torch.empty(dims, dtype=torch.bfloat16)


def test_equal_inputs_are_answered_from_the_first(runs: list[object]) -> None:
    mode, results = FakeTensorMode(), FakeResults(Graph())
    found = [results.of(OPS.group_quant.default, (fake(mode, 8, 256), 128), {}) for _ in range(3)]
    assert len(runs) == 1
    kinds = [[(each.dtype, each.shape, each.stride(), each.device) for each in one] for one in found]
    assert kinds[0] == kinds[1] == kinds[2]
    storages = {each.untyped_storage()._cdata for one in found for each in one}
    assert len(storages) == 6, "results must not look as if they shared memory"


@pytest.mark.parametrize("other", [(8, 512), (9, 256)])
def test_other_inputs_are_asked_for(runs: list[object], other: tuple[int, int]) -> None:
    mode, results = FakeTensorMode(), FakeResults(Graph())
    results.of(OPS.group_quant.default, (fake(mode, 8, 256), 128), {})
    q, _ = results.of(OPS.group_quant.default, (fake(mode, *other), 128), {})
    assert len(runs) == 2
    assert q.shape == other


def test_numbers_of_different_types_are_different(runs: list[object]) -> None:
    mode, results = FakeTensorMode(), FakeResults(Graph())
    with mode:
        x = torch.zeros(2, dtype=torch.int64)
    kinds = [results.of(torch.ops.aten.add.Scalar, (x, value), {}).dtype for value in (1, 1.0, True)]
    assert kinds == [torch.int64, torch.float32, torch.int64]
    assert len(runs) == 3


def test_a_view_is_never_remade(runs: list[object]) -> None:
    mode, results = FakeTensorMode(), FakeResults(Graph())
    x = fake(mode, 8, 256)
    views = [results.of(torch.ops.aten.view.default, (x, [16, 128]), {}) for _ in range(2)]
    assert len(runs) == 2
    assert all(view.untyped_storage()._cdata == x.untyped_storage()._cdata for view in views)


def test_symbolic_dims(runs: list[object]) -> None:
    environment = ShapeEnv()
    mode, results = FakeTensorMode(shape_env=environment), FakeResults(Graph())
    source = ConstantSource("rows")
    symbol = environment.create_symbol(8, source)
    rows = environment.create_symintnode(symbol, hint=8, source=source)
    first, second = (results.of(OPS.group_quant.default, (fake(mode, rows, 256), 128), {}) for _ in range(2))
    assert len(runs) == 1
    assert str(second[0].shape) == str(first[0].shape) == f"torch.Size([{symbol}, 256])"


def test_a_number_that_is_new_each_time_is_asked_for_each_time(runs: list[object]) -> None:
    mode, results = FakeTensorMode(shape_env=ShapeEnv()), FakeResults(Graph())
    found = [results.of(torch.ops.aten.nonzero.default, (fake(mode, 8, 8),), {}) for _ in range(2)]
    assert len(runs) == 2
    assert str(found[0].shape) != str(found[1].shape)


def test_what_a_fake_implementation_raises_is_a_reason() -> None:
    mode, results = FakeTensorMode(), FakeResults(Graph())
    with pytest.raises(EmitError, match=r"the fake implementation of aten\.mm\.default failed"):
        results.of(torch.ops.aten.mm.default, (fake(mode, 8, 256), fake(mode, 8, 256)), {})


def test_without_fake_tensors_there_is_no_mode() -> None:
    with pytest.raises(EmitError, match="no node of the graph holds a fake tensor"):
        FakeResults(Graph()).mode()


def test_ops_of_python_are_run(runs: list[object]) -> None:
    mode, results = FakeTensorMode(), FakeResults(Graph())
    x = fake(mode, 2, 2)
    assert results.of(operator.getitem, ((x, x), 1), {}) is x
    assert runs == [operator.getitem]
