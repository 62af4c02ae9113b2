"""The versions of vLLM that the integration was tested with."""

from __future__ import annotations

TESTED = ("0.32.0",)
ENVIRONMENT = "PATDSL_VLLM_ANY_VERSION"


class VersionError(RuntimeError):
    """This vLLM is not one that the integration was tested with."""


def check_version(version: str, allow_any: bool) -> None:
    """Raises VersionError for a version that was not tested, unless any is. Local parts (`+cpu`) do not count."""
    if version.split("+")[0] in TESTED or allow_any:
        return
    raise VersionError(
        f"patdsl's passes were asked for in vLLM {version}, and were tested with {', '.join(TESTED)} only: install "
        f"that version, unset PATDSL_VLLM, or set {ENVIRONMENT}=1 to try it all the same"
    )
