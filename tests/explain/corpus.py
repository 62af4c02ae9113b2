"""Graphs that a pattern just misses, each with one planted cause.

A case is a pattern, the lines of a graph, and what explain is to say: the kind of cause, words of the message, the node
it points at, and words of the change that is suggested ("" where none is). A line such as
`y: bf16[8, 256] = lib.norm(x, w, 1e-06)` becomes what torch prints of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import attrs

OPS = """\
op norm(x: T[*B, H], weight: T[H], epsilon: float) -> (y: T[*B, H]) = lib::norm
op quant(x: T[*B, H], group: int, col: bool = false) -> (q: fp8[*B, H], scale: f32[*B, H / group])
  = lib::quant
  | lib::quant_out(x, out q, out scale, group, col)
  | lib::quant_rows(x, group)  if rank(x) == 2 and not col
op fused(x: T[*B, H], weight: T[H], epsilon: float, group: int) -> (q: fp8[*B, H], scale: f32[*B, H / group])
  = lib::fused
  where group in {64, 128}
op fused_keep(x: T[*B, H], weight: T[H], epsilon: float, group: int)
    -> (y: T[*B, H], q: fp8[*B, H], scale: f32[*B, H / group]) = lib::fused_keep
op twice(x: T[*B]) -> (y: T[*B]) = lib::twice
op act(x: T[*B], mode: str = "plain", limit: float = 1.0) -> (y: T[*B]) = lib::act
op both(x: T[*B]) -> (y: T[*B]) = lib::both
op join(a: T[*B], b: T[*B]) -> (y: T[*B]) = lib::join
op join_both(x: T[*B]) -> (y: T[*B]) = lib::join_both
op act_twice(x: T[*B], limit: float) -> (y: T[*B]) = lib::act_twice
op state(x: T[*B]) -> (y: T[*B]) = lib::state
  effect cache
op state_both(x: T[*B]) -> (y: T[*B]) = lib::state_both
  effect cache
op only_f32(x: f32[*B]) -> (y: f32[*B]) = lib::only_f32
op only_2d(x: T[M, H]) -> (y: T[M, H]) = lib::only_2d
"""
CHAIN = "pattern p { norm -> quant => fused }"
PAIR = "pattern p { norm -> view? -> 2x quant => 2x fused }"
TWO = "pattern p { twice -> act => both }"
DIAMOND = "pattern p(x: T[*B]) {\n  a = twice(x)\n  b = act(a)\n  y = join(a, b)\n=>\n  y = join_both(x)\n}"


@attrs.frozen
class Case:
    name: str
    pattern: str
    lines: tuple[str, ...]
    kind: str
    says: tuple[str, ...]
    at: str
    change: str = ""
    target: str = "cpu"


INPUTS = (
    "x: bf16[8, 256], w: bf16[256], z: bf16[8, 256], f: f32[8, 256], s: bf16[s0, 256], i: bf16[8, 4, 256]"
)
NORM = "y: bf16[8, 256] = lib.norm(x, w, 1e-06)"


def quant(of: str = "y", group: str = "128", tag: str = "", rank: str = "8, ", more: str = "") -> list[str]:
    """The lines of one quantisation."""
    parts = 256 // int(group)
    return [
        f"qs{tag} = lib.quant({of}, {group}{more})",
        f"q{tag}: f8e4m3fn[{rank}256] = qs{tag}[0]",
        f"k{tag}: f32[{rank}{parts}] = qs{tag}[1]",
    ]


def chain(*extra: str, quants: list[str] | None = None, out: str = "q, k") -> tuple[str, ...]:
    return (NORM, *(quants or quant()), *extra, f"return ({out})")


def cases() -> Iterator[Case]:
    view = "v: bf16[2, 4, 256] = aten.reshape.default(y, [2, 4, 256])"
    # a view between
    for name, op in {
        "reshape": view,
        "view": view.replace("reshape", "view"),
        "unsafe_view": view.replace("reshape", "_unsafe_view"),
        "unsqueeze": "v: bf16[1, 8, 256] = aten.unsqueeze.default(y, 0)",
    }.items():
        rank = "1, 8, " if name == "unsqueeze" else "2, 4, "
        lines = (NORM, op, *quant("v", rank=rank), "return (q, k)")
        yield Case(f"view_{name}", CHAIN, lines, "view", ("'v'", "view?"), "v", "view? -> quant")
    block = "pattern p(x: T[*B, H], weight: T[H]) {\n  y = norm(x, weight, epsilon)\n  q, scale = quant(y, group)\n=>\n"
    block += "  q, scale = fused(x, weight, epsilon, group)\n}"
    yield Case(
        "view_block",
        block,
        (NORM, view, *quant("v", rank="2, 4, "), "return (q, k)"),
        "view",
        ("'v'",),
        "v",
        "view?(y)",
    )
    last = (NORM, "v: bf16[4, 512] = aten.reshape.default(y, [4, 512])", "qs = lib.quant(v, 128)")
    last += ("q: f8e4m3fn[4, 512] = qs[0]", "k: f32[4, 4] = qs[1]", "return (q, k)")
    yield Case("view_last_dim", PAIR.replace("2x ", ""), last, "view", ("'v'",), "v")
    yield Case(
        "view_demanded",
        PAIR.replace("view?", "view").replace("2x ", ""),
        chain(),
        "view",
        ("wants a view", "itself"),
        "qs",
    )
    # how many
    for given, wanted in ((1, 2), (3, 2), (4, 2), (2, 3), (5, 4), (3, 5)):
        lines = [NORM]
        for at in range(given):
            lines += quant(tag=str(at))
        lines.append(f"return ({', '.join(f'q{at}, k{at}' for at in range(given))})")
        text = PAIR.replace("2x", f"{wanted}x")
        change = f"{given}x quant" if given < wanted else f"{wanted}..x quant"
        yield Case(
            f"count_{given}_of_{wanted}",
            text,
            tuple(lines),
            "count",
            (f"{given} alike", f"takes {wanted}"),
            "y",
            change,
        )
    lone = "pattern p(x: T[*B, H]) {\n  q, scale = 3x quant(x, group)\n=>\n  q, scale = quant(x, group)\n}"
    lines = (*quant("x", tag="1"), *quant("x", tag="2"), "return (q1, k1, q2, k2)")
    yield Case("count_alone", lone, lines, "count", ("2 alike", "takes 3"), "qs1", "2x quant")
    # attributes
    for name, text, call, change in (
        (
            "literal",
            "twice -> act(limit=2.0) => act_twice(limit=2.0)",
            "lib.act(a, 'plain', 3.0)",
            "limit in {2.0, 3.0}",
        ),
        ("default", "twice -> act => both", "lib.act(a, 'plain', 3.0)", ""),
        (
            "set",
            "twice -> act(limit=l in {2.0, 4.0}) => act_twice(limit=l)",
            "lib.act(a, 'plain', 3.0)",
            "l in {2.0, 4.0, 3.0}",
        ),
        ("string", 'twice -> act(mode="fast") => both', "lib.act(a, 'slow')", '"fast", "slow"'),
        ("string_default", "twice -> act => both", "lib.act(a, 'fast')", ""),
    ):
        lines = ("a: bf16[8, 256] = lib.twice(x)", f"b: bf16[8, 256] = {call}", "return (b)")
        yield Case(
            f"attribute_{name}", f"pattern p {{ {text} }}", lines, "attribute", ("act.", "wants"), "b", change
        )
    yield Case(
        "attribute_col",
        CHAIN,
        chain(quants=quant(more=", True")),
        "attribute",
        ("quant.col is true", "wants false"),
        "qs",
    )
    same = "pattern p { norm(epsilon=1e-5) -> quant => fused(epsilon=1e-5) }"
    yield Case(
        "attribute_epsilon",
        same,
        chain(),
        "attribute",
        ("norm.epsilon is 1e-06", "wants 1e-05"),
        "y",
        "epsilon in {1e-05, 1e-06}",
    )
    twice_same = "pattern p { act(limit=l, mode=_) -> act(limit=l, mode=_) => act_twice(limit=l) }"
    lines = (
        "a: bf16[8, 256] = lib.act(x, 'plain', 2.0)",
        "b: bf16[8, 256] = lib.act(a, 'plain', 3.0)",
        "return (b)",
    )
    yield Case("attribute_equal", twice_same, lines, "attribute", ("act.limit", "already"), "b")
    # another op
    for name, op in {"unknown": "my.quant", "aten": "aten.sigmoid.default", "other": "lib.twice"}.items():
        lines = (NORM, f"b: bf16[8, 256] = {op}(y)", "return (b)")
        says = (
            ("if my::quant.default computes quant, it needs a binding",)
            if name == "unknown"
            else ("wants quant here",)
        )
        yield Case(f"op_{name}", CHAIN, lines, "op", says, "b")
    for name, call, change in (
        ("above", "my.norm(x, w, 1e-06)", "| my::norm"),
        ("order", "my.norm(x, 1e-06, w)", "| my::norm(x, epsilon, weight)"),
        ("keyword", "my.norm(x, epsilon = 1e-06, scale = w)", "| my::norm(x, epsilon=epsilon, scale=weight)"),
        ("constant", "my.norm(x, w, 1e-06, True, 'fast')", '| my::norm(x, weight, epsilon, true, "fast")'),
        ("overload", "my.norm.eps(x, w, 1e-06)", "| my::norm.eps"),
    ):
        lines = (f"a: bf16[8, 256] = {call}", *quant("a"), "return (q, k)")
        says = ("computes norm, it needs a binding", "my::norm.")
        yield Case(f"op_unknown_{name}", CHAIN, lines, "op", says, "a", change)
    for name, call, change in (
        ("below", "my.quant(y, 128)", "| my::quant"),
        ("order", "my.quant(128, y)", "| my::quant(group, x)"),
    ):
        lines = (
            NORM,
            f"qs = {call}",
            "q: f8e4m3fn[8, 256] = qs[0]",
            "k: f32[8, 2] = qs[1]",
            "return (q, k)",
        )
        says = ("my::quant.default computes quant",)
        yield Case(f"op_unknown_quant_{name}", CHAIN, lines, "op", says, "qs", change)
    lines = (*quant("x"), "return (q, k)")
    yield Case("input_above", CHAIN, lines, "branch", ("wants norm", "not computed"), "x")
    yield Case("nothing_below", CHAIN, (NORM, "return (y)"), "branch", ("wants quant", "no other op"), "y")
    # something between
    for name, op in {
        "relu": "aten.relu.default(y)",
        "mul": "aten.mul.Tensor(y, 2)",
        "to": "prims.convert_element_type.default(y, torch.float32)",
        "act": "lib.act(y)",
        "unknown": "my.thing(y)",
    }.items():
        kind = "f32" if name == "to" else "bf16"
        lines = (NORM, f"m: {kind}[8, 256] = {op}", *quant("m"), "return (q, k)")
        change = {
            "relu": "between: relu? -> quant => between? -> fused",
            "act": "between: act? -> quant",
        }.get(name, "")
        change = "between: mul(other=2)? -> quant" if name == "mul" else change
        says = ("'m'", "stands between 'y' and quant")
        yield Case(f"between_{name}", CHAIN, lines, "between", says, "m", change)
    mirrored = "pattern p { twice -> act => act_twice(limit=1.0) -> twice }"
    lines = (
        "a: bf16[8, 256] = lib.twice(x)",
        "m: bf16[8, 256] = aten.neg.default(a)",
        "b: bf16[8, 256] = lib.act(m)",
        "return (b)",
    )
    change = "between: neg? -> act => act_twice(limit=1.0) -> between? -> twice"
    yield Case("between_on_the_right_too", mirrored, lines, "between", ("'m'",), "m", change)
    # another value
    lines = (
        "a: bf16[8, 256] = lib.twice(x)",
        "b: bf16[8, 256] = lib.act(a)",
        "y: bf16[8, 256] = lib.join(z, b)",
        "return (y)",
    )
    yield Case("value_other", DIAMOND, lines, "value", ("join.a is 'z'", "wants 'a'"), "y")
    lines = (
        "a: bf16[8, 256] = lib.twice(x)",
        "b: bf16[8, 256] = lib.act(a)",
        "y: bf16[8, 256] = lib.join(b, a)",
        "return (y)",
    )
    yield Case("value_order", DIAMOND, lines, "value", ("join.",), "y")
    lines = ("a: bf16[8, 256] = lib.twice(x)", "b: bf16[8, 256] = lib.act(a)", "return (a, b)")
    yield Case("branch_missing", DIAMOND, lines, "branch", ("wants join", "no other op"), "a")
    # the form of a call
    lines = (
        "qs = lib.quant_rows(i, 128)",
        "q: f8e4m3fn[8, 4, 256] = qs[0]",
        "k: f32[8, 4, 2] = qs[1]",
        "return (q, k)",
    )
    yield Case("form_guard", CHAIN, lines, "form", ("guard", "rank(x) == 2"), "qs")
    lines = (
        "qs = lib.quant_rows(x, 128, extra = True)",
        "q: f8e4m3fn[8, 256] = qs[0]",
        "k: f32[8, 2] = qs[1]",
        "return (q, k)",
    )
    yield Case("form_more", CHAIN, lines, "attribute", ("extra is True",), "qs")
    lines = ("y: bf16[8, 256] = lib.norm(x, None, 1e-06)", *quant(), "return (q, k)")
    yield Case("form_none", CHAIN, lines, "type", ("weight is none",), "y")
    # types
    lines = ("b: bf16[8, 256] = lib.only_f32(x)", "c: bf16[8, 256] = lib.twice(b)", "return (c)")
    yield Case("type_dtype", "pattern p { only_f32 -> twice => both }", lines, "type", ("bf16", "f32"), "b")
    lines = ("b: bf16[8, 4, 256] = lib.only_2d(i)", "c: bf16[8, 4, 256] = lib.twice(b)", "return (c)")
    yield Case("type_rank", "pattern p { only_2d -> twice => both }", lines, "type", ("rank 3",), "b")
    lines = ("y: bf16[8, 256] = lib.norm(x, f, 1e-06)", *quant(), "return (q, k)")
    yield Case("type_weight", CHAIN, lines, "type", ("weight",), "y")
    declared = "pattern p(x: T[4, H]) {\n  a = twice(x)\n  y = act(a)\n=>\n  y = both(x)\n}"
    lines = ("a: bf16[8, 256] = lib.twice(x)", "b: bf16[8, 256] = lib.act(a)", "return (b)")
    yield Case("type_dim", declared, lines, "type", ("8", "4"), "a")
    # used elsewhere
    for name, use in {
        "op": ("e: bf16[8, 256] = aten.sigmoid.default(y)", "q, k, e"),
        "unknown": ("e: bf16[8, 256] = my.thing(y)", "q, k, e"),
        "view": ("e: bf16[4, 512] = aten.reshape.default(y, [4, 512])", "q, k, e"),
        "returned": ("", "q, k, y"),
    }.items():
        lines = chain(*filter(None, use[:1]), out=use[1])
        keeper = "returned" if name in ("returned", "view") else "'e'"
        yield Case(f"user_{name}", CHAIN, lines, "user", ("'y' would stay", keeper), "y", "keep y")
    # conditions
    for name, condition, says in (
        ("dim", "size(x, 1) <= 128", "size(x, 1) <= 128 does not hold"),
        ("dtype", "dtype(x) == f32", "dtype(x) == f32 does not hold"),
        ("rank", "rank(x) == 3", "rank(x) == 3 does not hold"),
        ("device", 'device(x) == "cuda"', "does not hold"),
        ("and", "rank(x) == 2 and numel(x) % 1000 == 0", "does not hold"),
    ):
        text = f"pattern p(x: T[*B]) {{\n  a = twice(x)\n  y = act(a)\n=>\n  y = both(x)\n  where {condition}\n}}"
        lines = ("a: bf16[8, 256] = lib.twice(x)", "b: bf16[8, 256] = lib.act(a)", "return (b)")
        yield Case(f"where_{name}", text, lines, "where", (says,), "a")
    text = "pattern p(x: T[M, H]) {\n  a = twice(x)\n  y = act(a)\n=>\n  y = both(x)\n  where M % 16 == 0\n}"
    lines = ("a: bf16[s0, 256] = lib.twice(s)", "b: bf16[s0, 256] = lib.act(a)", "return (b)")
    yield Case("where_symbolic", text, lines, "where", ("M % 16 == 0 is not statically known", "s0"), "a")
    yield Case(
        "where_of_op", CHAIN, chain(quants=quant(group="32")), "where", ("group in {64, 128}", "32"), "y"
    )
    # writes, effects, order
    late = "pattern p(x: T[*B], b: T[*B]) {\n  a = twice(x)\n  y = join(a, b)\n=>\n  y = join(x, b)\n}"
    for name, write in {
        "known": "aten.add_.Tensor(x, 1)",
        "named": "my.fill_(x)",
        "unread": "my.fill(x)",
    }.items():
        lines = (
            "a: bf16[8, 256] = lib.twice(x)",
            f"u = {write}",
            "b: bf16[8, 256] = lib.act(z)",
            "y: bf16[8, 256] = lib.join(a, b)",
            "return (y)",
        )
        yield Case(f"write_{name}", late, lines, "order", ("'u' writes what 'a' reads",), "u")
    lines = (
        "a: bf16[8, 256] = lib.state(x)",
        "u: bf16[8, 256] = lib.state(z)",
        "b: bf16[8, 256] = lib.act(a)",
        "return (u, b)",
    )
    yield Case("effect_lost", "pattern p { state -> act => both }", lines, "order", ("effect 'cache'",), "a")
    # taken, off
    both = TWO + "\npattern r { twice -> act -> twice => both }"
    lines = (
        "a: bf16[8, 256] = lib.twice(x)",
        "b: bf16[8, 256] = lib.act(a)",
        "c: bf16[8, 256] = lib.twice(b)",
        "return (c)",
    )
    yield Case("taken_by_larger", both, lines, "taken", ("'r' takes this place",), "a")
    passes = (
        "pattern r { twice -> act => both }\n" + TWO + "\npass first { r }\npass second after first { p }"
    )
    yield Case("taken_by_pass", passes, (*lines[:2], "return (b)"), "taken", ("first.r", "runs before"), "a")
    for target in ("gfx942", "sm_80"):
        off = "pattern p { twice -> act => both on sm_90+ }"
        yield Case(
            f"off_{target}",
            off,
            (*lines[:2], "return (b)"),
            "off",
            (target, "sm_90+"),
            "a",
            f"sm_90+, {target}",
            target,
        )
    off = TWO + "\nhost tp: int\npass q when tp > 1 { p }"
    yield Case("off_when", off, (*lines[:2], "return (b)"), "off", ("'when' is false",), "a")
    unbound = TWO.replace("both", "other") + "\nop other(x: T[*B]) -> (y: T[*B]) = lib::other on gfx950"
    yield Case(
        "off_binding",
        unbound,
        (*lines[:2], "return (b)"),
        "off",
        ("'other' cannot be called here", "gfx950"),
        "a",
        "lib::other on gfx950, cpu",
    )


_LINE = re.compile(r"(\w+)(?:: (\w+\[[^\]]*\]))? = ([\w.]+)\((.*)\)")


def graph_text(case: Case) -> str:
    """The graph of a case as torch prints it."""
    inputs = ", ".join(f'{name}: "{annotation(kind)}"' for name, kind in _inputs())
    return "\n".join([f"def forward(self, {inputs}):", *(f"    {_printed(line)}" for line in case.lines), ""])


def _inputs() -> list[tuple[str, str]]:
    return re.findall(r"(\w): (\w+\[[^\]]*\])", INPUTS)


def annotation(kind: str) -> str:
    """A type with its contiguous strides and device."""
    dtype, _, dims = kind.partition("[")
    strides, step = [], "1"
    for dim in reversed(dims[:-1].split(", ")):
        strides.insert(0, step)
        step = str(int(step) * int(dim)) if dim.isdigit() and step.isdigit() else f"{step}*{dim}"
    return f"{dtype}[{dims}[{', '.join(strides)}]cpu"


def _printed(line: str) -> str:
    found = _LINE.fullmatch(line)
    if line.startswith("return"):
        return line.replace(")", ",)")
    if found is None:
        return re.sub(r": (\w+\[[^\]]*\]) =", lambda each: f': "{annotation(each[1])}" =', line)
    name, kind, op, args = found.groups()
    typed = f'{name}: "{annotation(kind)}"' if kind else name
    overload = op if op.count(".") == 2 else f"{op}.default"
    return f"{typed} = torch.ops.{overload}({args})"


CASES = list(cases())
