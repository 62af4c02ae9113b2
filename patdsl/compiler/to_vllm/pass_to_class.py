"""A pass as the class that vLLM's pass manager runs.

In: a pass, the classes of its patterns. Out: the text of its class.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from patdsl.compiler.to_vllm.expr_to_python import Code, ExprToPython, Known
from patdsl.compiler.to_vllm.python_lines import fitted
from patdsl.compiler.to_vllm.supplied_to_python import quoted_targets
from patdsl.compiler.to_vllm.variable_names import class_name
from patdsl.expr import Binary, Expr, names_in
from patdsl.graph import PassSpec


def pass_class(
    spec: PassSpec, stages: Sequence[Sequence[str]], outer: Mapping[str, Known], has_hosts: bool
) -> str:
    """`stages` are the names of classes, in the order in which they run."""
    given = ", hosts: Hosts" if has_hosts else ""
    lines = [f"class {class_name(spec.name)}Pass(FusionPass):", f'    """Pass `{spec.name}`."""', ""]
    lines += [f"    def __init__(self, config: VllmConfig{given}) -> None:"]
    lines += [f'        super().__init__(config, "{spec.name}"{", hosts" if has_hosts else ""})']
    conditions: list[str] = []
    applicable: list[str] = []
    if spec.targets:
        conditions.append(f"on({quoted_targets(spec.targets)})")
    names = {**outer, "tokens": Code("compile_range.end", "int")}
    for part in _conjuncts(spec.when) if spec.when is not None else []:
        of_range = "tokens" in names_in(part)
        (applicable if of_range else conditions).extend(ExprToPython(names.get).condition(part).all_parts)
    if conditions:
        lines += [*fitted(f"if not ({' and '.join(conditions)}):", 8), "            return"]
    for stage in stages:
        lines += fitted(f"self.stage({', '.join(stage)})", 8)
    lines += ["        for stage in self.stages:", "            self.dump_patterns(config, stage)"]
    if applicable:
        lines += [
            "",
            "    def is_applicable_for_range(self, compile_range: Any) -> bool:",
            "        hosts = self.hosts",
            f"        return {' and '.join(applicable)}",
        ]
    return "\n".join(lines)


def _conjuncts(expr: Expr) -> list[Expr]:
    if isinstance(expr, Binary) and expr.op == "and":
        return [*_conjuncts(expr.left), *_conjuncts(expr.right)]
    return [expr]
