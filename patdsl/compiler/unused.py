"""Imports, constants and hosts that nothing in a file uses.

In: a loaded file. Out: PAT115 warnings. A name counts as used where it stands in any other declaration of the file, as
whatever it may be there: a warning is only worth having where it is certain.
"""

from __future__ import annotations

import re

from patdsl.compiler.imports import LoadedFile
from patdsl.source import Span
from patdsl.syntax import ast_nodes as ast

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def report_unused(file: LoadedFile) -> None:
    """Say nothing where there are errors: what is broken may be what uses a name, or what is not there."""
    if any(one.diagnostics.failures for one in (file, *file.imports)):
        return
    used = {
        word
        for decl in file.file.declarations
        if not isinstance(decl, ast.Import)
        for word in _WORD.findall(_body(decl))
    }
    for decl in file.file.declarations:
        if isinstance(decl, ast.Import):
            _check_import(decl, file, used)
        elif isinstance(decl, (ast.Const, ast.Host)) and _is_for_itself(file) and decl.name.text not in used:
            kind = "const" if isinstance(decl, ast.Const) else "host"
            _warn(file, decl.name.span, f"{kind} `{decl.name.text}` is never used")


def _body(decl: ast.Declaration) -> str:
    """The text of a declaration that may use names. A constant's own name is no use of it."""
    if isinstance(decl, (ast.Const, ast.Host)):
        return decl.span.text[decl.name.span.end - decl.span.start :]
    return decl.span.text


def _is_for_itself(file: LoadedFile) -> bool:
    """Whether a file declares passes, so that nothing is expected to import its constants."""
    return any(isinstance(decl, ast.PassDecl) for decl in file.file.declarations)


def _check_import(decl: ast.Import, file: LoadedFile, used: set[str]) -> None:
    for item in decl.items or ():
        name = (item.alias or item.name).text
        if name not in used:
            _warn(file, item.span, f"`{name}` is imported from `{decl.path}` and never used")
    imported = file.imported_by.get(decl.span)
    if decl.items is None and imported is not None and not used & {name for _, name in imported.own}:
        _warn(file, decl.path_span, f"nothing of `{decl.path}` is used")


def _warn(file: LoadedFile, span: Span, message: str) -> None:
    file.diagnostics.add("PAT115", span, message, help="remove it", severity="warning")
