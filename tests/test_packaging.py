"""The wheel and the files around it: what is in them, and that the package works from them alone."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from patdsl.version import __version__

ROOT = Path(__file__).resolve().parents[1]
DATA = ("grammar", "patterns", "kernels")


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def unpack_wheel(project: Path, folder: Path) -> Path:
    """Build the wheel of a project folder, offline, and return the folder with its contents."""
    run(
        *(sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index"),
        *("--wheel-dir", folder, project),
        cwd=folder,
    )
    (wheel,) = folder.glob("*.whl")
    assert wheel.name == f"patdsl-{__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack_wheel(ROOT, tmp_path_factory.mktemp("wheel"))


def data_files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for part in DATA
        for path in (folder / part).rglob("*")
        if path.is_file()
    }


def patdsl(site: Path, *arguments: str, cwd: Path) -> str:
    """Run the unpacked wheel's command, far from the checkout."""
    start = f"import sys; sys.path.insert(0, {str(site)!r}); from patdsl.cli import main; sys.exit(main())"
    return run(sys.executable, "-I", "-c", start, *arguments, cwd=cwd)


def test_the_wheel_holds_grammar_patterns_and_kernels(site: Path) -> None:
    inside = data_files(site / "patdsl" / "_data")
    for_developers = ("kernels/bench/", "kernels/emulator/")
    ours = data_files(ROOT).items()
    assert inside == {name: text for name, text in ours if not name.startswith(for_developers)}
    assert "grammar/pat.lark" in inside
    assert any(name.startswith("kernels/include/") for name in inside)
    assert any(name.startswith("patterns/ops/") for name in inside)


def test_the_wheel_holds_every_module_and_nothing_else(site: Path) -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "patdsl").rglob("*.py")}
    assert {path.relative_to(site).as_posix() for path in site.rglob("*.py")} == modules
    assert (site / "patdsl" / "py.typed").is_file()
    assert {path.name for path in site.iterdir()} == {"patdsl", f"patdsl-{__version__}.dist-info"}


def test_the_wheel_asks_for_no_torch_of_its_own(site: Path) -> None:
    metadata = (site / f"patdsl-{__version__}.dist-info" / "METADATA").read_text()
    required = re.findall(r"^Requires-Dist: ([^;\n]+)$", metadata, re.MULTILINE)
    assert [line for line in required if line.startswith("torch")] == ["torch"]
    assert "Requires-Python: <3.14,>=3.10" in metadata
    assert f"Version: {__version__}\n" in metadata


def test_the_unpacked_wheel_uses_its_own_data(site: Path, tmp_path: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(site)!r})\n"
        "from patdsl import locate\n"
        "print(locate.grammar_file(), locate.library_folder(), locate.kernels_folder(), sep='\\n')"
    )
    data = site / "patdsl" / "_data"
    expected = [data / "grammar" / "pat.lark", data / "patterns", data / "kernels"]
    assert run(sys.executable, "-I", "-c", code, cwd=tmp_path).split("\n")[:3] == [
        str(path) for path in expected
    ]


def test_the_unpacked_wheel_compiles_the_one_line_pattern(site: Path, tmp_path: Path) -> None:
    pattern = "import vllm_ir\nimport aiter (rms_norm_group_quant as fused)\n\npattern double_quant {\n"
    pattern += "  rms_norm -> view? -> 2x group_quant => 2x fused\n}\n"
    (tmp_path / "one.pat").write_text(pattern)
    assert "double_quant" in patdsl(site, "compile", "one.pat", cwd=tmp_path)
    assert patdsl(site, "--version", cwd=tmp_path) == f"patdsl, version {__version__}\n"


@pytest.mark.slow
def test_a_wheel_made_from_the_sdist_is_the_same(site: Path, tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=ROOT)
    archive = tmp_path / f"patdsl-{__version__}.tar.gz"
    run(sys.executable, "-m", "tarfile", "-e", archive, tmp_path, cwd=tmp_path)
    other = unpack_wheel(tmp_path / f"patdsl-{__version__}", tmp_path)
    assert data_files(other / "patdsl" / "_data") == data_files(site / "patdsl" / "_data")
    assert {path.relative_to(other) for path in other.rglob("*.py")} == {
        path.relative_to(site) for path in site.rglob("*.py")
    }


def test_the_readmes_make_commands_are_targets() -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = set(re.findall(r"(?:^    |`)make ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE))
    assert {"demo", "test"} <= commands
    assert commands <= set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize(
    ("python", "message"),
    [
        ("no-such-python", "there is no no-such-python"),
        ("old-python", "Python 3.9.2 is not supported; give a Python 3.10 to 3.13"),
    ],
)
def test_an_unfit_python_is_told_and_leaves_nothing(tmp_path: Path, python: str, message: str) -> None:
    old = tmp_path / "old-python"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    old.chmod(0o755)
    venv = tmp_path / "venv"
    named = str(old) if python == "old-python" else python
    done = subprocess.run(
        [ROOT / "tools" / "environment.sh", named, venv], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert message in done.stderr
    assert not venv.exists()
