"""Cases made by hand or cut down.

In: nothing. Out: `KNOWN`: what the engine once got wrong, and `NEAR`: near misses that random cases seldom are.
What it is about -> the patterns and the graph.
"""

from __future__ import annotations

from oracle_graph import Graph, Node, Ref
from oracle_spec import Spec, Step


def _call(name: str, shape: str, op: str, *args: str, k: float | None = None) -> Node:
    return Node(name, "call", shape, op, tuple(map(Ref, args)), k)


def _other(name: str, kind: str, shape: str, *args: str) -> Node:
    return Node(name, kind, shape, "", tuple(map(Ref, args)))


TAG, INC = Step("tag", ("z",), (0,), ("t",), "k"), Step("inc", ("t",), (1,), ("y",))
X = _other("x", "input", "A")

KNOWN: dict[str, tuple[tuple[Spec, ...], Graph]] = {
    "a free call's result is written before it is read": (
        (Spec("p", (TAG, INC), ("y",)),),
        Graph(
            (
                X,
                _call("t", "A", "tag", "x", k=2.0),
                _other("w", "poke", "A", "t"),
                _call("y", "A", "inc", "t"),
            ),
            (Ref("y"),),
        ),
    ),
    "a kept value is written before it is read": (
        (Spec("p", (Step("dbl", ("z",), (0,), ("t",)), INC), ("y",), keep=("t",)),),
        Graph(
            (X, _call("t", "A", "dbl", "x"), _other("w", "poke", "A", "t"), _call("y", "A", "inc", "t")),
            (Ref("y"), Ref("t")),
        ),
    ),
    "what a kept op reads is written before the replacement": (
        (
            Spec(
                "p",
                (Step("dbl", ("z",), (0,), ("t",)), Step("plus", ("t", "v"), (0, 0), ("y",))),
                ("y",),
                keep=("t",),
            ),
        ),
        Graph(
            (
                X,
                _call("t", "A", "dbl", "x"),
                _other("w", "poke", "A", "x"),
                _call("v", "A", "dbl", "t"),
                _call("y", "A", "plus", "t", "v"),
            ),
            (Ref("y"), Ref("t")),
        ),
    ),
    "what a free op reads is written before the replacement": (
        (Spec("p", (TAG, Step("plus", ("t", "v"), (0, 0), ("y",))), ("y",)),),
        Graph(
            (
                X,
                _call("t", "A", "tag", "x", k=2.0),
                _other("w", "poke", "A", "x"),
                _call("v", "A", "dbl", "x"),
                _call("y", "A", "plus", "t", "v"),
            ),
            (Ref("y"),),
        ),
    ),
    "values that become one are written": (
        (Spec("p", (TAG, Step("inc", ("t",), (1,), ("y",), "", "2..3x")), ("y",)),),
        Graph(
            (
                X,
                _call("t", "A", "tag", "x", k=3.0),
                _other("e", "view", "E", "t"),
                _other("b", "view", "B", "t"),
                _call("yb", "B", "inc", "b"),
                _call("ye", "E", "inc", "e"),
                _other("w", "poke", "B", "yb"),
            ),
            (Ref("ye"),),
        ),
    ),
    "a place between two barriers": (
        (Spec("p", (TAG, Step("put", ("t",), (1,), ("y",), "k1")), ("y",)),),
        Graph(
            (
                X,
                _other("d", "input", "D"),
                _call("g", "D", "get", "d", k=3.0),
                _call("t", "A", "tag", "x", k=2.0),
                _other("w", "poke", "A", "x"),
                _other("b", "view", "B", "t"),
                _call("y", "B", "put", "b", k=1.0),
            ),
            (Ref("g"), Ref("y")),
        ),
    ),
    "a dim that only a free op's dead value has": (
        (
            Spec(
                "p", (Step("dbl", ("z",), (0,), ("d",)), Step("tag", ("d",), (1,), ("t",), "k"), INC), ("y",)
            ),
        ),
        Graph(
            (
                X,
                _call("d", "A", "dbl", "x"),
                _other("b", "view", "B", "d"),
                _call("t", "B", "tag", "b", k=1.0),
                _call("y", "B", "inc", "t"),
            ),
            (Ref("y"),),
            symbolic=True,
        ),
    ),
    "two matches of which each takes what the other replaces": (
        (
            Spec(
                "p",
                (
                    Step("inc", ("x",), (0,), ("a",)),
                    Step("inc", ("x",), (0,), ("b",)),
                    Step("plus", ("b", "z"), (0, 0), ("c",)),
                ),
                ("a", "c"),
                keep=("b",),
            ),
        ),
        Graph(
            (
                X,
                *(_call(name, "A", "inc", "x") for name in ("i", "j", "k")),
                _call("s", "A", "plus", "j", "k"),
                _call("t", "A", "plus", "j", "i"),
            ),
            (Ref("s"), Ref("t")),
        ),
    ),
    "more alike than the fan-out takes": (
        (Spec("p", (TAG, Step("inc", ("t",), (0,), ("y",), "", "2x")), ("y",)),),
        Graph(
            (X, _call("t", "A", "tag", "x", k=2.0), *(_call(f"y{at}", "A", "inc", "t") for at in range(3))),
            (Ref("y0"), Ref("y1"), Ref("y2")),
        ),
    ),
}

NEAR: dict[str, tuple[tuple[Spec, ...], Graph]] = {
    "two free calls with a write in between": (
        (Spec("p", (TAG, Step("plus", ("t", "t"), (0, 0), ("y",))), ("y",)),),
        Graph(
            (
                X,
                _call("t", "A", "tag", "x", k=2.0),
                _other("w", "poke", "A", "x"),
                _call("u", "A", "tag", "x", k=2.0),
                _call("y", "A", "plus", "t", "u"),
            ),
            (Ref("y"),),
        ),
    ),
    "views that change the last dim, there and back": (
        (Spec("p", (TAG, INC, Step("dbl", ("y",), (1,), ("d",))), ("d",)),),
        Graph(
            (
                X,
                _call("t", "A", "tag", "x", k=2.0),
                _other("c", "view", "C", "t"),
                _call("y", "C", "inc", "c"),
                _other("b", "view", "A", "y"),
                _call("d", "A", "dbl", "b"),
            ),
            (Ref("d"),),
        ),
    ),
    "what takes a match's place waits for another match": (
        (
            Spec("p", (Step("inc", ("z",), (0,), ("a",)), Step("inc", ("z",), (0,), ("b",))), ("a", "b")),
            Spec(
                "q",
                (
                    Step("inc", ("z",), (0,), ("a",)),
                    Step("inc", ("z",), (0,), ("b",)),
                    Step("bump", ("b", "s"), (0, 0), ("y",)),
                ),
                ("a", "y"),
            ),
        ),
        Graph(
            (
                X,
                _call("s", "A", "inc", "x"),
                _call("a", "A", "inc", "x"),
                _other("v", "view", "B", "a"),
                _call("b", "A", "inc", "x"),
                _call("y", "A", "bump", "b", "s"),
                _call("c", "A", "inc", "x"),
            ),
            (Ref("v"), Ref("y"), Ref("c")),
        ),
    ),
}
