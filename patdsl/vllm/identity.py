"""What vLLM's compile cache must know of our passes before it looks for a compiled graph.

In: the passes for vLLM, the environment. Out: one hash, equal in every process and folder for an equal meaning.
"""

from __future__ import annotations

import functools
import hashlib
import os

from patdsl.runtime.preference import current_preference
from patdsl.runtime.uuid import canonical, kernels_digest, sources_digest
from patdsl.version import __version__
from patdsl.vllm.settings import ENVIRONMENT


def library_identity() -> str:
    """Of every pass for vLLM, chosen or not, with the choice, the kernels, their order and the versions."""
    chosen = canonical([os.environ.get(ENVIRONMENT, ""), list(current_preference()), _kernels()])
    parts = (__version__, sources_digest(), kernels_digest(), chosen, _patterns())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _kernels() -> str:
    """Whether our ops run kernels."""
    return os.environ.get("PATDSL_KERNELS", "")


@functools.cache
def _patterns() -> str:
    from patdsl.vllm.passes import specs

    return hashlib.sha256("\n".join(canonical(spec) for spec, _ in specs()).encode()).hexdigest()
