"""The compiled kernels: from the sources in `kernels/` to implementations of `torch.ops.patdsl.*` on GPUs.

In: an architecture, tensors. Out: shared libraries in a cache, results. `errors.py` holds the one exception,
`toolchain.py` the compilers, `build.py` the cache, `library.py` the loaded functions, `rows.py`, `rope_kv_cache.py` and
what they are made of the ops, `bind.py` their registration. Nothing here is needed on a CPU.
"""
