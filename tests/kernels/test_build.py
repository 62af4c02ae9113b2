"""Building, caching, loading and the errors of each, with compilers that are made up where none is needed."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from patdsl.commands.kernels import command
from patdsl.kernels import build, library, toolchain
from patdsl.kernels.errors import KernelError

FAKE = """#!/bin/sh
case "$*" in
  --version) echo "fake compiler {version}"; exit 0;;
esac
echo call >> "{log}"
{body}
while [ "$#" -gt 1 ]; do
  if [ "$1" = -o ]; then echo made > "$2"; fi
  shift
done
"""


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATDSL_CACHE", str(tmp_path / "cache"))


def fake_compiler(folder: Path, monkeypatch: pytest.MonkeyPatch, version: str = "1", body: str = "") -> Path:
    """A compiler that writes its output's name to it, and a line to the returned log for each call."""
    path, log = folder / f"hipcc-{version}", folder / "log"
    path.write_text(FAKE.format(version=version, log=log, body=body))
    path.chmod(0o755)
    monkeypatch.setenv("PATDSL_HIPCC", str(path))
    return log


def test_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = fake_compiler(tmp_path, monkeypatch)
    lines: list[str] = []
    path = build.build("gfx942", lines.append)
    calls = log.read_text().count("call")
    assert path.is_file()
    assert lines[-1] == f"gfx942: {path}"
    assert calls == len(lines)  # each file, and the link
    assert build.build("gfx942", lines.append) == path
    assert log.read_text().count("call") == calls
    assert [item.name for item in path.parent.iterdir() if item.name.startswith("build-")] == []


def test_cache_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another architecture, compiler or source is another library."""
    fake_compiler(tmp_path, monkeypatch)
    first = build.build("gfx942")
    assert build.build("gfx950") != first
    fake_compiler(tmp_path, monkeypatch, version="2")
    assert build.build("gfx942") != first
    fake_compiler(tmp_path, monkeypatch)
    changed = tmp_path / "kernels"
    shutil.copytree(build.kernels_folder(), changed)
    monkeypatch.setattr(build, "kernels_folder", lambda: changed)
    found = toolchain.find_toolchain("gfx942")
    assert build.library_path(found) == first
    header = changed / "include" / "patdsl" / "reduce.h"
    header.write_text(header.read_text() + "// changed\n")
    assert build.library_path(found) != first


def test_two_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both get the library, and one of them makes it."""
    log = fake_compiler(tmp_path, monkeypatch, body="sleep 0.2")
    program = "from patdsl.kernels.build import build; print(build('gfx942', jobs=1))"
    both = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) for _ in range(2)]
    answers = {process.communicate()[0] for process in both}
    assert len(answers) == 1
    assert (
        log.read_text().count("call") == len(list(build.kernels_folder().joinpath("src").glob("*.hip"))) + 1
    )


def test_failed_compile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_compiler(tmp_path, monkeypatch, body="echo 'it went wrong' >&2; exit 1")
    with pytest.raises(KernelError, match="it went wrong"):
        build.build("gfx942")
    assert list(build.cache_folder().glob("*.so")) == []
    assert list(build.cache_folder().glob("build-*")) == []


@pytest.mark.parametrize(
    ("arch", "message"),
    [("gfx90a", "no kernels for 'gfx90a'; accepted: gfx942"), ("sm_80", "sm_89 and newer")],
)
def test_unknown_arch(arch: str, message: str) -> None:
    with pytest.raises(KernelError, match=message):
        build.build(arch)


def test_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATDSL_HIPCC", "ROCM_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    if Path("/opt/rocm/bin/hipcc").exists():
        pytest.skip("this machine has ROCm")
    with pytest.raises(
        KernelError, match=r"there is no hipcc on the PATH .* install ROCm, or set PATDSL_HIPCC"
    ):
        build.build("gfx942")


def compile_c(text: str, output: Path, *options: str) -> None:
    compiler = shutil.which("gcc")
    if compiler is None:
        pytest.skip("needs gcc")
    command = [compiler, "-shared", "-fPIC", "-x", "c", "-", "-x", "none", *options, "-o", str(output)]
    subprocess.run(command, input=text, text=True, check=True)


def test_wrong_libraries(tmp_path: Path) -> None:
    """One for AMD where ROCm is not, one for another GPU, and one that is none of ours: errors, no crash."""
    runtime, amd = tmp_path / "libamdhip64.so", tmp_path / "amd.so"
    compile_c("int hipGetDevice(int* device) { return 0; }", runtime, "-Wl,-soname,libamdhip64.so.99")
    source = 'extern int hipGetDevice(int*); const char* patdsl_arch() { hipGetDevice(0); return "gfx942"; }'
    compile_c(source, amd, str(runtime))
    with pytest.raises(KernelError, match=r"libamdhip64.so.99.* it needs ROCm's runtime"):
        library.load(amd, "gfx942")
    other = tmp_path / "other.so"
    compile_c('const char* patdsl_arch() { return "gfx942"; }', other)
    assert isinstance(library.load(other, "gfx942"), ctypes.CDLL)
    with pytest.raises(KernelError, match="was built for gfx942, and the GPU is sm_90"):
        library.load(other, "sm_90")
    foreign = tmp_path / "foreign.so"
    compile_c("int nothing;", foreign)
    with pytest.raises(KernelError, match="is not a kernel library"):
        library.load(foreign, "sm_90")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_no_gpu() -> None:
    with pytest.raises(KernelError, match="there is no GPU that this torch"):
        library.device_arch(0)


def invoke(arguments: list[str]) -> object:
    with command.make_context("kernels", arguments) as context:
        return command.invoke(context)


def test_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_compiler(tmp_path, monkeypatch)
    assert invoke(["build", "--arch", "gfx942,gfx950"]) == 0
    assert len(capsys.readouterr().out.split()) == 2
    assert invoke(["info"]) == 0
    assert "(built)" in capsys.readouterr().out
    assert invoke(["build", "--arch", "gfx1"]) == 2
    assert "there are no kernels for 'gfx1'" in capsys.readouterr().err
