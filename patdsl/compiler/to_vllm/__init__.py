"""A planned unit to a module of vLLM's own kind: torch's matcher, vLLM's pass classes, no patdsl."""
