"""What modules of `patdsl compile --target vllm` use of vLLM, for environments without it.

In: nothing. Out: a package of that name with these few classes, which do what vLLM's do as far as such a module sees.
tests/with_vllm runs the same modules in vLLM itself.
"""
