"""An archive of `torch.export` (`.pt2`) -> the text of every graph in it.

In: a `.pt2` file. Out: a `GraphText` for each model and each graph inside one, as torch would print it, or diagnostics
(PAT602: too large, PAT605: no archive of torch.export). Only the JSON of the graphs is read: `torch.export.load` would
unpickle constants and example inputs, which can run code.
"""

from __future__ import annotations

import ast
import json
import keyword
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from patdsl.diagnostic import Diagnostics
from patdsl.dtypes import TORCH_NAMES
from patdsl.printed.graph_text import MAX_BYTES, GraphText
from patdsl.source import Source

KIND = "exported"
_MODEL = re.compile(r"(?:[^/]+/)?(?:models/([^/]+)|serialized_exported_program)\.json")
#: The longest expression of a size that is read; of a longer one nothing is known.
_LONGEST = 5_000
_UNKNOWN = "?"

#: The numbers that an archive has for dtypes (`torch._export.serde.schema.ScalarType`).
_DTYPES = {
    1: "u8",
    2: "i8",
    3: "i16",
    4: "i32",
    5: "i64",
    6: "f16",
    7: "f32",
    8: "f64",
    12: "bool",
    13: "bf16",
    28: "u16",
    29: "f8e4m3fn",
    30: "f8e5m2",
    31: "f8e4m3fnuz",
    32: "f8e5m2fnuz",
    33: "f8e8m0",
    34: "u32",
    35: "u64",
}
_LAYOUTS = {7: "torch.strided"}
_MEMORY_FORMATS = {
    1: "torch.contiguous_format",
    2: "torch.channels_last",
    3: "torch.channels_last_3d",
    4: "torch.preserve_format",
}
_SIGNS = {"Add": "+", "Mul": "*", "Pow": "**"}
_KEYWORD = 2


class _UnreadError(Exception):
    """The JSON is not what `torch.export.save` writes."""


def is_archive(path: Path) -> bool:
    """Whether a file begins as a zip archive does."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"PK\x03\x04"
    except (OSError, ValueError):
        return False


def archive_texts(path: Path, diagnostics: Diagnostics) -> list[GraphText]:
    """The graphs of an archive, in the order of its models."""
    found: list[GraphText] = []
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                model = _MODEL.fullmatch(entry.filename)
                if model is None:
                    continue
                with archive.open(entry) as file:
                    data = file.read(MAX_BYTES + 1)
                if len(data) > MAX_BYTES:
                    message = f"`{path}` has a graph larger than {MAX_BYTES >> 20} MiB, the most that is read"
                    diagnostics.add("PAT602", None, message)
                    return []
                found += _graphs(os.fspath(path), model[1] or "model", data)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, NotImplementedError, RuntimeError, OSError, EOFError):
        return _refuse(path, "is a damaged or encrypted archive", diagnostics)
    except (_UnreadError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        what = f": {error}" if isinstance(error, _UnreadError) else ""
        return _refuse(path, f"holds a graph in a form that torch.export does not write{what}", diagnostics)
    if not found:
        return _refuse(path, "is an archive without a graph of torch.export", diagnostics)
    return found


def _refuse(path: Path, what: str, diagnostics: Diagnostics) -> list[GraphText]:
    diagnostics.add(
        "PAT605",
        None,
        f"`{path}` {what}",
        help="give an archive that torch.export.save has written; one of AOTInductor has compiled code alone",
    )
    return []


def _graphs(file: str, model: str, data: bytes) -> Iterator[GraphText]:
    """The model's graph, and those that its `cond` and the like hold."""
    pending = [(model, json.loads(data)["graph_module"]["graph"])]
    while pending:
        name, graph = pending.pop(0)
        inner: list[tuple[str, Any]] = []
        lines = list(_Printer(graph, inner).lines())
        pending += [(f"{name}.{each}", content) for each, content in inner]
        source = Source(file, "".join(f"{line}\n" for line in lines))
        yield GraphText(source, KIND, name, tuple(lines), tuple(range(1, len(lines) + 1)))


class _Printer:
    """Prints one graph. What an op of its takes as a graph goes to `inner`, with its name."""

    def __init__(self, graph: Any, inner: list[tuple[str, Any]]) -> None:
        self.graph, self.inner = graph, inner
        self.unnamed = 0

    def lines(self) -> Iterator[str]:
        names = (self._typed(_name_of(each)) for each in self.graph["inputs"] if _name_of(each) is not None)
        yield f"def forward({', '.join(['self', *names])}):"
        for node in self.graph["nodes"]:
            yield from (f"    {line}" for line in self._node(node))
        outputs = "".join(f"{self._value(each)}, " for each in self.graph["outputs"])
        yield f"    return ({outputs.rstrip(' ')})"

    def _typed(self, name: Any) -> str:
        """A name with its type where the graph has one."""
        text = _identifier(name)
        held = self.graph["tensor_values"].get(name)
        if held is not None:
            return f'{text}: "{_tensor(held)}"'
        size = self.graph["sym_int_values"].get(name)
        return text if size is None else f'{text}: "Sym({_size(size)})"'

    def _node(self, node: Any) -> Iterator[str]:
        source = _source(node)
        if source:
            yield f"# {source}"
        call = f"{_dotted(node['target'])}({', '.join(self._given(each) for each in node['inputs'])})"
        outputs, own = node["outputs"], node.get("name")
        parts = outputs[0]["as_tensors"] if len(outputs) == 1 and "as_tensors" in outputs[0] else None
        if parts is None and len(outputs) == 1:
            whole = _name_of(outputs[0])
            yield f"{self._typed(whole) if whole is not None else self._own_name(own)} = {call}"
            return
        name = self._own_name(own)
        yield f"{name} = {call}"
        for at, each in enumerate(outputs if parts is None else parts):
            part = _name_of(each) if parts is None else each["name"]
            if part is not None:
                yield f"{self._typed(part)} = {name}[{at}]"

    def _own_name(self, name: Any) -> str:
        """The node's name; archives of some versions have none where its parts have."""
        if name is not None:
            return _identifier(name)
        self.unnamed += 1
        return f"unnamed_{self.unnamed}"

    def _given(self, given: Any) -> str:
        value = self._value(given["arg"])
        return f"{_identifier(given['name'])} = {value}" if given.get("kind") == _KEYWORD else value

    def _value(self, argument: Any) -> str:
        """An argument as Python text."""
        ((kind, value),) = argument.items()
        if kind == "as_none":
            return "None"
        if kind in ("as_tensor", "as_custom_obj", "as_token"):
            return _identifier(value["name"])
        if kind == "as_graph":
            self.inner.append((_identifier(value["name"]), value["graph"]))
            return f"self.{_identifier(value['name'])}"
        if kind in ("as_tensors", "as_optional_tensors"):
            each = (one["name"] if "name" in one else _name_of(one) for one in value)
            return _list("None" if name is None else _identifier(name) for name in each)
        if kind.startswith("as_sym_"):
            return _list(map(_symbolic, value)) if kind.endswith("s") else _symbolic(value)
        if kind == "as_scalar_type":
            return (
                f"torch.{TORCH_NAMES[_DTYPES[value]]}" if value in _DTYPES else f"torch.unknown_{int(value)}"
            )
        if kind == "as_layout":
            return _LAYOUTS.get(value, "torch.unknown_layout")
        if kind == "as_memory_format":
            return _MEMORY_FORMATS.get(value, "torch.unknown_format")
        if kind == "as_device":
            return f"device(type={_literal(value['type'])}{_index(value)})"
        if kind == "as_operator":
            return _dotted(value)
        if kind in ("as_float", "as_floats"):  # those that are not finite are strings
            return _list(repr(float(each)) for each in value) if kind == "as_floats" else repr(float(value))
        return _list(map(_literal, value)) if isinstance(value, list) else _literal(value)


def _name_of(argument: Any) -> Any:
    """The name of an input or a result; None for a constant, or for a result that is none."""
    ((_, value),) = argument.items()
    return value.get("name", value.get("as_name")) if isinstance(value, dict) else None


def _symbolic(value: Any) -> str:
    ((kind, inner),) = value.items()
    return _identifier(inner) if kind == "as_name" else _literal(inner)


def _list(values: Iterator[str]) -> str:
    return f"[{', '.join(values)}]"


def _literal(value: Any) -> str:
    if value is None or isinstance(value, (bool, int, float, str)):
        return repr(value)
    raise _UnreadError("a constant is none of Python's")


def _index(device: Any) -> str:
    index = device.get("index")
    return "" if index is None else f", index={int(index)}"


def _identifier(name: Any) -> str:
    if isinstance(name, str) and name.isidentifier() and not keyword.iskeyword(name):
        return name
    raise _UnreadError("a name is no identifier")


def _dotted(name: Any) -> str:
    return ".".join(map(_identifier, name.removeprefix("#").split(".")))


def _tensor(held: Any) -> str:
    """A type as graphs print it."""
    dims, strides = (", ".join(map(_size, held[key])) for key in ("sizes", "strides"))
    device = held["device"]
    place = device["type"] if device.get("index") is None else f"{device['type']}:{int(device['index'])}"
    if not re.fullmatch(r"\w+(:\d+)?", place):
        raise _UnreadError("a device is none of torch's")
    return f"{_DTYPES.get(held['dtype'], 'unknown')}[{dims}][{strides}]{place}"


def _size(size: Any) -> str:
    ((kind, value),) = size.items()
    return str(int(value)) if kind == "as_int" else _expression(str(value["expr_str"]))


def _expression(text: str) -> str:
    """`Mul(Integer(8), Symbol('s0', positive=True, integer=True))` as `(8*s0)`; `?` where it says something else."""
    if len(text) > _LONGEST:
        return _UNKNOWN
    try:
        return _infix(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _UNKNOWN


def _infix(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return str(node.value)
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name) or not node.args:
        raise ValueError("an expression that no size has")
    function, first = node.func.id, node.args[0]
    if function == "Symbol" and isinstance(first, ast.Constant):
        return _identifier(first.value)
    if function == "Integer":
        return ast.unparse(first)
    args = list(map(_infix, node.args))
    return f"({_SIGNS[function].join(args)})" if function in _SIGNS else f"{function}({', '.join(args)})"


def _source(node: Any) -> str:
    """The innermost line of the trace that a node keeps, as graphs print it."""
    trace = node.get("metadata", {}).get("stack_trace") or ""
    frames = re.findall(r'File "([^"\n]*)", line (\d+), in ([^\n]*)(?:\n *([^\n]*))?', str(trace))
    if not frames:
        return ""
    file, line, function, code = (
        re.sub(r"[\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]", " ", each) for each in frames[-1]
    )
    return f"File: {file}:{line} in {function}" + (f", code: {code}" if code else "")
