"""Printed graphs: what `TORCH_LOGS` and `TORCH_TRACE` write, read back as graphs for the matcher without torch."""
