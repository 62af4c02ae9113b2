"""Every stage of every small file in tests/golden, compared with what is checked in.

`pytest tests/test_golden.py --update-goldens` writes the files anew; read the difference before committing it. NAME.pat
has NAME.ast, NAME.graph, NAME.plan and NAME.py beside it; a file in `refused/` has NAME.txt, what is found where.
The behaviour of the same files on graphs is in tests/language.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from patdsl.pipeline import STAGES, dump, run
from patdsl.render import to_text
from patdsl.syntax.ast_to_text import format_file

GOLDEN = Path(__file__).parent / "golden"
REPOSITORY = GOLDEN.parent.parent
SUFFIX = {"ast": "ast", "graph": "graph", "plan": "plan", "module": "py"}
NAMES = sorted(path.stem for path in GOLDEN.glob("*.pat"))
FINDINGS = {"passes_starved": ["PAT405"], "prefer": ["PAT403"], "proof_open": ["PAT402"]}
REFUSED = sorted(path.stem for path in GOLDEN.glob("refused/*.pat"))


@pytest.fixture
def compare(request):
    def compare(path: Path, text: str) -> None:
        if request.config.getoption("update_goldens"):
            path.write_text(text)
        assert path.exists(), f"{path.name} is missing; pytest --update-goldens writes it"
        assert text == path.read_text(), (
            f"{path.name} differs; pytest --update-goldens accepts what is made now"
        )

    return compare


def line_column(item):
    line, column = item.span.source.line_column(item.span.start)
    return f"{item.span.source.file_name}:{line}:{column}"


@pytest.mark.parametrize("name", NAMES)
def test_every_stage(name, compare):
    outcome = run([GOLDEN / f"{name}.pat"])[0]
    findings = [item.code for item in outcome.diagnostics]
    assert findings == FINDINGS.get(name, []), "\n".join(map(to_text, outcome.diagnostics))
    for stage in STAGES:
        compare(GOLDEN / f"{name}.{SUFFIX[stage]}", dump(outcome, stage))


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_said_of_a_refused_file(name, compare):
    outcome = run([GOLDEN / "refused" / f"{name}.pat"])[0]
    assert outcome.errors
    assert outcome.module is None
    places = [f"{item.severity}[{item.code}] {line_column(item)}" for item in outcome.diagnostics]
    compare(GOLDEN / "refused" / f"{name}.txt", "\n".join(places) + "\n")


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob("*.pat")), ids=lambda path: path.stem)
def test_files_are_formatted(path):
    outcome = run([path], stop_after="ast")[0]
    assert format_file(outcome.file) == path.read_text()


def test_every_golden_has_its_source():
    for path in GOLDEN.rglob("*"):
        if path.is_file() and path.suffix != ".pyc":
            assert path.with_suffix(".pat").exists(), f"{path.name} is of no .pat file"


def test_modules_are_formatted_and_lint_clean():
    ruff = shutil.which("ruff", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if ruff is None:
        pytest.skip("needs ruff")
    for command in (["format", "--check"], ["check"]):
        done = subprocess.run(
            [ruff, *command, "--no-cache", str(GOLDEN)], cwd=REPOSITORY, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_modules_are_typed(tmp_path):
    pytest.importorskip("mypy")
    modules = sorted(map(str, GOLDEN.glob("*.py")))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--no-warn-unused-configs",
            "--scripts-are-modules",
            *modules,
        ],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


STAGES_OF_ALL = """
import sys
from pathlib import Path
from patdsl.pipeline import STAGES, dump, run
for outcome in run(sorted(Path(sys.argv[1]).glob("*.pat"))):
    for stage in STAGES:
        print(dump(outcome, stage))
"""


def test_no_stage_depends_on_hashing():
    made = set()
    for seed in ("0", "1", "42"):
        done = subprocess.run(
            [sys.executable, "-c", STAGES_OF_ALL, str(GOLDEN)],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(REPOSITORY)},
            capture_output=True,
            text=True,
            check=True,
        )
        made.add(done.stdout)
    assert len(made) == 1
    assert len(made.pop()) > 10_000
