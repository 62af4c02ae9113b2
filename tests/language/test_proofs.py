"""What is proven of every variant from the declarations, and what a `where` says to the proof."""

from __future__ import annotations

import pytest

from patdsl.pipeline import run

OPS = """\
op double(x: T[*B, H]) -> (y: T[*B, H])
  = lang::twice

op wide(x: T[*B, H]) -> (y: f32[*B, H])
  = lang::widened

op halve(x: T[M, 2 * D]) -> (y: T[M, D])
  = lang::halve

op gated(x: T[*B], up: T[*B]) -> (y: T[*B])
  = lang::silu_mul

"""


@pytest.fixture
def findings(tmp_path):
    def findings(text):
        path = tmp_path / "proof.pat"
        path.write_text(OPS + text)
        (outcome,) = run([path])
        return [(item.code, item.message) for item in outcome.diagnostics]

    return findings


CONDITIONS = [
    'device(x) == "cuda"',
    "dtype(x) in {f32, bf16}",
    "dtype(x) == bf16",
    "contiguous(x)",
    "H % 16 == 0",
    "rank(x) == 2",
    "numel(x) <= 100",
]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_does_not_end_the_proof(findings, condition):
    """What is right stays proven, and what is wrong for some type that the condition allows stays an error."""
    right = f"pattern p(x: T[*B, H]) {{\n  y = neg(double(x))\n=>\n  y = double(x)\n  where {condition}\n}}\n"
    assert findings(right) == []
    ((code, _),) = findings(right.replace("  y = double(x)\n  where", "  y = wide(x)\n  where"))
    assert code == "PAT401"


def test_a_condition_is_a_hypothesis(findings):
    text = "pattern p(x: T[*B, H]) {\n  y = neg(double(x))\n=>\n  y = wide(x)\n  where dtype(x) == f32\n}\n"
    assert findings(text) == []


def test_the_variant_is_named(findings):
    text = "pattern p[f in {neg, halve}](x: T[M, 2 * D]) {\n  y = f(double(x))\n=>\n  y = f(f(x))\n}\n"
    ((code, message),) = findings(text)
    assert code == "PAT401"
    assert "p[f=halve]" in message
    assert "[M, D]" in message
    assert "[M, D/2]" in message


def test_an_input_that_may_broadcast_takes_the_rank_that_the_right_side_demands(findings):
    text = "pattern p {\n  y = mul(silu(x), up)\n=>\n  y = gated(x, up)\n}\n"
    assert [code for code, _ in findings(text)] == ["PAT402"]
    typed = text.replace("pattern p {", "pattern p(x: T[*B, H], up: T[*B, H]) {")
    assert findings(typed) == []
