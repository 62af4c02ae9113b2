"""Cases written by hand, in the form that `peer_shrink.py` prints.

In: nothing. Out: `spec_of` and `graph_of` read texts; `FAULTS`: for each of torch's faults a pattern, a graph, and the
places that torch and patdsl find there; `SAME`: matches and near misses on which the two agree.
"""

from __future__ import annotations

import re

import attrs
from oracle_graph import Ref
from peer_faults import (
    CHOICE,
    DEAD,
    KEYWORDS,
    LAYOUT,
    NO_PLACE,
    NOT_CHECKED,
    NOT_INJECTIVE,
    RESHAPE,
    SPELLING,
    STAYS,
)
from peer_spec import Graph, Node, Spec, Step


@attrs.frozen
class Known:
    """`theirs` and `ours`: places, as names of nodes. `harms`: torch's rewriting gives other results, or fails."""

    program: str
    graph: str
    theirs: tuple[str, ...] = ()
    ours: tuple[str, ...] = ()
    harms: bool = False


FAULTS = {
    NOT_INJECTIVE: Known("a=neg(x);b=neg(x);a,b", "i0: [4, 8]; n0 = neg(i0); return n0", theirs=("n0",)),
    KEYWORDS: Known("a=gelu(x);a", "i0: [4, 8]; n0 = gelu_tanh(i0); return n0", theirs=("n0",), harms=True),
    NOT_CHECKED: Known(
        "a=neg(x);b=scale(a,2.0);a,b",
        "i0: [4, 8]; n0 = neg(i0); n1 = scale(n0, 3.0); n2 = scale(n0, 2.0); return n1, n2",
        theirs=("n0 n1",),
        ours=("n0 n2",),
        harms=True,
    ),
    NO_PLACE: Known(
        "a=neg(x);b=sub(a,y);a,b",
        "i0: [4, 8]; n0 = neg(i0); n1 = tanh(n0); n2 = sub(n0, n1); return n0, n2",
        theirs=("n0 n2",),
        harms=True,
    ),
    STAYS: Known(
        "a=neg(x);b=sub(a,y);b", "i0: [4, 8]; n0 = neg(i0); n1 = sub(n0, n0); return n1", theirs=("n0 n1",)
    ),
    SPELLING: Known("a=sum(x);a", "i0: [4, 8]; n0 = sum#1(i0); return n0", ours=("n0",)),
    RESHAPE: Known(
        "a=neg(x);b=as_32(a);c=tanh(b);c",
        "i0: [4, 8]; n0 = neg(i0); n1 = as_32#1(n0); n2 = tanh(n1); return n2",
        ours=("n0 n2",),
    ),
    LAYOUT: Known(
        "a=neg(x);b=as_32(a);c=tanh(b);c",
        "i0: [4, 8]; n0 = neg(i0); n1 = as_2_16(n0); n2 = as_32(n1); n3 = tanh(n2); return n3",
        ours=("n0 n3",),
    ),
    DEAD: Known("a b=max(x);a,b", "i0: [4, 8]; n0 = max(i0); return n0", ours=("n0",)),
    CHOICE: Known(
        "a=neg(x);b=tanh(a);c=abs(b);a,b,c",
        "i0: [4, 8]; n0 = neg(i0); n1 = tanh(n0); n2 = tanh(n0); n3 = abs(n2); return n1, n3",
        ours=("n0 n2 n3",),
    ),
}

#: Both find the same. The first two did not, by faults of patdsl's.
SAME = (
    Known(
        "a=as_32(x);b=as_2_16(a);c=tanh(b);c",
        "i0: [4, 8]; n0 = as_32(i0); n1 = as_2_16(n0); n2 = tanh(n1); return n2",
        theirs=("n2",),
        ours=("n2",),
    ),
    Known(
        "a=double(x);b=scale(a,2.0);b",
        "i0: [4, 8]; n0 = double(i0); n1 = scale(n0, 2.0); return n1",
        theirs=("n0 n1",),
        ours=("n0 n1",),
    ),
    Known(
        "a=neg(x);b=add(a,y);b",
        "i0: [4, 8]; i1: [4, 8]; n0 = neg(i0); n1 = add(i1, n0); return n1",
        theirs=("n0 n1",),
        ours=("n0 n1",),
    ),
    Known("a=sub(x,y);b=sub(a,x);b", "i0: [4, 8]; i1: [4, 8]; n0 = sub(i0, i1); n1 = sub(n0, i1); return n1"),
    Known("a=neg(x);b=tanh(a);b", "i0: [4, 8]; n0 = neg(i0); n1 = tanh(n0); n2 = abs(n0); return n1, n2"),
    Known("a=neg(x);b=tanh(a);b", "i0: [4, 8]; n0 = neg(i0); n1 = tanh(n0); return n0, n1"),
    Known("a=scale(x,2.0);a", "i0: [4, 8]; n0 = scale(i0, 3.0); return n0"),
    Known(
        "a=scale(x,k);b=shift(a,k);b",
        "i0: [4, 8]; n0 = scale(i0, 2.0); n1 = shift(n0, 3.0); return n1",
    ),
)


def spec_of(program: str) -> Spec:
    """A pattern from its program. Every example is a matrix of 4 by 8."""
    *lines, replaced = program.split(";")
    steps = []
    for line in lines:
        results, op, args = _parts(r"(.*)=(\w+)\((.*)\)", line)
        operands = args.split(",")
        numbers = [each for each in operands if re.fullmatch(r"k\d*|[\d.]+", each)]
        tensors = tuple(each for each in operands if each not in numbers)
        steps.append(Step(op, tensors, tuple(results.split()), "".join(numbers)))
    spec = Spec(tuple(steps), tuple(replaced.split(",")), ())
    return attrs.evolve(spec, shapes=tuple((name, (4, 8)) for name in spec.inputs))


def graph_of(text: str) -> Graph:
    """A graph from its lines, or these with `;` between them."""
    inputs, nodes, outputs = [], [], ()
    for line in re.split(r"; |\n", text):
        if line.startswith("return "):
            outputs = tuple(map(_ref, line.removeprefix("return ").split(", ")))
        elif ": " in line:
            name, dims = line.split(": ")
            inputs.append((name, tuple(map(int, dims.strip("[]").split(", ")))))
        else:
            name, op, form, args = _parts(r"(\w+) = (\w+?)(?:#(\d+))?\((.*)\)", line)
            operands = args.split(", ")
            numbers = [float(each) for each in operands if each[0].isdigit()]
            refs = tuple(_ref(each) for each in operands if not each[0].isdigit())
            nodes.append(Node(name, op, refs, numbers[0] if numbers else None, int(form or 0)))
    return Graph(tuple(inputs), tuple(nodes), outputs)


def _parts(form: str, line: str) -> tuple[str, ...]:
    found = re.fullmatch(form, line)
    assert found is not None, line
    return found.groups()


def _ref(text: str) -> Ref:
    name, _, index = text.partition(".")
    return Ref(name, int(index or 0))
