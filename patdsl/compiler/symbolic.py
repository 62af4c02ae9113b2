"""Dims as polynomials, for proofs about shapes that hold for every size.

In: fresh dims (`Poly.var`) and the arithmetic of the expression language. Out: `Poly` values in a normal form, and
conditions on them that `Facts.known` decides: True, False, or UNKNOWN where the facts do not say. Division is exact by
the language's definition, so exponents may be negative: `N / D * D` is `N`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from math import ceil
from typing import Any, TypeAlias, Union

import attrs

from patdsl.dtypes import Dtype
from patdsl.expr import MOST_BITS, UNKNOWN

#: A product of more terms than this is not multiplied out.
MOST_TERMS = 4096
#: Starts the name of a variable that may be 0 or negative, or no integer.
ANY_SIGN = "?"

#: Powers of the variables of one term, sorted by name.
Monomial: TypeAlias = tuple[tuple[str, int], ...]
Number: TypeAlias = Union["Poly", int]


class Made(str):
    """The name of a variable that stands for what is not polynomial: one over a sum, a `ceil`, a product too long."""

    parts: tuple[Poly, ...]

    @staticmethod
    def of(text: str, *parts: Poly) -> Made:
        made = Made(text)
        made.parts = parts
        return made

    def at(self, value: Callable[[Poly], Fraction]) -> Fraction:
        """Its value where its parts have these."""
        if len(self.parts) == 2:
            return value(self.parts[0]) * value(self.parts[1])
        part = value(self.parts[0])
        return 1 / part if "(1/" in self[:4] else Fraction(ceil(part))


@attrs.frozen(order=False, eq=False)
class Poly:
    """A sum of terms: monomial -> coefficient, no zero coefficients. A dim is a positive integer."""

    terms: Mapping[Monomial, Fraction]

    @staticmethod
    def var(name: str) -> Poly:
        return Poly({((name, 1),): Fraction(1)})

    @staticmethod
    def of(value: Number) -> Poly:
        if isinstance(value, Poly):
            return value
        if not isinstance(value, (int, float, Fraction)):
            raise TypeError(f"{value!r} is no number")
        return Poly({(): Fraction(value)} if value else {})

    @property
    def constant(self) -> Fraction | None:
        """The value, if it is a number."""
        if not self.terms:
            return Fraction(0)
        return self.terms.get(()) if len(self.terms) == 1 else None

    def __add__(self, other: Number) -> Poly:
        terms = dict(self.terms)
        for monomial, coefficient in Poly.of(other).terms.items():
            terms[monomial] = terms.get(monomial, Fraction(0)) + coefficient
        return Poly({monomial: c for monomial, c in terms.items() if c})

    __radd__ = __add__

    def __neg__(self) -> Poly:
        return Poly({monomial: -c for monomial, c in self.terms.items()})

    def __sub__(self, other: Number) -> Poly:
        return self + -Poly.of(other)

    def __rsub__(self, other: Number) -> Poly:
        return Poly.of(other) - self

    def __mul__(self, other: Number) -> Poly:
        factor = Poly.of(other)
        if len(self.terms) * len(factor.terms) > MOST_TERMS:
            return _not_multiplied(self, factor)
        terms: dict[Monomial, Fraction] = {}
        for one, c in self.terms.items():
            for two, d in factor.terms.items():
                product = _times(one, two)
                terms[product] = terms.get(product, Fraction(0)) + c * d
        if any(max(c.numerator.bit_length(), c.denominator.bit_length()) > MOST_BITS for c in terms.values()):
            return _not_multiplied(self, factor)
        return Poly({monomial: c for monomial, c in terms.items() if c})

    __rmul__ = __mul__

    def __floordiv__(self, other: Number) -> Poly:
        """The exact quotient. One over a sum of terms is a variable of its own, unless the quotient is one term."""
        divisor = Poly.of(other)
        if not divisor.terms:
            raise ZeroDivisionError("division by zero")
        if len(divisor.terms) == 1:
            ((monomial, coefficient),) = divisor.terms.items()
            inverse = tuple((name, -power) for name, power in monomial)
            return self * Poly({inverse: 1 / coefficient})
        ratio = _ratio(self, divisor)
        sign = "" if divisor.is_positive() else ANY_SIGN
        return ratio if ratio is not None else self * Poly.var(Made.of(f"{sign}(1/({divisor}))", divisor))

    def __rfloordiv__(self, other: Number) -> Poly:
        return Poly.of(other) // self

    def __mod__(self, other: Number) -> Remainder:
        return Remainder(self, Poly.of(other))

    def __rmod__(self, other: Number) -> Remainder:
        return Remainder(Poly.of(other), self)

    def ceil_div(self, other: Number) -> Poly:
        """`ceil(self / other)`: the quotient where it is whole, 1 where the divisor is as large, else a variable."""
        divisor = Poly.of(other)
        quotient = self // divisor
        if all(_is_whole(monomial, coefficient) for monomial, coefficient in quotient.terms.items()):
            return quotient
        if self.is_positive() and (divisor - self).is_nonnegative():
            return Poly.of(1)
        return Poly.var(Made.of(f"{'' if quotient.is_positive() else ANY_SIGN}ceil({quotient})", quotient))

    def rceil_div(self, other: Number) -> Poly:
        return Poly.of(other).ceil_div(self)

    def is_nonnegative(self) -> bool:
        """Provably at least 0: every coefficient is, and variables are dims."""
        return all(
            c >= 0 and not any(name.startswith(ANY_SIGN) for name, _ in monomial)
            for monomial, c in self.terms.items()
        )

    def is_positive(self) -> bool:
        return bool(self.terms) and self.is_nonnegative()

    def __eq__(self, other: object) -> Any:
        return Condition("==", self - other) if isinstance(other, (Poly, int)) else NotImplemented

    def __ne__(self, other: object) -> Any:
        return Condition("!=", self - other) if isinstance(other, (Poly, int)) else NotImplemented

    def __lt__(self, other: Number) -> Condition:
        return Condition(">", Poly.of(other) - self)

    def __le__(self, other: Number) -> Condition:
        return Condition(">=", Poly.of(other) - self)

    def __gt__(self, other: Number) -> Condition:
        return Condition(">", self - other)

    def __ge__(self, other: Number) -> Condition:
        return Condition(">=", self - other)

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        if not self.terms:
            return "0"
        text = ""
        for monomial, coefficient in sorted(
            self.terms.items(), key=lambda term: (len(term[0]) == 0, term[0])
        ):
            sign = "-" if coefficient < 0 else "+"
            part = _term_text(monomial, abs(coefficient))
            text += part if not text and sign == "+" else (f"-{part}" if not text else f" {sign} {part}")
        return text


def _times(one: Monomial, two: Monomial) -> Monomial:
    powers = dict(one)
    for name, power in two:
        powers[name] = powers.get(name, 0) + power
    return tuple(sorted((name, power) for name, power in powers.items() if power))


def _is_whole(monomial: Monomial, coefficient: Fraction) -> bool:
    """Is this term an integer for all integer values of its variables?"""
    return coefficient.denominator == 1 and all(
        power > 0 and not name.lstrip(ANY_SIGN).startswith(("(1/", "[")) for name, power in monomial
    )


def _not_multiplied(one: Poly, other: Poly) -> Poly:
    """A variable for a product that would be too long, the same for equal products."""
    text = " * ".join(sorted(f"({factor})" for factor in (one, other)))
    sign = "" if one.is_positive() and other.is_positive() else ANY_SIGN
    return Poly.var(Made.of(f"{sign}[{hashlib.sha256(text.encode()).hexdigest()[:16]}]", one, other))


def _ratio(dividend: Poly, divisor: Poly) -> Poly | None:
    """The quotient where the dividend is one term times the divisor."""
    if not dividend.terms or len(dividend.terms) != len(divisor.terms):
        return Poly.of(0) if not dividend.terms else None
    first = min(divisor.terms)
    for monomial, coefficient in dividend.terms.items():
        inverse = tuple((name, -power) for name, power in first)
        factor = Poly({_times(monomial, inverse): coefficient / divisor.terms[first]})
        if not (factor * divisor - dividend).terms:
            return factor
    return None


def _term_text(monomial: Monomial, coefficient: Fraction) -> str:
    over = [_power_text(name, power) for name, power in monomial if power > 0]
    under = [_power_text(name, -power) for name, power in monomial if power < 0]
    if coefficient.denominator != 1:
        under.insert(0, str(coefficient.denominator))
    if coefficient.numerator != 1 or not over:
        over.insert(0, str(coefficient.numerator))
    return "*".join(over) + "".join(f"/{part}" for part in under)


def _power_text(name: str, power: int) -> str:
    name = name.lstrip(ANY_SIGN)
    return name if power == 1 else f"{name}^{power}"


@attrs.frozen(eq=False)
class Remainder:
    """`a % b`, of which only being 0 can be known."""

    dividend: Poly
    divisor: Poly

    def __eq__(self, other: object) -> Any:
        return Divides(self.dividend, self.divisor) if isinstance(other, int) and other == 0 else UNKNOWN

    def _open(self, other: object) -> Any:
        return UNKNOWN

    __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _open
    __hash__ = None  # type: ignore[assignment]


@attrs.frozen(eq=False)
class Condition:
    """`difference OP 0`. Only `Facts` knows whether it holds."""

    op: str
    difference: Poly

    def __bool__(self) -> bool:
        raise TypeError("a condition on dims has no truth value")


@attrs.frozen(eq=False)
class Divides:
    """`divisor` divides `dividend`."""

    dividend: Poly
    divisor: Poly

    def __bool__(self) -> bool:
        raise TypeError("a condition on dims has no truth value")


@attrs.define
class Facts:
    """What is assumed: the conditions that a match has checked before its result is typed.

    While `assuming`, an equality that is open becomes a fact: that is what a guard does. Afterwards facts only answer.
    Divisions that declarations write are exact, since a graph that matches is well typed.
    """

    zero: list[Poly] = attrs.Factory(list)
    equal: dict[str, Poly] = attrs.Factory(dict)
    dtypes: dict[str, Dtype] = attrs.Factory(dict)
    options: dict[str, tuple[Dtype, ...]] = attrs.Factory(dict)
    assuming: bool = True

    def known(self, condition: Any) -> Any:
        """True, False or UNKNOWN; while `assuming`, an equality that is open is taken for a fact and True."""
        held = self.decided(condition)
        if held is UNKNOWN and self.assuming and isinstance(condition, Condition) and condition.op == "==":
            self.assume(self.reduced(condition.difference))
            return True
        return held

    def decided(self, condition: Any) -> Any:
        """True, False or UNKNOWN, from the facts there are."""
        if isinstance(condition, bool):
            return condition
        if isinstance(condition, Divides):
            if not condition.divisor.terms:
                return UNKNOWN  # no remainder by zero is anything
            constant = (condition.dividend // condition.divisor).constant
            return constant is None or constant.denominator == 1
        if not isinstance(condition, Condition):
            return UNKNOWN
        difference = self.reduced(condition.difference)
        if condition.op in ("==", "!="):
            same = self._is_zero(difference)
            return same if condition.op == "==" or same is UNKNOWN else not same
        if condition.op == ">" and difference.is_positive():
            return True
        if condition.op == ">=" and difference.is_nonnegative():
            return True
        if (-difference).is_positive() or (condition.op == ">" and not difference.terms):
            return False
        return UNKNOWN

    def assume(self, difference: Poly) -> None:
        """`difference` is 0: a variable that stands alone in it is replaced from now on."""
        for monomial, coefficient in difference.terms.items():
            if len(monomial) == 1 and monomial[0][1] == 1:
                name = monomial[0][0]
                rest = (difference - Poly({monomial: coefficient})) * Poly.of(-1) // Poly({(): coefficient})
                if all(name != other for term in rest.terms for other, _ in term):
                    self.equal = {
                        known: _substituted(value, {name: rest}) for known, value in self.equal.items()
                    }
                    self.equal[name] = rest
                    return
        self.zero.append(difference)

    def reduced(self, poly: Poly) -> Poly:
        """With every replaced variable gone."""
        return _substituted(poly, self.equal) if self.equal else poly

    def _is_zero(self, difference: Poly) -> Any:
        if not difference.terms:
            return True
        zero = [self.reduced(fact) for fact in self.zero]
        if any(not (difference - fact).terms or not (difference + fact).terms for fact in zero):
            return True
        if difference.constant is not None or difference.is_positive() or (-difference).is_positive():
            return False
        return UNKNOWN

    def same_dtype(self, one: Dtype, two: Dtype) -> bool:
        """Whether two dtypes are the same; while `assuming`, an unknown one becomes the other."""
        one, two = self.dtype(one), self.dtype(two)
        if one.name == two.name:
            return True
        if not self.assuming or not (isinstance(one, DtypeVariable) or isinstance(two, DtypeVariable)):
            return False
        unknown, other = (one, two) if isinstance(one, DtypeVariable) else (two, one)
        if unknown.name in self.options and not self.among(other, self.options[unknown.name]):
            return False
        self.dtypes[unknown.name] = other
        return True

    def among(self, dtype: Dtype, options: Sequence[Dtype]) -> bool:
        """Whether a dtype is one of these; while `assuming`, an unknown one is taken to be, without choosing which."""
        dtype, options = self.dtype(dtype), [self.dtype(option) for option in options]
        if any(dtype.name == option.name for option in options):
            return True
        if any(isinstance(option, DtypeVariable) for option in options):
            return self.assuming  # it may be that one: nothing is learnt
        if not isinstance(dtype, DtypeVariable):
            return False
        before = self.options.get(dtype.name)
        left = tuple(option for option in options if before is None or option in before)
        if not self.assuming:
            return before is not None and len(left) == len(before)
        if left:
            self.options[dtype.name] = left
        if len(left) == 1:
            self.dtypes[dtype.name] = left[0]
        return bool(left)

    def dtype(self, dtype: Dtype) -> Dtype:
        while dtype.name in self.dtypes:
            dtype = self.dtypes[dtype.name]
        return dtype


@attrs.frozen(eq=False)
class DtypeVariable(Dtype):
    """A dtype that is not known. Equal to what the facts say it is; an assumption while they still assume."""

    facts: Facts = attrs.field(repr=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dtype) and self.facts.same_dtype(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return 0

    @property
    def resolved(self) -> Dtype:
        return self.facts.dtype(self)

    def among(self, options: Sequence[Dtype]) -> bool:
        return self.facts.among(self, options)

    def __str__(self) -> str:
        return self.facts.dtype(self).name


def _substituted(poly: Poly, by: Mapping[str, Poly]) -> Poly:
    if not any(name in by for monomial in poly.terms for name, _ in monomial):
        return poly
    total = Poly.of(0)
    for monomial, coefficient in poly.terms.items():
        term = Poly({(): coefficient})
        for name, power in monomial:
            factor = by.get(name, Poly.var(name))
            if power < 0 and not factor.terms:
                factor = Poly.var(name)  # facts that contradict each other
            for _ in range(abs(power)):
                term = term * factor if power > 0 else term // factor
        total = total + term
    return total


def product(dims: Iterable[Number]) -> Poly:
    """The number of elements."""
    result = Poly.of(1)
    for dim in dims:
        result = result * dim
    return result
