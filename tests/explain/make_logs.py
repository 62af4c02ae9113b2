"""Writes the logs of a compiled model that `patdsl explain` is tested with.

    python tests/explain/make_logs.py FOLDER

compiles two decoder layers on the GPU, or on the CPU where there is none, with `TORCH_LOGS` and `TORCH_TRACE`, and
writes `post_grad.log` and `trace.log` into the folder: what torch wrote, with folders' names shortened, and of the
trace the graphs alone. Needs torch and this repository; a GPU's kernels are not built.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: The graphs that are kept of a trace.
KEPT = ('"before_post_grad_graph"', '"inductor_post_grad_graph"')
HIDDEN, HEADS, GROUP = 512, 8, 128


def compile_model() -> None:
    """What is logged. The first layer's norm has two readers of one kind, the second's a third of another."""
    import torch
    from torch.nn.functional import scaled_dot_product_attention, silu

    import patdsl.reference  # noqa: F401  registers the ops

    ops = torch.ops.patdsl

    class Layer(torch.nn.Module):
        def __init__(self, gate_reads_norm: bool) -> None:
            super().__init__()
            self.gate_reads_norm = gate_reads_norm
            self.norms = torch.nn.Parameter(torch.ones(2, HIDDEN))
            self.qkv = torch.nn.Linear(HIDDEN, 3 * HIDDEN, bias=False)
            self.gate_up = torch.nn.Linear(HIDDEN, 4 * HIDDEN, bias=False)
            self.down = torch.nn.Linear(2 * HIDDEN, HIDDEN, bias=False)

        def linear(self, x: torch.Tensor, scale: torch.Tensor, layer: torch.nn.Linear) -> torch.Tensor:
            """A product of values quantised in groups, in plain torch."""
            whole = x.to(torch.float32).unflatten(-1, (-1, GROUP)) * scale.unsqueeze(-1)
            return layer(whole.flatten(-2).to(torch.bfloat16))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = x.shape[0]
            y = ops.rms_norm(x, self.norms[0], 1e-6)
            q, k, v = self.linear(*ops.group_quant(y, GROUP), self.qkv).chunk(3, -1)
            heads = [each.view(1, tokens, HEADS, -1).transpose(1, 2) for each in (q, k, v)]
            attended = scaled_dot_product_attention(*heads, is_causal=True).transpose(1, 2)
            x = x + attended.reshape(tokens, HIDDEN)
            y = ops.rms_norm(x, self.norms[1], 1e-6)
            gate, up = self.linear(*ops.group_quant(y, GROUP), self.gate_up).chunk(2, -1)
            if self.gate_reads_norm:
                gate = gate * torch.sigmoid(y.mean(-1, keepdim=True))
            product = silu(gate) * up
            peak = product.abs().amax(-1, keepdim=True).clamp(min=1e-6).float()
            product = (product * (448.0 / peak)).clamp(-448.0, 448.0).to(torch.float8_e4m3fn)
            return x + self.down((product.float() * (peak / 448.0)).to(torch.bfloat16))

    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    model = torch.nn.Sequential(Layer(False), Layer(True)).to(device, torch.bfloat16)
    x = torch.randn(16, HIDDEN, device=device, dtype=torch.bfloat16)
    torch._dynamo.mark_dynamic(x, 0)
    with torch.no_grad():
        result = torch.compile(model)(x)
    print(torch.__version__, device, tuple(result.shape), bool(result.isfinite().all()))


def logged(folder: Path) -> None:
    """Run the model in a process of its own, whose logs go to `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        environment = {
            **os.environ,
            "PATDSL_KERNELS": "0",
            "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
            "TORCH_LOGS": "post_grad_graphs",
            "TORCH_TRACE": scratch,
            "TORCHINDUCTOR_CACHE_DIR": str(Path(scratch, "cache")),
        }
        command = [sys.executable, __file__, "--run"]
        done = subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        (folder / "post_grad.log").write_text(shortened(done.stderr), encoding="utf-8")
        (trace,) = Path(scratch).glob("dedicated_log_torch_trace*.log")
        (folder / "trace.log").write_text(shortened(graphs_in(trace.read_text("utf-8"))), encoding="utf-8")


def shortened(text: str) -> str:
    for path in (ROOT, Path(sysconfig.get_paths()["purelib"]).parent):
        text = text.replace(f"{path}{os.sep}", "")
    return text


def graphs_in(trace: str) -> str:
    """The headers and payloads of the graphs."""
    kept, keeping = [], False
    for line in trace.splitlines(keepends=True):
        keeping = keeping if line.startswith("\t") else any(kind in line for kind in KEPT)
        if keeping:
            kept.append(line)
    return "".join(kept)


if __name__ == "__main__":
    if sys.argv[1:] == ["--run"]:
        compile_model()
    elif len(sys.argv) == 2:
        logged(Path(sys.argv[1]))
    else:
        sys.exit(__doc__)
