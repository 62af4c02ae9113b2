"""Marks for tests of what a version of torch does not do.

In: the installed torch. Out: marks that skip a test and say what this torch lacks.
"""

from __future__ import annotations

import pytest
from runtime_lib import OPS
from torch.fx.experimental.symbolic_shapes import ShapeEnv

from patdsl.runtime.torch_api import can_auto_functionalize

functionalizes_out = pytest.mark.skipif(
    not can_auto_functionalize(OPS.norm_quant_tagged.out),
    reason="this torch functionalizes no op that returns what it writes",
)
tells_of_guards = pytest.mark.skipif(
    not hasattr(ShapeEnv, "error_on_new_guards"),
    reason="this torch does not say that a fake implementation added a guard",
)
