"""A pattern -> sizes, captures and types with which its left side can stand and its conditions hold.

In: a pattern as a target reads it, and the context of its pass. Out: `Sample` values, all concrete, found by trying:
small sizes that differ where they can, and the literals that the conditions name. Conditions are judged by the code
that types the right side of a match.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, cast

import attrs

from patdsl.compiler.left_types import CASES, MORE_CASES, Case, LeftError, LeftTypes, Opaque
from patdsl.compiler.prove import possible_left
from patdsl.compiler.symbolic import DtypeVariable, Made, Poly
from patdsl.dtypes import Dtype, is_dtype, resolve
from patdsl.expr import UNKNOWN, EvaluationError, Expr, Lit, evaluate
from patdsl.graph import Pattern, RightStep, RightView
from patdsl.match.blocks import Placed
from patdsl.match.context import Context
from patdsl.match.found import RightValue, TensorMeta, Value
from patdsl.match.layout import contiguous_strides
from patdsl.match.sites import Sites
from patdsl.match.typed import RefusedError, RightTyping
from patdsl.op_table import OneOf, Op, Step
from patdsl.resolved_to_text import expr_text

#: A tensor of more elements makes a test slow.
MOST_ELEMENTS = 1 << 17
#: Assignments that are tried before a pattern counts as one without an example.
TRIES = 4_000
#: The first of these take sizes that differ from each other; later ones take any.
DISTINCT_TRIES = 60
LEADING = (2, 3, 5, 7, 11, 13, 17, 19)
LAST = (256, 384, 128, 512, 640, 768, 896, 1024)
#: Dtypes of bytes, which caches and quantised values have.
BYTES = (Dtype("fp8"), Dtype("i8"), Dtype("u8"))
INTEGERS = ("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64")
SMALL = (1, 2, 4, 8, 16, 32, 64)
EPSILONS = (1e-6, 1e-5, 2e-6, 3e-5)


@attrs.frozen
class Judged:
    """A condition of the pattern, or of an op that its right side calls, and whether it holds (None: not known)."""

    text: str
    holds: bool | None


@attrs.frozen(eq=False)
class Sample:
    """`names`: dims and captures, as plain values. `metas`: the type of every tensor of the left side by its name."""

    names: Mapping[str, Any]
    metas: Mapping[str, TensorMeta]
    judged: tuple[Judged, ...]

    @property
    def broken(self) -> tuple[str, ...]:
        """The conditions that do not hold."""
        return tuple(each.text for each in self.judged if each.holds is False)


def samples(
    pattern: Pattern,
    context: Context,
    *,
    leading: int = 1,
    view: str = "same",
    given: Mapping[str, Any] | None = None,
    breaking: bool = False,
    tokens: int | None = None,
    tries: int = TRIES,
) -> Iterator[Sample]:
    """Samples of a pattern, those of distinct sizes first; also such as break conditions (`Sample.broken`).

    `leading` is how many dims a `*B` stands for, where the declarations leave it open; `view` is `merged` where each
    `view?` merges them. `given` fixes captures and dims
    by name, and dtypes of tensors by their dtype variable. `breaking`: the conditions are not taken for granted when
    sizes and dtypes are chosen.
    """
    for left in typed_lefts(pattern, context, Case(leading, view), breaking):
        search = Search(pattern, context, left, given or {}, breaking, tokens)
        for attempt in range(tries):
            sample = search.attempt(attempt)
            if sample is not None:
                yield sample


def typed_lefts(
    pattern: Pattern, context: Context, first: Case, breaking: bool = False
) -> Iterator[LeftTypes]:
    """The left side typed, with so many leading dims first, or only so where a view is asked for."""
    others = [case for case in (*CASES, *MORE_CASES) if case.view == "same"] if first.view == "same" else []
    for case in dict.fromkeys((first, *others)):
        if not breaking:
            found = possible_left(pattern, context.ops, context.names, [case])
            if found is not None:
                yield found
            continue
        left = LeftTypes(pattern, context.ops, context.names, case)
        with contextlib.suppress(LeftError):
            left.run()
            yield left


class Search:
    """Assignments of one typed left side."""

    most_elements = MOST_ELEMENTS

    def __init__(
        self,
        pattern: Pattern,
        context: Context,
        left: LeftTypes,
        given: Mapping[str, Any],
        breaking: bool,
        tokens: int | None,
    ) -> None:
        self.pattern, self.context, self.left, self.given, self.breaking = (
            pattern,
            context,
            left,
            given,
            breaking,
        )
        #: A dim and a dtype may have one name.
        self.given_sizes = {name: value for name, value in self.given.items() if type(value) is int}
        self.chance = random.Random(0)  # noqa: S311  # no secret: the same samples in every run
        self.literals = _literals(pattern, context)
        self.ints = [each for each in self.literals if type(each) is int and each > 0]
        self.roles = self._roles()
        self.own = self._own()
        self.ones = self._ones()
        self.tokens = tokens
        self.options = {
            operand.name: [_plain(option, context) for option in operand.options]
            for step in pattern.left.steps
            if isinstance(step, Step)
            for _, operand in step.operands
            if isinstance(operand, OneOf)
        }
        self.nullable = nullable(pattern, context)
        self.dtypes: dict[str, Dtype] = {}
        self.captured = {
            value.resolved.name
            for item in pattern.inputs
            if isinstance(value := left.names.get(item.name), DtypeVariable)
        }

    def _roles(self) -> dict[str, str]:
        """The variables by what they are: `tokens`, the first dim of a tensor, or the only one of integers, which stand
        for tokens; `leading`, another dim before the last; `last`; `int`, whatever else, and parts of a dim that are
        none themselves.
        """
        roles: dict[str, str] = {}
        every: list[Any] = [
            dim for meta in self.left.types.values() if meta for dim in meta.dims if isinstance(dim, Poly)
        ]
        alone = {name for dim in every if len(names := set(variables_in(dim))) == 1 for name in names}
        for item in self.pattern.inputs:
            meta = self.left.types.get(item.name)
            dims = meta.dims if meta is not None else ()
            whole = meta is not None and meta.dtype.resolved.name in INTEGERS
            for at, dim in enumerate(dims):
                if at == 0 and (len(dims) > 1 or whole):
                    role = "tokens"
                else:
                    role = "leading" if at < len(dims) - 1 or whole else "last"
                for name in variables_in(self.left.facts.reduced(dim) if isinstance(dim, Poly) else dim):
                    roles.setdefault(name, role if name in alone else "int")
        for value in (
            *self.left.names.values(),
            *(dim for meta in self.left.types.values() if meta for dim in meta.dims),
            *self.left.facts.zero,
        ):
            for part in value if isinstance(value, tuple) else (value,):
                for name in variables_in(self.left.facts.reduced(part) if isinstance(part, Poly) else part):
                    roles.setdefault(name, "int")
        return roles

    def _own(self) -> frozenset[str]:
        """Variables that the type of one input has and nothing else: the number of scales, say."""
        types = [meta for meta in self.left.types.values() if meta is not None]
        reads = [
            {
                name
                for dim in meta.dims
                if isinstance(dim, Poly)
                for name in variables_in(self.left.facts.reduced(dim))
            }
            for meta in types
        ]
        return frozenset(name for name in self.roles if sum(name in names for names in reads) == 1)

    def _token_dims(self) -> list[str]:
        return [name for name, role in self.roles.items() if role == "tokens" and name not in self.ones]

    def _ones(self) -> frozenset[str]:
        """Variables whose product is known to be 1, as those of a tensor of one element."""
        found: set[str] = set()
        for fact in map(self.left.facts.reduced, self.left.facts.zero):
            products = [monomial for monomial in fact.terms if monomial]
            if len(products) == 1 and fact.terms.get(()) == -fact.terms[products[0]]:
                found.update(name for name, power in products[0] if power > 0 and not isinstance(name, Made))
        return frozenset(found)

    def attempt(self, attempt: int) -> Sample | None:
        sizes = self._sizes(attempt)
        if self.tokens is not None:
            sizes.update((name, self.tokens) for name in self._token_dims())
        if any(self.value_at(fact, sizes) != 0 for fact in self.left.facts.zero):
            return None
        return self.sample(sizes, attempt)

    def sample(self, sizes: Mapping[str, int], attempt: int) -> Sample | None:
        """With these sizes, which the facts allow. Captures and dtypes vary with the attempt, after the first few."""
        self.dtypes.clear()
        names: dict[str, Any] = {}
        try:
            for name, value in self.left.names.items():
                names[name] = self._value(name, value, sizes, attempt)
            metas = self._metas(sizes, attempt)
        except _UnfitError:
            return None
        for name, value in self.options.items():
            names[name] = self.given.get(name, value[attempt % len(value)])
        for name in self.nullable:
            if name in self.given and self.given[name] is None:
                metas.pop(name, None)
                names[name] = None
        if any(
            _elements(metas[item.name]) > self.most_elements
            for item in self.pattern.inputs
            if item.name in metas
        ):
            return None
        return judge(self.pattern, self.context, names, metas)

    def _sizes(self, attempt: int) -> dict[str, int]:
        """A size for each variable: distinct ones at first, then any, in half of the attempts one count of tokens."""
        if attempt >= DISTINCT_TRIES:
            return self._any_sizes(attempt)
        sizes: dict[str, int] = {}
        leading, last = list(LEADING), list(LAST)
        if attempt > 1:
            self.chance.shuffle(leading)
            self.chance.shuffle(last)
        for name, role in self.roles.items():
            if name in self.given_sizes:
                sizes[name] = self.given_sizes[name]
            elif name in self.ones or (attempt % 2 and name in self.own):
                sizes[name] = 1
            elif role in ("tokens", "leading"):
                sizes[name] = leading.pop(0) if leading else 2
            elif role == "last":
                sizes[name] = last.pop(0) if last else 128
            else:
                sizes[name] = self.chance.choice(self.ints or [8, 16, 32])
        return sizes

    def _any_sizes(self, attempt: int) -> dict[str, int]:
        """In most attempts few sizes that go together: so many tokens, heads, and values of a head."""
        zero = [0] if self.breaking else []
        choices: dict[str, tuple[int, ...]] = {"int": (*SMALL, *self.ints, *zero)}
        others: tuple[int, ...] = (*SMALL, *self.ints)
        if self.breaking:  # what is past a limit
            others += tuple(number for each in self.ints for number in (each + 1, each * 2))
        if attempt % 4:
            tokens, heads = self.chance.choice(((4, 2), (8, 2), (2, 2), (4, 1)))
            head = self.chance.choice([8, 16, *(each for each in self.ints if each % 8 == 0)])
            others = (head, heads * head)
            choices = {"tokens": (tokens,), "leading": (1,), "int": (tokens, heads, head, *zero)}
        return {
            name: self.given_sizes[name]
            if name in self.given_sizes
            else 1
            if name in self.ones
            else self.chance.choice(choices.get(role, others))
            for name, role in self.roles.items()
        }

    def value_at(self, poly: Poly, sizes: Mapping[str, int]) -> Fraction:
        """What a dim or fact is with these sizes."""
        total = Fraction(0)
        for monomial, coefficient in self.left.facts.reduced(poly).terms.items():
            for name, power in monomial:
                if isinstance(name, Made):
                    base = name.at(lambda part: self.value_at(part, sizes))
                else:
                    base = Fraction(sizes.get(name, 1))
                if base == 0 and power < 0:
                    return Fraction(1, 2)  # no size
                coefficient *= base**power
            total += coefficient
        return total

    def _whole(self, value: Any, sizes: Mapping[str, int]) -> int:
        number = self.value_at(value, sizes) if isinstance(value, Poly) else Fraction(value)
        if number.denominator != 1:
            raise _UnfitError
        return int(number)

    def _value(self, name: str, value: Any, sizes: Mapping[str, int], attempt: int) -> Any:
        if isinstance(value, Poly) and name in self.given_sizes:
            return self.given_sizes[name]
        if name in self.given and not isinstance(value, Poly):
            return self.given[name]
        if isinstance(value, tuple):
            return tuple(self._value("", part, sizes, attempt) for part in value)
        if isinstance(value, Poly):
            return self._whole(value, sizes)
        if isinstance(value, Dtype):
            return self._dtype(value, attempt)
        if isinstance(value, Opaque):
            return self._opaque(value, attempt)
        return value

    def _opaque(self, value: Opaque, attempt: int) -> Any:
        named = [each for each in self.literals if type(each).__name__ == value.kind]
        if value.kind == "float":
            own = EPSILONS[hash_of(value.name) % len(EPSILONS)]
            return (
                self.chance.choice((own, *named, *(each + 1 for each in named)))
                if attempt >= DISTINCT_TRIES // 2
                else own
            )
        if value.kind == "bool":
            return attempt >= DISTINCT_TRIES // 2 and self.chance.random() < 0.5
        if value.kind == "opaque":
            return "example"
        if value.kind == "str":
            return self.chance.choice(named) if named else "example"
        raise _UnfitError

    def _dtype(self, value: Dtype, attempt: int) -> Dtype:
        """What is known of a dtype; else one choice for one variable in one attempt."""
        known = value.resolved
        for name in (value.name, known.name):
            if name in self.given:
                allowed = self.left.facts.options.get(known.name)
                given = cast(Dtype, self.given[name])
                if (allowed is not None and given not in allowed) or (
                    is_dtype(known.name) and known != given
                ):
                    raise _UnfitError
                return given
        if is_dtype(known.name):
            return resolve(known, self.context.target)
        if known.name not in self.dtypes:
            allowed = self.left.facts.options.get(known.name)
            if allowed is None and self.breaking:
                allowed = (Dtype("bf16"), Dtype("f16"), Dtype("f32"), *BYTES)
            elif allowed is None:
                first = Dtype("fp8") if known.name in self.captured else Dtype("bf16")
                named = [each for each in self.literals if isinstance(each, Dtype)]
                allowed = (first, *named) if attempt >= DISTINCT_TRIES // 2 else (first,)
            chosen = allowed[0] if attempt == 0 else self.chance.choice(allowed)
            self.dtypes[known.name] = resolve(chosen, self.context.target)
        return self.dtypes[known.name]

    def _metas(self, sizes: Mapping[str, int], attempt: int) -> dict[str, TensorMeta]:
        metas = {}
        for name, meta in self.left.types.items():
            if meta is None:
                continue
            dims = tuple(self._whole(dim, sizes) for dim in meta.dims)
            least = 0 if self.tokens == 0 else 1
            if any(
                dim < least for dim, said in zip(dims, meta.dims, strict=True) if not isinstance(said, int)
            ):
                raise _UnfitError  # but for a dim that is declared to be 0
            device = "cpu" if self.context.target == "cpu" else "cuda"
            dtype = self._dtype(meta.dtype, attempt)
            metas[name] = TensorMeta(dtype, dims, contiguous_strides(dims), device)
        return metas


class _UnfitError(Exception):
    """These sizes make something that is no size."""


def hash_of(text: str) -> int:
    """The same number for a text in every process."""
    return sum(ord(char) * (at + 1) for at, char in enumerate(text))


def _elements(meta: TensorMeta) -> int:
    count = 1
    for dim in meta.dims:
        count *= dim
    return count


def variables_in(value: Any) -> Iterator[str]:
    """The variables of a dim or fact, again for each time that they occur."""
    if not isinstance(value, Poly):
        return
    for monomial in value.terms:
        for name, _ in monomial:
            if isinstance(name, Made):
                for part in name.parts:
                    yield from variables_in(part)
            else:
                yield name


def _plain(option: Expr, context: Context) -> Any:
    return evaluate(option, context.scope({}))


def _literals(pattern: Pattern, context: Context) -> list[Any]:
    """What the conditions and guards of a pattern's ops compare with, in order."""
    used = [step.op for step in (*pattern.left.steps, *pattern.right) if hasattr(step, "op")]
    found: dict[tuple[str, Any], Any] = {}
    for expr in (
        *pattern.where,
        *(condition for name in used for condition in context.ops[name].where),
        *(
            binding.guard
            for name in used
            for binding in context.ops[name].bindings
            if binding.guard is not None
        ),
    ):
        for value in literals_in(expr):
            found.setdefault((type(value).__name__, value), value)
    return list(found.values())


def literals_in(value: Any) -> Iterator[Any]:
    """Every literal in an expression."""
    if isinstance(value, Lit):
        yield value.value
    elif isinstance(value, tuple):
        for each in value:
            yield from literals_in(each)
    elif attrs.has(type(value)):
        for field in attrs.fields(type(value)):
            yield from literals_in(getattr(value, field.name))


def nullable(pattern: Pattern, context: Context) -> tuple[str, ...]:
    """Inputs that may be none for every op that takes them."""
    return tuple(
        item.name
        for item in pattern.inputs
        if item.type is None and all(param.optional for param in _taken_by(pattern, context.ops, item.name))
    )


def _taken_by(pattern: Pattern, ops: Mapping[str, Op], name: str) -> Iterable[Any]:
    for step in (*pattern.left.steps, *pattern.right):
        operands = (
            step.operands if isinstance(step, Step) else step.args if isinstance(step, RightStep) else ()
        )
        for param, operand in operands:
            if getattr(operand, "value", None) == name:
                yield ops[step.op].param[param]  # type: ignore[union-attr]


# Conditions


def judge(
    pattern: Pattern, context: Context, names: Mapping[str, Any], metas: Mapping[str, TensorMeta]
) -> Sample | None:
    """The sample with its conditions judged; None where the right side cannot be typed with it."""
    typing = _Judging.of(pattern, context, names, metas)
    try:
        for condition in pattern.where:
            typing.note(condition, typing.place.names, "")
        for step in pattern.right:
            branch = None if step.fan_out is None else 0
            if isinstance(step, RightView):
                typing.view(step, branch)
            else:
                typing.call(step, branch)
    except (RefusedError, EvaluationError):
        return None
    return Sample(dict(names), dict(metas), tuple(typing.judged))


@attrs.define
class _Judging(RightTyping):
    """The typing of a right side that notes which conditions hold instead of refusing, and chooses no binding."""

    judged: list[Judged] = attrs.field(factory=list, kw_only=True)

    @classmethod
    def of(
        cls,
        pattern: Pattern,
        context: Context,
        names: Mapping[str, Any],
        metas: Mapping[str, TensorMeta],
    ) -> _Judging:
        bound: dict[str, Any] = dict(names)
        for name, meta in metas.items():
            bound[name] = Value(name, None, (), meta, name)
        sites = cast(Sites, SimpleNamespace(context=context, op=context.ops.get))
        branches = {fan_out.name: (bound,) for fan_out in pattern.left.fan_outs}
        place = cast(Placed, SimpleNamespace(names=bound, branches=branches, sites=()))
        return cls(sites, pattern, place)

    def note(self, condition: Expr, names: Mapping[str, Any], whose: str) -> None:
        held = evaluate(condition, self.scope(names))
        text = f"{whose}{expr_text(condition)}"
        self.judged.append(Judged(text, None if held is UNKNOWN else held is True))

    def call(self, step: RightStep, branch: int | None) -> None:
        op = self.sites.context.ops[step.op]
        given = {name: self.operand(operand, branch, step.fan_out) for name, operand in step.args}
        args = {param.name: self.argument(op, param, given) for param in op.params}
        flat = {
            name: dims for name in step.flatten if (dims := self.flattened(op, name, args[name])) is not None
        }
        names = self.op_names(op, args, flat)
        for condition in op.where:
            self.note(condition, names, f"{op.name}: ")
        scope = self.scope(names)
        for result, value in step.results:
            declared = op.result.get(result)
            made = None if declared is None else self.result_type(declared.type, names, scope, "")
            self.metas[RightValue(value, branch)] = made
