"""Declared bindings against torch's schemas: the library's are right, and wrong ones are told what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import patdsl.reference  # noqa: F401  registers torch.ops.patdsl
from patdsl.compiler.ast_to_graph import resolve
from patdsl.compiler.imports import Loader
from patdsl.diagnostic import Diagnostics
from patdsl.locate import library_folder
from patdsl.op_table import Native, TorchCall
from patdsl.runtime.torch_ops import find_op
from patdsl.schema_check import contradictions

FILES = sorted((Path(library_folder()) / "ops").glob("*.pat"))


def unit_of(path):
    loaded = Loader().load(path, Diagnostics())
    unit = resolve(loaded)
    assert not loaded.diagnostics.errors
    return unit


LIBRARY = [
    (op, binding)
    for path in FILES
    for op in unit_of(path).own_ops.values()
    for binding in op.bindings
    if isinstance(binding, TorchCall)
]


def test_the_library_is_read():
    assert len(LIBRARY) > 60
    assert {path.stem for path in FILES} >= {"aten", "aiter", "patdsl", "vllm_ir"}
    assert any(
        isinstance(binding, Native)
        for path in FILES
        for op in unit_of(path).own_ops.values()
        for binding in op.bindings
    )


@pytest.mark.parametrize(
    ("op", "binding"), LIBRARY, ids=[f"{op.name} = {binding.target}" for op, binding in LIBRARY]
)
def test_a_binding_of_the_library(op, binding):
    """What torch itself and this project register exists; what exists has the schema that is declared."""
    found = find_op(binding.target)
    if found is None:
        assert binding.target.split("::")[0] in ("vllm", "vllm_ir", "_C", "_C_cache_ops"), (
            "no such op in this torch"
        )
        pytest.skip("a model server's op, not registered here")
    assert contradictions(op, binding, found._schema) == []


@pytest.fixture
def check(tmp_path):
    """A declaration -> what is wrong with its binding, against the schema of the op that it names."""

    def of(text, schema=None):
        path = tmp_path / "file.pat"
        path.write_text(f"op declared{text}")
        op = unit_of(path).own_ops["declared"]
        (binding,) = op.bindings
        return contradictions(
            op, binding, torch._C.parse_schema(schema) if schema else find_op(binding.target)._schema
        )

    return of


ONE = "t::f(Tensor x, int n) -> Tensor"
RIGHT = [
    ("(x: T[*B]) -> (y: T[*B]) = aten::relu", None),
    ("(x: T[*B], n: int) -> (y: T[*B]) = t::f", ONE),
    ("(x: T[*B], n: int) -> (y: T[*B]) = t::f(n=n, x=x)", ONE),
    ("(x: T[*B]) -> (y: T[*B]) = t::f(x, 3)", ONE),
    ("(x: T[*B]) -> (y: T[*B]) = t::f(x)", "t::f(Tensor x, int n=3) -> Tensor"),
    ("(x: T[*B], n: int = 3) -> (y: T[*B]) = t::f", "t::f(Tensor x) -> Tensor"),
    ("(x: T[*B], w: T[*B]?) -> (y: T[*B]) = t::f", "t::f(Tensor x, Tensor? w) -> Tensor"),
    ("(x: T[*B], n: int?) -> (y: T[*B]) = t::f", "t::f(Tensor x, SymInt? n) -> Tensor"),
    ("(x: T[*B], n: int[]) -> (y: T[*B]) = t::f", "t::f(Tensor x, SymInt[] n) -> Tensor"),
    ("(x: T[*B], n: float) -> (y: T[*B]) = t::f", "t::f(Tensor x, Scalar n) -> Tensor"),
    ("(x: T[*B], d: dtype) -> (y: d[*B]) = t::f", "t::f(Tensor x, ScalarType d) -> Tensor"),
    ("(x: T[*B]) -> (y: f64[*B]) = t::f(x, f64)", "t::f(Tensor x, ScalarType d) -> Tensor"),
    (
        "(x: T[*B]) -> (y: f64[*B]) = t::f(x, dtype=f64)",
        "t::f(Tensor x, *, ScalarType? dtype=None) -> Tensor",
    ),
    ("(x: T[*B]) -> (y: T[*B]) = t::f(x, none)", "t::f(Tensor x, Tensor? w) -> Tensor"),
    ("(x: tensor[]) -> (y: tensor) = t::f", "t::f(Tensor[] x) -> Tensor"),
    ("(x: tensor, n: int) -> (parts: tensor[]) = t::f", "t::f(Tensor x, int n) -> Tensor[]"),
    ("(x: T[*B]) -> (y: T[*B]) = t::f(out y, x)", "t::f(Tensor(a!) o, Tensor x) -> ()"),
    ("(x: T[*B]) -> (y: T[*B]) = t::f(mut x -> y)", "t::f(Tensor(a!) x) -> ()"),
    ("(x: T[*B]) -> (y: T[*B]) = t::f(mut x -> y)", "t::f(Tensor(a!) x) -> Tensor(a!)"),
    ("(x: T[*B], s: f32[1]) -> (y: T[*B]) = t::f(x, same s)", "t::f(Tensor x, Tensor(a!) s) -> Tensor"),
    ("(x: T[M, H]) -> (y: T[M, H]) = t::f(x, temp f32[M])", "t::f(Tensor x, Tensor(a!) s) -> Tensor"),
    ("(x: T[*B]) -> (y: T[*B]) = t::f(x) -> (y, _)", "t::f(Tensor x) -> (Tensor, Tensor)"),
    ("(x: T[*B]) -> (y: T[*B]) = t::f(x, 2)", "t::f(Tensor x, Tensor other) -> Tensor"),
    ("(x: T[*B]) -> (y: T[*B]) = t::f(x, 2)", "t::f(Tensor x, float other) -> Tensor"),
    ("(x: T[*B], dim: int) -> (y: T[*B]) = t::f", "t::f(Tensor x, int[1] dim) -> Tensor"),
]


@pytest.mark.parametrize(("text", "schema"), RIGHT, ids=[text for text, _ in RIGHT])
def test_a_right_declaration(check, text, schema):
    assert check(text, schema) == []


WRONG = [
    (
        "(x: T[*B], n: int, m: int) -> (y: T[*B]) = t::f",
        ONE,
        "it takes 2 arguments (x, n); 3 are given",
    ),
    (
        "(x: T[*B]) -> (y: T[*B]) = t::f(x, k=3)",
        ONE,
        "it has no argument `k`; its arguments: x, n",
    ),
    (
        "(x: T[*B]) -> (y: T[*B]) = t::f",
        ONE,
        "its argument `n` has no default and is not given",
    ),
    (
        "(x: T[*B], n: float) -> (y: T[*B]) = t::f",
        ONE,
        "its argument `n` is int; `n` is declared float",
    ),
    (
        "(x: T[*B], n: str) -> (y: T[*B]) = t::f",
        ONE,
        "its argument `n` is int; `n` is declared str",
    ),
    (
        "(x: T[*B], n: T[*B]) -> (y: T[*B]) = t::f",
        ONE,
        "its argument `n` is int; `n` is declared a tensor",
    ),
    (
        "(x: int, n: int) -> (y: f32[1]) = t::f",
        ONE,
        "its argument `x` is Tensor; `x` is declared int",
    ),
    (
        "(x: T[*B], n: int[]) -> (y: T[*B]) = t::f",
        ONE,
        "its argument `n` is int; `n` is declared int[]",
    ),
    (
        "(x: T[*B], n: int) -> (y: T[*B]) = t::f",
        "t::f(Tensor x, int[] n) -> Tensor",
        "its argument `n` is List[int]; `n` is declared int",
    ),
    (
        "(x: tensor, n: int) -> (y: tensor) = t::f",
        "t::f(Tensor[] x, int n) -> Tensor",
        "its argument `x` is List[Tensor]; `x` is declared a tensor",
    ),
    (
        "(x: T[*B]) -> (y: T[*B]) = t::f(x, none)",
        ONE,
        "its argument `n` is int, which cannot be none",
    ),
    (
        "(x: T[*B]) -> (y: T[*B]) = t::f(x, [1])",
        ONE,
        "its argument `n` is int, which takes no list",
    ),
    (
        '(x: T[*B]) -> (y: T[*B]) = t::f(x, "a")',
        ONE,
        'its argument `n` is int, which takes no "a"',
    ),
    (
        "(x: T[*B]) -> (y: T[*B]) = t::f(x, 1.5)",
        ONE,
        "its argument `n` is int, which takes no 1.5",
    ),
    (
        "(x: T[*B], n: int) -> (y: T[*B], z: T[*B]) = t::f",
        ONE,
        "it returns 1 value; 2 are named",
    ),
    (
        "(x: T[*B], n: int) -> (y: T[*B]) = t::f",
        "t::f(Tensor x, int n) -> (Tensor, Tensor)",
        "it returns 2 values; 1 are named",
    ),
    (
        "(x: tensor, n: int) -> (parts: tensor[]) = t::f",
        "t::f(Tensor x, int n) -> (Tensor, Tensor)",
        "it returns 2 values, declared is one list",
    ),
    (
        "(x: tensor, n: int) -> (parts: tensor[]) = t::f",
        ONE,
        "it returns Tensor, declared is a list",
    ),
    (
        "(x: T[*B], n: int) -> (y: T[*B]) = t::f",
        "t::f(Tensor x, int n) -> Tensor[]",
        "it returns List[Tensor], `y` is declared a tensor",
    ),
    (
        "(x: T[*B]) -> (y: T[*B]) = t::f(out y, x)",
        "t::f(Tensor o, Tensor x) -> ()",
        "its argument `o` is not written; `y` is declared out, mut or same there",
    ),
    (
        "(x: T[*B]) -> (y: T[*B]) = t::f(mut x -> y)",
        "t::f(Tensor x) -> ()",
        "its argument `x` is not written; `x` is declared out, mut or same there",
    ),
    (
        "(x: T[*B]) -> (y: T[*B]) = t::f",
        "t::f(Tensor(a!) x) -> Tensor",
        "it writes its argument `x`, which is declared as an input; say mut, out or same",
    ),
    (
        "(x: T[M]) -> (y: T[M]) = t::f(x, temp f32[M])",
        ONE,
        "its argument `n` is no tensor",
    ),
]


@pytest.mark.parametrize(("text", "schema", "said"), WRONG, ids=[said for _, _, said in WRONG])
def test_a_wrong_declaration(check, text, schema, said):
    assert said in check(text, schema)


@pytest.mark.parametrize("given", ["none", "zeros_like(x)"])
def test_what_a_call_leaves_out_or_makes_for_itself_may_be_written(check, given):
    schema = "ns::f(Tensor x, Tensor(a!)? more) -> Tensor"
    assert check(f"(x: T[M]) -> (y: T[M]) = ns::f(x, {given})", schema) == []
    assert check("(x: T[M], more: T[M]) -> (y: T[M]) = ns::f(x, more)", schema) != []


def test_an_opaque_parameter_is_anything_but_a_tensor(check):
    declared = "(x: T[M], layer: opaque) -> (y: T[M]) = ns::f"
    assert check(declared, "ns::f(Tensor x, str layer) -> Tensor") == []
    assert check(declared, "ns::f(Tensor x, Any layer) -> Tensor") == []
    assert check(declared, "ns::f(Tensor x, Tensor layer) -> Tensor") != []
