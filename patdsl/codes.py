"""The table of every diagnostic's code.

In: nothing. Out: `CODES`, which says for each code what it is about and which stage reports it. Codes are
never used again for something else.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Code:
    """`title` says in a few words what is wrong; `stage` is the stage that finds it."""

    title: str
    stage: str


CODES: dict[str, Code] = {
    # PAT0xx: input and syntax
    "PAT001": Code("a file cannot be read", "input"),
    "PAT002": Code("a file is not UTF-8", "input"),
    "PAT003": Code("a file is too large", "input"),
    "PAT004": Code("a control or invisible character", "input"),
    "PAT010": Code("unexpected text", "syntax"),
    "PAT011": Code("a string without an end", "syntax"),
    "PAT012": Code("a character that means nothing", "syntax"),
    "PAT013": Code("a number that is too large", "syntax"),
    "PAT014": Code("nested too deeply", "syntax"),
    "PAT015": Code("an unknown escape in a string", "syntax"),
    "PAT016": Code("a bracket that is not closed", "syntax"),
    "PAT017": Code("a reserved word as a name", "syntax"),
    "PAT018": Code("a fan-out that no graph can have", "syntax"),
    "PAT019": Code("a clause given twice", "syntax"),
    "PAT020": Code("a type that cannot stand here", "syntax"),
    "PAT021": Code("a chain on one side, a block on the other", "syntax"),
    "PAT022": Code("too many syntax errors", "syntax"),
    # PAT1xx: names
    "PAT101": Code("a name that is declared twice", "names"),
    "PAT102": Code("an import that is not found", "names"),
    "PAT103": Code("an import from outside the roots", "names"),
    "PAT104": Code("files that import each other", "names"),
    "PAT105": Code("an imported file with errors", "names"),
    "PAT106": Code("an imported name that is not there", "names"),
    "PAT107": Code("an unknown name", "names"),
    "PAT108": Code("an unknown function", "names"),
    "PAT109": Code("a call with too many or too few arguments", "names"),
    "PAT110": Code("an unknown target", "names"),
    "PAT111": Code("two variadic dims in one type", "names"),
    "PAT112": Code("something without a value where one is needed", "names"),
    "PAT113": Code("a name of another kind", "names"),
    "PAT114": Code("an import through too many files", "names"),
    "PAT115": Code("an import that nothing uses", "names"),
    "PAT116": Code("more imports than a file may have", "names"),
    # PAT2xx: declarations and calls of ops
    "PAT201": Code("a default of another type", "ops"),
    "PAT202": Code("a result that is no tensor", "ops"),
    "PAT203": Code("a parameter that is not written", "ops"),
    "PAT204": Code("a parameter that the op does not have", "ops"),
    "PAT205": Code("too many arguments", "ops"),
    "PAT206": Code("a number of results that differs", "ops"),
    "PAT207": Code("an op that an arrow cannot feed", "ops"),
    "PAT208": Code("a constant that is not constant", "ops"),
    "PAT209": Code("a constant without a value on some targets", "ops"),
    "PAT210": Code("a scratch buffer of unknown shape", "ops"),
    "PAT211": Code("more than a tensor or an op can have", "ops"),
    # PAT3xx: patterns
    "PAT301": Code("a left side that is not a call", "patterns"),
    "PAT302": Code("an expression that cannot stand here", "patterns"),
    "PAT303": Code("a value used before it is defined", "patterns"),
    "PAT304": Code("one name captured by two ops", "patterns"),
    "PAT305": Code("a chain that begins with a view", "patterns"),
    "PAT306": Code("a fan-out that cannot stand here", "patterns"),
    "PAT307": Code("a name on the right that nothing binds", "patterns"),
    "PAT308": Code("an alias of nothing", "patterns"),
    "PAT309": Code("a result that nothing replaces", "patterns"),
    "PAT310": Code("a count that corresponds to no fan-out", "patterns"),
    "PAT311": Code("a branch's value outside its branch", "patterns"),
    "PAT312": Code("an input that is not used", "patterns"),
    "PAT313": Code("a left side in several parts", "patterns"),
    "PAT314": Code("options that do not fit the parameters", "patterns"),
    "PAT315": Code("too many variants", "patterns"),
    "PAT316": Code("an optional op that the left side does not have", "patterns"),
    "PAT317": Code("something after a group", "patterns"),
    "PAT318": Code("a pattern that is too large", "patterns"),
    "PAT319": Code("one name for two kinds of value", "patterns"),
    # PAT4xx: types and passes
    "PAT401": Code("a value that would change its type", "plan"),
    "PAT402": Code("a type that each match has to check", "plan"),
    "PAT403": Code("a pattern that another one always beats", "plan"),
    "PAT404": Code("two patterns with nothing to choose between them", "plan"),
    "PAT405": Code("a pattern whose ops an earlier pass takes", "plan"),
    "PAT406": Code("passes that wait for each other", "plan"),
    "PAT407": Code("too many patterns to compare", "plan"),
    # PAT5xx: bindings
    "PAT501": Code("arguments of a template that contradict each other", "bindings"),
    "PAT502": Code("a template that names something the op does not have", "bindings"),
    "PAT503": Code("a binding that does not yield a result", "bindings"),
    "PAT504": Code("an op bound to itself", "bindings"),
    "PAT505": Code("a binding that its torch schema contradicts", "bindings"),
    # PAT6xx: graphs for `patdsl explain`
    "PAT601": Code("a log without a graph", "graphs"),
    "PAT602": Code("a graph that is too large", "graphs"),
    "PAT603": Code("a graph that is no Python", "graphs"),
    "PAT604": Code("a line that no printed graph has", "graphs"),
    "PAT605": Code("an archive without a graph", "graphs"),
    "PAT606": Code("a model that cannot be imported", "graphs"),
    "PAT607": Code("a callable that returns no model with its inputs", "graphs"),
    "PAT608": Code("a model that cannot be compiled", "graphs"),
    # PAT7xx: modules for vLLM
    "PAT701": Code("a pattern that torch's matcher cannot be given", "vllm"),
    "PAT702": Code("a pattern whose kernels only patdsl has", "vllm"),
    "PAT703": Code("a file without any pattern for vLLM", "vllm"),
}
