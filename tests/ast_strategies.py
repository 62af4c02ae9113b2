"""Hypothesis strategies for ASTs that a text can spell.

Names include every word that is a keyword somewhere but not everywhere. Nodes have an empty span.
"""

from __future__ import annotations

from hypothesis import strategies as st

from patdsl.source import Source, Span
from patdsl.syntax import ast_nodes as ast
from patdsl.syntax.token_to_value import spell_string

NOWHERE = Span(Source("generated", ""), 0, 0)
CLAUSE_WORDS = [
    "after",
    "as",
    "commutative",
    "effect",
    "expect",
    "free",
    "if",
    "keep",
    "mut",
    "on",
    "only",
    "out",
    "over",
    "prefer",
    "read",
    "ref",
    "restride",
    "rounds",
    "same",
    "temp",
    "when",
    "where",
    "view",
    "x",
    "x2",
]
PLAIN_TYPES = ("int", "float", "bool", "str", "dtype", "tensor")

words = st.sampled_from(
    [*CLAUSE_WORDS, *"abcfgBHTM", "rms_norm", "group_quant", "a_rather_long_name_of_an_op"]
)
names = words.map(lambda text: ast.Name(NOWHERE, text))
targets = st.builds(
    ast.Target, st.just(NOWHERE), st.sampled_from(["gfx942", "sm_90", "cpu", "on"]), st.booleans()
)
wildcards = st.just(ast.Wildcard(NOWHERE))
stars = st.builds(ast.Star, st.just(NOWHERE), names)
fan_outs = st.sampled_from([(1, 1), (2, 2), (2, 4), (1, None), (2, None)]).map(
    lambda bounds: ast.FanOut(NOWHERE, *bounds)
)


def tuples(
    items: st.SearchStrategy[object], least: int = 0, most: int = 3
) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(items, min_size=least, max_size=most).map(tuple)


def optionally(items: st.SearchStrategy[object]) -> st.SearchStrategy[object | None]:
    return st.none() | items


texts = st.text(max_size=6)
literals = st.one_of(
    st.integers(0, 2**63 - 1).map(lambda value: ast.Literal(NOWHERE, value, str(value))),
    st.floats(0, allow_nan=False, allow_infinity=False)
    .filter(lambda value: "." in repr(value) or "e" in repr(value))
    .map(lambda value: ast.Literal(NOWHERE, value, repr(value))),
    st.sampled_from([(True, "true"), (False, "false"), (None, "none")]).map(
        lambda pair: ast.Literal(NOWHERE, *pair)
    ),
    texts.map(lambda value: ast.Literal(NOWHERE, value, spell_string(value))),
)


def _extend(inner: st.SearchStrategy[ast.Expr]) -> st.SearchStrategy[ast.Expr]:
    operators = st.sampled_from(["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "and", "or"])
    arguments = st.builds(ast.Argument, st.just(NOWHERE), optionally(names), inner)
    return st.one_of(
        st.builds(ast.Unary, st.just(NOWHERE), st.sampled_from(["-", "not"]), inner),
        st.builds(ast.Binary, st.just(NOWHERE), operators, inner, inner),
        st.builds(ast.Member, st.just(NOWHERE), inner, tuples(inner, 1)),
        st.builds(ast.ListExpr, st.just(NOWHERE), tuples(inner | stars)),
        st.builds(ast.Call, st.just(NOWHERE), names, tuples(arguments), optionally(fan_outs), st.booleans()),
    )


exprs: st.SearchStrategy[ast.Expr] = st.recursive(literals | names | wildcards, _extend, max_leaves=8)

tensor_types = st.one_of(
    st.builds(ast.TensorType, st.just(NOWHERE), tuples(names, 1, 1), st.just(False), tuples(exprs | stars)),
    st.builds(ast.TensorType, st.just(NOWHERE), tuples(names, 1), st.just(True), tuples(exprs | stars)),
)
plain_types = st.builds(
    ast.PlainType,
    st.just(NOWHERE),
    st.sampled_from(PLAIN_TYPES).map(lambda text: ast.Name(NOWHERE, text)),
    st.booleans(),
)
parameters = st.builds(
    ast.Parameter,
    st.just(NOWHERE),
    names,
    tensor_types | plain_types,
    st.booleans(),
    st.booleans(),
    optionally(exprs),
)
results = st.builds(ast.Result, st.just(NOWHERE), names, tensor_types | plain_types)

statements = st.builds(ast.Statement, st.just(NOWHERE), tuples(names | wildcards, 1), exprs)
blocks = tuples(statements, 1)
arguments = st.builds(ast.Argument, st.just(NOWHERE), optionally(names), exprs)
chain_ops = st.builds(
    ast.ChainOp,
    st.just(NOWHERE),
    optionally(names),
    optionally(fan_outs),
    names,
    optionally(tuples(arguments)),
    st.booleans(),
)
chains: st.SearchStrategy[ast.Chain] = st.recursive(
    st.builds(ast.Chain, st.just(NOWHERE), tuples(chain_ops, 1)),
    lambda inner: st.builds(
        ast.Chain,
        st.just(NOWHERE),
        tuples(
            st.one_of(
                chain_ops,
                st.builds(ast.Group, st.just(NOWHERE), tuples(inner, 2)),
                st.builds(ast.Alternatives, st.just(NOWHERE), tuples(inner, 2)),
            ),
            1,
        ),
    ),
    max_leaves=5,
)

template_arguments = st.one_of(
    st.builds(ast.TemplateArgument, st.just(NOWHERE), st.just("value"), optionally(names), exprs),
    st.builds(
        ast.TemplateArgument,
        st.just(NOWHERE),
        st.just("out"),
        optionally(names),
        names=tuples(names, 1, 1),
        view_as=optionally(names),
    ),
    st.builds(
        ast.TemplateArgument,
        st.just(NOWHERE),
        st.just("mut"),
        optionally(names),
        names=st.tuples(names, names | wildcards),
    ),
    st.builds(
        ast.TemplateArgument, st.just(NOWHERE), st.just("same"), optionally(names), names=tuples(names, 1, 1)
    ),
    st.builds(ast.TemplateArgument, st.just(NOWHERE), st.just("temp"), optionally(names), type=tensor_types),
)
torch_ops = st.one_of(
    st.builds(ast.TorchOp, st.just(NOWHERE), names, names, optionally(names)),
    st.builds(ast.TorchOp, st.just(NOWHERE), st.none(), names),
)
bindings = st.one_of(
    st.builds(
        ast.Binding,
        st.just(NOWHERE),
        torch_ops,
        optionally(tuples(template_arguments)),
        optionally(tuples(names | wildcards)),
        st.none(),
        tuples(targets),
        optionally(exprs),
    ),
    st.builds(
        ast.Binding,
        st.just(NOWHERE),
        st.none(),
        st.none(),
        st.none(),
        blocks,
        tuples(targets),
        optionally(exprs),
    ),
)

wheres = st.builds(ast.Where, st.just(NOWHERE), exprs)
clauses = st.one_of(
    wheres,
    st.builds(ast.Keep, st.just(NOWHERE), tuples(names, 1)),
    st.builds(ast.Rounds, st.just(NOWHERE), tuples(names, 1)),
    st.builds(ast.Restride, st.just(NOWHERE), tuples(names, 1)),
    st.builds(ast.Prefer, st.just(NOWHERE), names, names),
    st.builds(ast.Only, st.just(NOWHERE), names, names, names),
)
ons = st.builds(ast.On, st.just(NOWHERE), tuples(targets, 1))
dotted = st.lists(words, min_size=1, max_size=3).map(".".join)

imports = st.one_of(
    st.builds(
        ast.Import,
        st.just(NOWHERE),
        dotted,
        st.just(NOWHERE),
        st.just(False),
        optionally(tuples(st.builds(ast.Imported, st.just(NOWHERE), names, optionally(names)), 1)),
    ),
    st.builds(ast.Import, st.just(NOWHERE), texts, st.just(NOWHERE), st.just(True), st.none()),
)
consts = st.builds(
    ast.Const,
    st.just(NOWHERE),
    names,
    tuples(st.builds(ast.ConstValue, st.just(NOWHERE), exprs, tuples(targets)), 1),
)
hosts = st.builds(
    ast.Host, st.just(NOWHERE), names, optionally(tuples(parameters)), plain_types, optionally(exprs)
)
flags = st.sampled_from(["commutative", "free"]).map(lambda text: ast.Name(NOWHERE, text))
ops = st.builds(
    ast.OpDecl,
    st.just(NOWHERE),
    names,
    tuples(parameters),
    tuples(results),
    tuples(bindings),
    tuples(wheres, 0, 2),
    tuples(st.builds(ast.Effect, st.just(NOWHERE), names, st.booleans()), 0, 2),
    optionally(st.builds(ast.Ref, st.just(NOWHERE), dotted, words)),
    st.lists(flags, unique=True, max_size=2).map(tuple),
)
options = exprs | st.builds(ast.TupleExpr, st.just(NOWHERE), tuples(exprs, 2))
pattern_parameters = st.builds(ast.PatternParameter, st.just(NOWHERE), tuples(names, 1), tuples(options, 1))
sides = st.tuples(chains, chains) | st.tuples(blocks, blocks)
patterns = st.builds(
    lambda name, params, inputs, sides, clauses, on: ast.PatternDecl(
        NOWHERE, name, params, inputs, *sides, (*clauses, *on)
    ),
    names,
    tuples(pattern_parameters, 0, 2),
    tuples(parameters),
    sides,
    tuples(clauses),
    tuples(ons, 0, 1),
)
passes = st.builds(
    ast.PassDecl,
    st.just(NOWHERE),
    names,
    tuples(targets),
    optionally(exprs),
    tuples(names),
    tuples(names, 0, 12),
)
tests = st.builds(
    ast.TestDecl,
    st.just(NOWHERE),
    texts,
    tuples(parameters),
    chains | blocks,
    tuples(st.builds(ast.Expect, st.just(NOWHERE), names, st.integers(0, 99))),
)
declarations = st.one_of(imports, consts, hosts, ops, patterns, passes, tests)
files = tuples(declarations, 0, 4).map(lambda items: ast.File(NOWHERE, items, ()))
