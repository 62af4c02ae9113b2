"""The passes of `patterns/vllm/` in vLLM: an entry point of `vllm.general_plugins`, and what it installs.

Importing this package imports neither vLLM nor torch.
"""
