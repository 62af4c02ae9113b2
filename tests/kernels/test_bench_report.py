"""The report of the kernel benchmark, and what it holds the kernels against, without a GPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import compare
import dual_work
import pytest
import report
import rope_work
import targets
import torch
import triton_config
from families import ALL, FAMILIES, MAIN
from memory import Apart, Blocks

MACHINE = {"gpu": "some GPU", "torch": "2.11", "cuda": "13.0", "triton": "3.6"}


def line(**changes: Any) -> dict[str, Any]:
    """A line of the grid that misses nothing."""
    times = {"empty": 1.0, "copy": 2.0, "copy_early": 1.9, "ours": 2.0, "triton": 3.0, "inductor": 4.0}
    times["triton_ordinary"] = 3.2
    place = {"family": "rms_norm_group", "hidden": 4096, "rows": 1024, "cold": True}
    return {**place, **times, "triton_config": "1 rows, 8 warps, 4096", "faults": [], **changes}


def content(*lines: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"machine": MACHINE, "date": "2026-01-31", "results": list(lines), **more}


def missed(found: dict[str, Any]) -> list[str]:
    return [t.text for t in targets.TARGETS if t.misses(targets.lines_of(t, found))]


@pytest.mark.parametrize(
    ("changes", "texts"),
    [
        ({}, []),
        ({"triton": 2.05}, ["main, hidden 4096, up to 1,024 rows: Triton / kernel at least 1.05"]),
        ({"triton": 2.05, "hidden": 5120}, []),
        ({"triton": 1.98, "hidden": 5120}, ["main: Triton / kernel at least 1.00"]),
        ({"copy": 1.8}, ["main, cold, 512 rows and more: kernel / copy at most 1.05"]),
        ({"copy": 1.8, "rows": 128}, []),
        ({"copy": 1.6, "rows": 128}, ["main, cold, fewer rows: kernel / copy at most 1.20"]),
        ({"copy": 1.6, "cold": False}, []),
        ({"copy": 1.5, "cold": False}, ["main, hot: kernel / copy at most 1.30"]),
        ({"inductor": 2.9}, ["main: Inductor / kernel at least 1.50"]),
        ({"inductor": 2.9, "family": "silu_mul_mx"}, []),
        ({"inductor": 2.5, "family": "silu_mul_mx"}, ["others: Inductor / kernel at least 1.30"]),
        ({"triton": 1.9, "family": "silu_mul_mx"}, ["others: Triton / kernel at least 1.00"]),
        ({"inductor": None, "copy": 0.1, "family": "silu_mul_mx"}, []),
    ],
)
def test_each_target_is_asked_of_its_lines_alone(changes: dict[str, Any], texts: list[str]) -> None:
    assert missed(content(line(**changes))) == texts


def test_targets_of_pairs_and_calls() -> None:
    pair = {"source": "norm", "hidden": 4096, "rows": 1024, "one": 5.5, "two": 10.0}
    calls = {
        "launch": 12.0,
        "triton": 10.0,
        "dispatch": 6.0,
        "function": 1.0,
        "triton_allocating": 1.0,
        "torch_ops": 1.0,
    }
    good = content(consumers=[{**pair, "layouts": 6.5, "two_layouts": 10.0}], overhead=calls)
    assert missed(good) == []
    bad = content(
        consumers=[{**pair, "one": 5.7, "layouts": 6.7, "two_layouts": 10.0}],
        overhead={**calls, "launch": 12.2, "dispatch": 6.1},
    )
    assert len(missed(bad)) == 4


def test_page_has_every_line_and_names_what_misses() -> None:
    lines = [line(), line(cold=False, copy=1.0), line(family="silu_mul_mx", inductor=None)]
    text = report.page(content(*lines), "picture.svg")
    assert (
        "| 4096 | 1024 | cold | 1.00 | 2.00 | 1.90 | 2.00 | 3.00 | 3.20 | 4.00 | 1.00 | 1.50 | 1.60 | 2.00 | 1 rows"
        in text
    )
    assert "kernel / copy at most 1.30: rms_norm_group 1024 x 4096 hot 2.00" in text
    assert "![Times over the time of a copy](picture.svg)" in text
    assert "## Wrong results" not in text
    assert "## Wrong results\n\n- it is off" in report.page(content(line(faults=["it is off"])))


def test_later_files_replace_lines_of_earlier_ones_and_machines_do_not_mix() -> None:
    merged = report.merge([content(line(), line(rows=1)), content(line(ours=1.5))])
    assert [(found["rows"], found["ours"]) for found in merged["results"]] == [(1024, 1.5), (1, 2.0)]
    with pytest.raises(ValueError, match="different machines"):
        report.merge([content(), {**content(), "machine": {**MACHINE, "gpu": "another"}}])


def test_command_writes_page_and_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    results = tmp_path / "results.json"
    results.write_text(json.dumps(content(line(), line(cold=False))))
    command = [sys.executable, report.__file__, str(results), "--markdown", str(tmp_path / "page.md")]
    subprocess.run([*command, "--plot", str(tmp_path / "picture.svg")], check=True)
    assert "rms_norm_group" in (tmp_path / "page.md").read_text()
    assert "rms_norm_group, 4096" in (tmp_path / "picture.svg").read_text()


@pytest.mark.parametrize("name", FAMILIES)
def test_unfused_code_means_what_the_reference_does(name: str) -> None:
    family = FAMILIES[name]
    work = family.work(min(hidden for hidden, _ in family.sizes), 5)
    torch.manual_seed(0)
    buffers = work.make(Apart("cpu"))
    wanted = work.wanted(buffers)
    returned = work.unfused()(*work.arguments(buffers))
    caches = {key: value for key, value in work.results(buffers).items() if "cache" in key}
    assert len(returned) + len(caches) == len(wanted)
    for result, value in wanted.items():
        if result in caches:
            assert compare.difference(caches[result], value) is None
        else:
            assert any(compare.difference(one, value) is None for one in returned if one.dtype == value.dtype)


def test_main_families_have_every_size() -> None:
    assert len(ALL) == 48
    assert all(set(FAMILIES[name].sizes) == set(ALL) for name in MAIN)


@pytest.mark.parametrize("name", FAMILIES)
def test_bytes_are_those_of_the_buffers(name: str) -> None:
    """Of all that is allocated for a call, but for what is shared or not read: a scale, the table, columns of a row."""
    family = FAMILIES[name]
    work = family.work(min(hidden for hidden, _ in family.sizes), 64)
    buffers = work.make(Apart("cpu"))
    tensors = [
        value for value in attrs.asdict(buffers, recurse=False).values() if isinstance(value, torch.Tensor)
    ]
    held = sum(one.numel() * one.element_size() for one in tensors)
    other = {"RowsWork": 4 * name.endswith("static"), "DualWork": 2 * 64 * dual_work.REST}
    steering = {"PairWork": 64 * (2 * rope_work.SIZE + 16), "LatentWork": 64 * (2 * rope_work.ROTARY + 16)}
    kind = type(work).__name__
    assert work.bytes == held - other.get(kind, 0) + steering.get(kind, 0)


@pytest.mark.parametrize("hidden", [128, 1536, 2048, 2880, 4096, 5120, 7168, 8192])
def test_triton_parts_cover_the_row(hidden: int) -> None:
    configs = triton_config.row_configs(hidden, 1, tiles=True, quantised=True, thorough=True)
    assert len(set(configs)) == len(configs)
    for config in configs:
        assert config.parts[0][0] == 0
        ends = [start + columns for start, columns in config.parts]
        assert [start for start, _ in config.parts[1:]] == ends[:-1]
        assert all(columns & (columns - 1) == 0 for _, columns in config.parts)
        assert hidden % config.tile == 0 if config.tile else ends[-1] >= hidden


def test_blocks_are_apart_and_end() -> None:
    blocks = Blocks(8192, "cpu")
    first, second = blocks.output(3, 100, dtype=torch.uint8), blocks.output(512, dtype=torch.uint8)
    first.fill_(1)
    second.fill_(2)
    assert int(first.sum()) == 300
    assert second.data_ptr() - first.data_ptr() == 512
    assert blocks.input(4, 8).std() > 0.1
    with pytest.raises(MemoryError, match="8192"):
        blocks.output(8192, dtype=torch.uint8)
