"""Texts from the grammar.

In: random numbers. Out: a text that the rules of `pat.lark` derive, so that most parse and few mean anything. The rules
are asked of the parser itself: a new construct is generated as soon as the grammar has it.
"""

from __future__ import annotations

from functools import cache
from random import Random

import attrs
from lark.grammar import NonTerminal, Rule, Symbol
from lark.lexer import PatternStr

from patdsl.syntax.grammar_to_parser import pat_parser

#: Rules applied inside one another before only the shortest derivations are taken.
DEEPEST = 7

_NAMES = """
x y z w T H M B a b f g p q norm quant norm_quant double increment both affine spread combine relu neg add mul view
split cat rms_norm rank shape numel ceil contiguous dtype int float bool str tensor bf16 f32 fp8 kernels lang
on where keep mut out same temp as if _x __import__ __class__ lambda None gfx942 sm_90 a_rather_long_name_of_an_op
"""
NAMES = tuple(_NAMES.split())
SPELLED: dict[str, tuple[str, ...]] = {
    "NAME": NAMES,
    "INT": ("0", "1", "2", "007", "128", "9223372036854775807", "9223372036854775808", "9" * 60),
    "FLOAT": ("0.0", "1.5", "1e-6", "1e999", "1e-999", "448.0", "0.5e+3"),
    "STRING": (
        '""',
        '"s"',
        r'"\n\t\\\""',
        r'"\u0000"',
        r'"\ud800"',
        '"é{0}%s"',
        "\"'''\"",
        r'"__import__(\"os\")"',
    ),
    "FAN_OUT": ("1x", "2x", "0x", "2..4x", "4..2x", "1..x", "1000000x", "1024x"),
    "COMPARE": ("==", "!=", "<=", ">=", "<", ">"),
    "EQUAL": ("=",),
    "COLON": (":",),
    "DOT": (".",),
    "MINUS": ("-",),
}
GAPS = (" ", " ", " ", " ", " ", " ", "\n", "\n  ", "\n\n", " # c\n", "\n# c\n")


@attrs.frozen
class Grammar:
    """The rules by what they make, each with the depth of its shortest derivation, and how terminals are spelled."""

    rules: dict[str, tuple[tuple[int, tuple[Symbol, ...]], ...]]
    depth: dict[str, int]
    spelled: dict[str, tuple[str, ...]]


@cache
def grammar() -> Grammar:
    """The grammar of the parser."""
    lark = pat_parser().lark
    depth = _depths(lark.rules)
    rules: dict[str, list[tuple[int, tuple[Symbol, ...]]]] = {}
    for rule in lark.rules:
        inner = [depth[item.name] for item in rule.expansion if isinstance(item, NonTerminal)]
        rules.setdefault(rule.origin.name, []).append((max(inner, default=0), tuple(rule.expansion)))
    spelled = dict(SPELLED)
    for terminal in lark.terminals:
        if isinstance(terminal.pattern, PatternStr):
            spelled[terminal.name] = (terminal.pattern.value,)
    return Grammar({name: tuple(found) for name, found in rules.items()}, depth, spelled)


def _depths(rules: list[Rule]) -> dict[str, int]:
    depth: dict[str, int] = {}
    changed = True
    while changed:
        changed = False
        for rule in rules:
            inner = [depth.get(item.name) for item in rule.expansion if isinstance(item, NonTerminal)]
            if None not in inner:
                found = 1 + max((one for one in inner if one is not None), default=0)
                if found < depth.get(rule.origin.name, found + 1):
                    depth[rule.origin.name] = found
                    changed = True
    return depth


def generate(chance: Random, start: str = "declaration") -> str:
    """A text that `start` derives."""
    words: list[str] = []
    _derive(start, DEEPEST + grammar().depth[start], chance, words)
    gaps = GAPS if chance.random() < 0.3 else GAPS[:1]
    return "".join(word + chance.choice(gaps) for word in words)


def _derive(name: str, left: int, chance: Random, words: list[str]) -> None:
    known = grammar()
    rules = known.rules[name]
    fitting = [rule for depth, rule in rules if depth < left] or [min(rules, key=_depth)[1]]
    for symbol in chance.choice(fitting):
        if isinstance(symbol, NonTerminal):
            _derive(symbol.name, left - 1, chance, words)
        else:
            words.append(chance.choice(known.spelled[symbol.name]))


def _depth(rule: tuple[int, tuple[Symbol, ...]]) -> int:
    return rule[0]
