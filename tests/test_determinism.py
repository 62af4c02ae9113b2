"""The same bytes and the same uuids, whatever the hash seed, the locale, the folder, the order and the checkout are."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import attrs
import pytest

REPOSITORY = Path(__file__).parents[1]
LIBRARY = REPOSITORY / "patdsl" / "library"
EXTRA = (
    "import vllm_ir\r\nimport aiter (rms_norm_group_quant as fused)\r\n\r\npattern two {\r\n  # 入力 ıİ\r\n"
    + ("  rms_norm -> view? -> 2x group_quant => 2x fused\r\n}\r\n")
)

#: Compiles what it is given into a folder, as the command does, and prints a digest of each file and each identity.
PROBE = """
import hashlib, json, os, pathlib, sys
if os.environ.get("BREAK"):
    exec(os.environ["BREAK"])
from patdsl import cli, pipeline
from patdsl.runtime.uuid import pass_uuid
kept = []
real = pipeline.run
pipeline.run = lambda *given, **more: kept.extend(real(*given, **more)) or kept
out, *paths = sys.argv[1:]
code = cli.main(["compile", *paths, "-o", out])
assert code == 0, code
specs = {spec.name: spec for outcome in kept for spec in outcome.unit.passes}
uuids = {
    name: pass_uuid(spec, "cpu", {host.name: host.default for host in spec.hosts}, frozenset({"b::b", "a::a"}))
    for name, spec in specs.items()
}
files = {os.fsencode(path.name).decode(): path.read_bytes() for path in pathlib.Path(out).iterdir()}
print(json.dumps([{name: hashlib.sha256(data).hexdigest() for name, data in files.items()}, uuids], sort_keys=True))
"""


@attrs.frozen
class Setting:
    """How the command is run. `checkout` is the folder that patdsl stands in, `relative` to which paths are given."""

    environment: dict[str, str] = attrs.Factory(dict)
    relative: bool = False
    backwards: bool = False
    elsewhere: bool = False


#: Neither UTF-8 nor with the case rules of English; where it cannot be made, `C` stands in.
TURKISH = "tr_TR.ISO-8859-9"
C = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
SETTINGS = {
    "plain": Setting({"LC_ALL": "C.UTF-8", "PYTHONHASHSEED": "0"}),
    "ascii": Setting({**C, "PYTHONHASHSEED": "1"}),
    "utf8 mode": Setting({"LC_ALL": "C", "PYTHONUTF8": "1", "PYTHONHASHSEED": "4294967295"}),
    "turkish, backwards": Setting({"LC_ALL": TURKISH, "PYTHONUTF8": "0"}, backwards=True),
    "relative, optimised": Setting({"PYTHONHASHSEED": "random", "PYTHONOPTIMIZE": "2"}, relative=True),
    "another checkout, ascii": Setting({**C, "TZ": "Asia/Tokyo"}, elsewhere=True, relative=True),
}
#: Ways to be wrong, and a setting that shows each.
BREAKS = {
    "a set decides the order": ("ascii", "names.sort(key=hash)"),
    "the locale enters": ("ascii", "import locale; names.append(locale.getpreferredencoding())"),
    "the folder enters": ("relative, optimised", "import os; names.append(os.getcwd())"),
    "the checkout enters": ("another checkout, ascii", "import patdsl; names.append(ascii(patdsl.__file__))"),
    "the order of files enters": ("turkish, backwards", "count.append(1); names.append(str(len(count)))"),
}
BREAK = """
from patdsl.compiler import plan_to_module
count, header = [], plan_to_module._Module._header
def broken(self):
    names = sorted({{spec.name for spec in self.unit.passes}} | set("abcdef"))
    {what}
    return header(self) + "\\n# " + " ".join(names)
plan_to_module._Module._header = broken
"""


class World:
    """A folder with an extra file and another checkout, and what the command makes there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.extra = folder / "extra" / "入力.pat"
        self.extra.parent.mkdir()
        self.extra.write_bytes(EXTRA.encode())
        self.copy = folder / "another é checkout"
        for name in ("patdsl", "grammar", "patterns", "kernels"):
            shutil.copytree(REPOSITORY / name, self.copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        if shutil.which("localedef"):
            locale, charset = TURKISH.split(".")
            command = ["localedef", "-i", locale, "-f", charset, str(folder / TURKISH)]
            subprocess.run(command, capture_output=True, check=False)

    def made(self, key: str, setting: Setting, broken: str = "") -> Any:
        """The digests of the modules, and the uuids of the passes."""
        checkout = self.copy if setting.elsewhere else REPOSITORY
        home = checkout / "patterns" if setting.relative else self.folder
        which = "silu_mul_quant" if broken else "*"  # where something is broken, one file shows it
        paths = sorted([*checkout.glob(f"patterns/{which}.pat"), self.extra], reverse=setting.backwards)
        given = [os.path.relpath(path, home) if setting.relative else str(path) for path in paths]
        here = {"PYTHONPATH": str(checkout), "LOCPATH": str(self.folder), "BREAK": broken}
        done = subprocess.run(
            [sys.executable, "-c", PROBE, str(self.folder / f"out {key}"), *given],
            cwd=home,
            env={**os.environ, **here, **setting.environment},
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("determinism"))


@pytest.fixture(scope="module")
def results(world: World) -> dict[str, Any]:
    with ThreadPoolExecutor(2) as pool:
        tasks = {name: pool.submit(world.made, name, setting) for name, setting in SETTINGS.items()}
        return {name: task.result() for name, task in tasks.items()}


@pytest.mark.parametrize("name", SETTINGS)
def test_same_everywhere(results: dict[str, Any], name: str) -> None:
    files, uuids = results[name]
    assert len(uuids) >= len(files) > 6
    assert results[name] == results["plain"]


def test_the_library_is_what_every_setting_makes(world: World, results: dict[str, Any]) -> None:
    out = world.folder / "out plain"
    for path in LIBRARY.glob("*.py"):
        assert (out / path.name).read_bytes() == path.read_bytes()
    assert b"\r" not in (out / "入力.py").read_bytes()
    assert "入力 ıİ" in (out / "入力.py").read_text(encoding="utf-8")


def test_standard_output_is_what_would_be_written(world: World, results: dict[str, Any]) -> None:
    """Where it goes to a file, whatever the terminal's encoding would be."""
    done = subprocess.run(
        [sys.executable, "-m", "patdsl", "compile", str(world.extra)],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY), "PYTHONIOENCODING": "latin-1"},
        capture_output=True,
        check=True,
    )
    assert done.stdout == (world.folder / "out plain" / "入力.py").read_bytes()


def test_it_can_fail(world: World) -> None:
    """Each way to be wrong is seen by the setting that is there for it."""

    def differs(name: str) -> bool:
        key, what = BREAKS[name]
        broken = BREAK.format(what=what)
        plain, other = (world.made(f"{name} {at}", SETTINGS[at], broken) for at in ("plain", key))
        return bool(plain[0] != other[0] and plain[1] == other[1])

    with ThreadPoolExecutor(2) as pool:
        assert dict(zip(BREAKS, pool.map(differs, BREAKS), strict=True)) == dict.fromkeys(BREAKS, True)
