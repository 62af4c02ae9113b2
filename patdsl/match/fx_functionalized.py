"""Torch's `auto_functionalized` ops, which `functionalized.py` reads."""

from __future__ import annotations

from typing import Any

from patdsl.torch_private import need

_HOME = "torch._higher_order_ops.auto_functionalize"
auto_functionalized: Any = need(_HOME, "auto_functionalized")
auto_functionalized_v2: Any = need(_HOME, "auto_functionalized_v2")
#: Op -> its version.
FUNCTIONALIZED = {auto_functionalized: 1, auto_functionalized_v2: 2}
