"""`.pat` paths to parsed files with their imports, and the names that each file sees.

In: paths and import roots. Out: `LoadedFile` values: the AST, the files it imports, its name table. Finds missing
and cyclic imports, imports from outside the roots, names that are declared twice or not at all. Resolves no op.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path

import attrs

from patdsl.compiler.near_names import suggestion
from patdsl.diagnostic import Diagnostic, Diagnostics, Note
from patdsl.locate import library_folder
from patdsl.source import Source, Span, native_name
from patdsl.syntax import ast_nodes as ast
from patdsl.syntax.path_to_source import read_source
from patdsl.syntax.text_to_ast import parse

NamedDecl = ast.Const | ast.Host | ast.OpDecl | ast.PatternDecl | ast.PassDecl

KINDS = {
    ast.Const: "const",
    ast.Host: "host",
    ast.OpDecl: "op",
    ast.PatternDecl: "pattern",
    ast.PassDecl: "pass",
}


#: Imports of imports are followed to this depth: a file is not understood by reading more than that.
MOST_DEEP = 64

#: A file may have so many imports.
MOST_IMPORTS = 1_000

#: Paths of more characters, as systems take them, or of more folders are not even looked for: each folder costs a look
#: at the disk.
LONGEST_PATH = 4096
MOST_FOLDERS = 32

#: Errors that are reported at the import that they are about, and at none that leads there.
_ABOUT_IMPORTS = ("PAT103", "PAT104", "PAT105", "PAT114")

_DECLARED = re.compile(r"^[ \t]*(const|host|op|pattern|pass)[ \t]+([A-Za-z_][A-Za-z0-9_]*)", re.MULTILINE)

#: Ops, constants and hosts share one namespace; patterns and passes have one each, so that a pattern may be
#: called like the op that it makes.
SPACES = {"const": "value", "host": "value", "op": "value", "pattern": "pattern", "pass": "pass"}


@attrs.frozen(eq=False)
class Entity:
    """A declaration and the file that it stands in."""

    decl: NamedDecl
    owner: LoadedFile

    @property
    def kind(self) -> str:
        return KINDS[type(self.decl)]

    @property
    def space(self) -> str:
        return SPACES[self.kind]


@attrs.define(eq=False)
class LoadedFile:
    """A parsed file.

    `own` holds the file's declarations, `names` what it sees: those, its imports, and the prelude below them. Both are
    keyed by namespace and name. `lost` are names that it would see, had their declarations been without syntax errors,
    or their files been found. `errors_of_its_own` are those that an importing file should hear of.
    """

    path: Path
    source: Source
    file: ast.File
    diagnostics: Diagnostics
    imports: list[LoadedFile] = attrs.Factory(list)
    imported_by: dict[Span, LoadedFile] = attrs.Factory(dict)
    names: dict[tuple[str, str], Entity] = attrs.Factory(dict)
    own: dict[tuple[str, str], Entity] = attrs.Factory(dict)
    imported: dict[tuple[str, str], Entity] = attrs.Factory(dict)
    lost: set[tuple[str, str]] = attrs.Factory(set)
    errors_of_its_own: list[Diagnostic] = attrs.Factory(list)
    _known: dict[tuple[str, ...], list[str]] = attrs.Factory(dict)

    def lookup(self, name: str, space: str = "value") -> Entity | None:
        return self.names.get((space, name))

    def is_lost(self, name: str, space: str = "value") -> bool:
        """Whether a name is unknown only because of an error that is reported elsewhere."""
        return (space, name) in self.lost or (space, "*") in self.lost

    def known(self, *kinds: str) -> list[str]:
        """The names of these kinds that the file sees, once it is loaded."""
        if kinds not in self._known:
            self._known[kinds] = [name for (_, name), entity in self.names.items() if entity.kind in kinds]
        return self._known[kinds]

    def closure(self) -> list[LoadedFile]:
        """This file and all it imports, directly or not, each once, this one first."""
        found: dict[Path, LoadedFile] = {}
        waiting = deque([self])
        while waiting:
            loaded = waiting.popleft()
            if loaded.path not in found:
                found[loaded.path] = loaded
                waiting.extend(loaded.imports)
        return list(found.values())


def _parsed(source: Source) -> tuple[Source, ast.File, Diagnostics]:
    """A source with its AST and findings. One of equal name and text stands for it if it was parsed before."""
    first, file, items = _parsed_once(source.name, source.text)
    found = Diagnostics()
    for item in items:
        found.add(
            item.code, item.span, item.message, notes=item.notes, help=item.help, severity=item.severity
        )
    return first, file, found


@lru_cache(maxsize=64)
def _parsed_once(name: str, text: str) -> tuple[Source, ast.File, tuple[Diagnostic, ...]]:
    """Whoever tries many texts of one file parses what it imports once."""
    source, found = Source(name, text), Diagnostics()
    return source, parse(source, found), tuple(found.items)


class Loader:
    """Loads files once each. `roots` are folders, beside a file's own, in which `import name` looks. `instead` has the
    texts of files that are tried with another text than they have, by resolved path.
    """

    def __init__(self, roots: Sequence[Path] = (), instead: Mapping[Path, str] | None = None) -> None:
        self.instead = dict(instead or {})
        library = library_folder()
        self.roots = [root.resolve() for root in roots]
        self.library = [(library / "ops").resolve(), library.resolve()]
        self.files: dict[Path, LoadedFile] = {}
        self.unread: dict[Path, list[Diagnostic]] = {}
        self.loading: list[Path] = []
        self._listed: dict[Path, list[str]] = {}
        self._found: dict[tuple[Path, str, bool], tuple[Path | None, bool]] = {}

    def load(self, path: Path, diagnostics: Diagnostics) -> LoadedFile | None:
        """The file at `path`. That it cannot be read goes to `diagnostics`, what is found in it to its own."""
        try:
            key = path.resolve()
        except (
            OSError,
            RuntimeError,
            ValueError,
        ):  # a circle of links, a NUL byte: reading says what is wrong
            key = path
        if key not in self.unread and key not in self.files:
            self._load_new(path, key)
        for item in self.unread.get(key, ()):
            diagnostics.add(item.code, item.span, item.message, help=item.help)
        return self.files.get(key)

    def _load_new(self, path: Path, key: Path) -> None:
        unread = Diagnostics()
        text = self.instead.get(key)
        source = read_source(path, unread) if text is None else Source(os.fspath(path), text)
        if source is None:
            self.unread[key] = unread.items
            return
        source, file, found = _parsed(source)
        loaded = LoadedFile(key, source, file, found)
        self.files[key] = loaded
        self.loading.append(key)
        self._add_prelude(loaded)
        self._follow_imports(loaded, path.parent)
        self._declare(loaded)
        if found.errors:
            self._lose(loaded)
            loaded.errors_of_its_own = [item for item in found.errors if item.code not in _ABOUT_IMPORTS]
        self.loading.pop()

    def _add_prelude(self, loaded: LoadedFile) -> None:
        prelude = self.library[0] / "aten.pat"
        if loaded.path == prelude.resolve():
            return
        aten = self.load(prelude, loaded.diagnostics)
        if aten is not None:
            loaded.imports.append(aten)
            loaded.names.update(aten.own)

    def _lose(self, loaded: LoadedFile) -> None:
        """Note what the file would declare if what is broken in it were not."""
        for kind, name in _DECLARED.findall(loaded.source.text):
            if (SPACES[kind], name) not in loaded.names:
                loaded.lost.add((SPACES[kind], name))

    def _follow_imports(self, loaded: LoadedFile, folder: Path) -> None:
        imports = [decl for decl in loaded.file.declarations if isinstance(decl, ast.Import)]
        for decl in imports[:MOST_IMPORTS]:
            target = self._find(decl, loaded, folder)
            imported = self._load_import(decl, target, loaded) if target else None
            if imported is None:
                self._lose_import(decl, loaded)
                continue
            loaded.imports.append(imported)
            loaded.imported_by[decl.span] = imported
            loaded.lost |= imported.lost
            self._take_names(decl, imported, loaded)
        if len(imports) > MOST_IMPORTS:
            loaded.diagnostics.add(
                "PAT116",
                imports[MOST_IMPORTS].span,
                f"{len(imports):,} imports, more than the {MOST_IMPORTS:,} that a file may have",
                help="import once what is needed",
            )
            for decl in imports[MOST_IMPORTS:]:
                self._lose_import(decl, loaded)

    def _lose_import(self, decl: ast.Import, loaded: LoadedFile) -> None:
        """What a failed import would have brought: the names listed, or any."""
        names = ["*"] if decl.items is None else [(item.alias or item.name).text for item in decl.items]
        loaded.lost.update((space, name) for name in names for space in SPACES.values())

    def _load_import(self, decl: ast.Import, target: Path, loaded: LoadedFile) -> LoadedFile | None:
        key = target.resolve()
        if key in self.loading:
            circle = [path.name for path in self.loading[self.loading.index(key) :]]
            loaded.diagnostics.add(
                "PAT104",
                decl.path_span,
                f"import cycle: {' -> '.join([*circle, key.name])}",
                help="move what both files need into a third file and import that from both",
            )
            return None
        if len(self.loading) >= MOST_DEEP and key not in self.files:
            loaded.diagnostics.add(
                "PAT114",
                decl.path_span,
                f"`{decl.path}` is imported through {len(self.loading)} files, the most that are followed",
                help="import what is needed from the files that declare it",
            )
            return None
        imported = self.load(target, Diagnostics())
        errors = self.unread[key] if imported is None else imported.errors_of_its_own
        if errors:
            count = f"{len(errors)} error{'s' * (len(errors) != 1)}"
            loaded.diagnostics.add(
                "PAT105",
                decl.path_span,
                f"the imported file `{decl.path}` {'cannot be read' if imported is None else f'has {count}'}",
                notes=[Note(errors[0].message, errors[0].span)],
                help="mend that file first",
            )
        return imported

    def _find(self, decl: ast.Import, loaded: LoadedFile, folder: Path) -> Path | None:
        """The file that an import means, or None, reported. What lies outside the roots is not even looked for."""
        key = (folder, decl.path, decl.is_string)
        if key not in self._found:
            self._found[key] = self._look_for(*key)
        found, leads_outside = self._found[key]
        if found is not None:
            return found
        if leads_outside:
            loaded.diagnostics.add(
                "PAT103",
                decl.path_span,
                f"`{decl.path}` leads outside the import roots",
                notes=[Note(f"the import roots: {self._shown_roots()}")],
                help="import from below the file's own folder, or name a further root with --root",
            )
            return None
        known = sorted(
            {name for base in (folder, *self.roots, *self.library) for name in self._names_in(base)}
        )
        loaded.diagnostics.add(
            "PAT102",
            decl.path_span,
            f"no file for import `{decl.path}`",
            notes=[]
            if decl.is_string
            else [Note(f"looked for `{_file_of(decl.path)}` in {self._shown_roots()}")],
            help=suggestion(Path(decl.path).stem if decl.is_string else decl.path, known),
        )
        return None

    def _names_in(self, base: Path) -> list[str]:
        """The files that could be imported from a folder, looked up once: a file may name many that are not there."""
        if base not in self._listed:
            self._listed[base] = [path.stem for path in base.glob("*.pat")]
        return self._listed[base]

    def _look_for(self, folder: Path, path: str, is_string: bool) -> tuple[Path | None, bool]:
        """The file, and whether a place where it could be is outside the roots."""
        if len(path) > LONGEST_PATH or path.count("/" if is_string else ".") > MOST_FOLDERS:
            return None, False
        bases = (folder, *self.roots, *self.library)
        allowed = [_resolved(base) for base in bases]
        candidates = [folder / native_name(path)] if is_string else [base / _file_of(path) for base in bases]
        inside = [
            candidate
            for candidate in candidates
            if any(_resolved(candidate).is_relative_to(root) for root in allowed)
        ]
        found = next((candidate for candidate in inside if _is_file(candidate)), None)
        return found, len(inside) < len(candidates)

    def _shown_roots(self) -> str:
        return ", ".join(["the file's own folder", *map(str, self.roots), "the library of patdsl"])

    def _take_names(self, decl: ast.Import, imported: LoadedFile, loaded: LoadedFile) -> None:
        wanted: list[tuple[str, Entity, Span]] = []
        if decl.items is None:
            wanted = [(name, entity, decl.path_span) for (_, name), entity in imported.own.items()]
        for item in decl.items or ():
            found = [entity for (_, name), entity in imported.own.items() if name == item.name.text]
            if not found and any(imported.is_lost(item.name.text, space) for space in SPACES.values()):
                loaded.diagnostics.follow()
                loaded.lost.update((space, (item.alias or item.name).text) for space in SPACES.values())
            elif not found:
                names = [name for _, name in imported.own]
                home = library_ops().get(item.name.text)
                elsewhere = home and f"the library declares it in `{home}`"
                loaded.diagnostics.add(
                    "PAT106",
                    item.name.span,
                    f"`{decl.path}` declares no `{item.name.text}`",
                    help=elsewhere or suggestion(item.name.text, names) or f"it declares: {_listed(names)}",
                )
                loaded.lost.update((space, (item.alias or item.name).text) for space in SPACES.values())
            wanted.extend(((item.alias or item.name).text, entity, item.span) for entity in found)
        for name, entity, span in wanted:
            key = (entity.space, name)
            before = loaded.imported.get(key)
            if before is not None and before.decl is not entity.decl:
                loaded.diagnostics.add(
                    "PAT101",
                    span,
                    f"`{name}` is imported twice, for different things",
                    notes=[Note("first meaning", before.decl.name.span)],
                    help=f"rename one: import {decl.path} ({name} as ...)",
                )
                continue
            loaded.imported[key] = entity
            loaded.names[key] = entity

    def _declare(self, loaded: LoadedFile) -> None:
        """Enter the file's own declarations. What it imports is not passed on to files that import it."""
        for decl in loaded.file.declarations:
            if isinstance(decl, (ast.Import, ast.TestDecl)):
                continue
            entity = Entity(decl, loaded)
            key = (entity.space, decl.name.text)
            before = loaded.own.get(key) or loaded.imported.get(key)
            if before is not None:
                loaded.diagnostics.add(
                    "PAT101",
                    decl.name.span,
                    f"`{decl.name.text}` is declared twice",
                    notes=[Note("first declared here", before.decl.name.span)],
                    help="give one of them another name",
                )
                continue
            loaded.own[key] = entity
            loaded.names[key] = entity


def unknown_name(file: LoadedFile, span: Span, what: str, name: str, known: Iterable[str]) -> None:
    """Report a name that means nothing in `file`, unless it only does because of another error."""
    space = SPACES.get(what, "value")
    if file.is_lost(name, space):
        file.diagnostics.follow()
        return
    names = list(known)
    home = library_ops().get(name) if what == "op" else None
    if home is not None:
        help: str | None = f"the library declares it; add: import {home}"
    else:
        help = suggestion(name, names) or _how_to_know(what, names)
    file.diagnostics.add("PAT107", span, f"unknown {what} `{name}`", help=help)


def _how_to_know(what: str, names: Sequence[str]) -> str | None:
    if 0 < len(names) <= 8:
        return f"known here: {_listed(names)}"
    return "declare it, or import a file that does" if what in SPACES else f"known here: {_listed(names)}"


@cache
def library_ops() -> dict[str, str]:
    """Ops that files of the library declare, and those files' names."""
    return {
        name: path.stem
        for path in sorted((library_folder() / "ops").glob("*.pat"), reverse=True)
        for kind, name in _DECLARED.findall(path.read_text(encoding="utf-8"))
        if kind == "op"
    }


def _listed(names: Sequence[str], most: int = 8) -> str:
    """Names for a message, not all of many."""
    shown = ", ".join(names[:most])
    return f"{shown}, ..." if len(names) > most else shown or "nothing"


def _file_of(dotted: str) -> Path:
    return Path(*dotted.split(".")).with_suffix(".pat")


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # a circle of links: it is no file either
        return path.absolute()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name longer than names can be
        return False
