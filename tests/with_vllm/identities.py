"""Prints, as JSON, the uuid of every pass for vLLM and the factor of vLLM's compile cache, as this process sees them.

    python tests/with_vllm/identities.py

With vLLM in the environment the passes are what vLLM's pass manager is given for a plain configuration, and the factor
is asked of vLLM; without, they are made for gfx950 with the hosts' test values.
"""

from __future__ import annotations

import importlib.util
import json


def main() -> None:
    made = in_vllm() if importlib.util.find_spec("vllm") else alone()
    print(json.dumps(made, sort_keys=True))


def alone() -> dict[str, str]:
    import patdsl.register_ops  # noqa: F401
    from patdsl.runtime.chain import Chain
    from patdsl.vllm.identity import library_identity
    from patdsl.vllm.passes import specs

    chain = Chain.build(specs(), target="gfx950")
    return {"the factor": library_identity(), **{each.name: str(each.uuid()) for each in chain}}


def in_vllm() -> dict[str, str]:
    from vllm import envs
    from vllm.config import VllmConfig

    from patdsl.vllm.passes import vllm_passes
    from patdsl.vllm.plugin import register

    register()
    passes = vllm_passes(VllmConfig(), {"passes": "all"})
    return {
        "the factor": str(envs.compile_factors()["PATDSL"]),
        **{each.fusion.name: each.uuid() for each in passes if hasattr(each, "fusion")},
    }


if __name__ == "__main__":
    main()
