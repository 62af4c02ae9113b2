"""`.pat` paths to parsed files with their imports, and the names that each file sees.

In: paths and import roots. Out: `LoadedFile` values: the AST, the files it imports, its name table. Finds missing
and cyclic imports, imports from outside the roots, names that are declared twice or not at all. Resolves no op.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path

import attrs

from patdsl import ast_nodes as ast
from patdsl.diagnostic import Diagnostics, Note
from patdsl.locate import library_folder
from patdsl.path_to_source import read_source
from patdsl.source import Source, Span
from patdsl.text_to_ast import parse

NamedDecl = ast.Const | ast.Host | ast.OpDecl | ast.PatternDecl | ast.PassDecl

KINDS = {
    ast.Const: "const",
    ast.Host: "host",
    ast.OpDecl: "op",
    ast.PatternDecl: "pattern",
    ast.PassDecl: "pass",
}


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
    keyed by namespace and name.
    """

    path: Path
    source: Source
    file: ast.File
    diagnostics: Diagnostics
    imports: list[LoadedFile] = attrs.Factory(list)
    names: dict[tuple[str, str], Entity] = attrs.Factory(dict)
    own: dict[tuple[str, str], Entity] = attrs.Factory(dict)
    imported: dict[tuple[str, str], Entity] = attrs.Factory(dict)

    def lookup(self, name: str, space: str = "value") -> Entity | None:
        return self.names.get((space, name))

    def known(self, *kinds: str) -> list[str]:
        """The names of these kinds that the file sees."""
        return [name for (_, name), entity in self.names.items() if entity.kind in kinds]

    def closure(self) -> list[LoadedFile]:
        """This file and all it imports, directly or not, each once, this one first."""
        found: dict[Path, LoadedFile] = {}
        waiting = [self]
        while waiting:
            loaded = waiting.pop(0)
            if loaded.path not in found:
                found[loaded.path] = loaded
                waiting.extend(loaded.imports)
        return list(found.values())


class Loader:
    """Loads files once each. `roots` are folders, beside a file's own, in which `import name` looks."""

    def __init__(self, roots: Sequence[Path] = ()) -> None:
        library = library_folder()
        self.roots = [root.resolve() for root in roots]
        self.library = [(library / "ops").resolve(), library.resolve()]
        self.files: dict[Path, LoadedFile | None] = {}
        self.loading: list[Path] = []

    def load(self, path: Path, diagnostics: Diagnostics) -> LoadedFile | None:
        """The file at `path`. Findings about reading it go to `diagnostics`, later ones to its own."""
        key = path.resolve()
        if key in self.files:
            return self.files[key]
        source = read_source(path, diagnostics)
        if source is None:
            self.files[key] = None
            return None
        found = Diagnostics()
        loaded = LoadedFile(key, source, parse(source, found), found)
        self.files[key] = loaded
        self.loading.append(key)
        self._add_prelude(loaded)
        self._follow_imports(loaded, path.parent)
        self._declare(loaded)
        self.loading.pop()
        return loaded

    def _add_prelude(self, loaded: LoadedFile) -> None:
        prelude = self.library[0] / "aten.pat"
        if loaded.path == prelude.resolve():
            return
        aten = self.load(prelude, loaded.diagnostics)
        if aten is not None:
            loaded.imports.append(aten)
            loaded.names.update(aten.own)

    def _follow_imports(self, loaded: LoadedFile, folder: Path) -> None:
        for decl in loaded.file.declarations:
            if isinstance(decl, ast.Import):
                target = self._find(decl, loaded, folder)
                imported = self._load_import(decl, target, loaded, folder) if target else None
                if imported is not None:
                    loaded.imports.append(imported)
                    self._take_names(decl, imported, loaded)

    def _load_import(
        self, decl: ast.Import, target: Path, loaded: LoadedFile, folder: Path
    ) -> LoadedFile | None:
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
        imported = self.load(target, loaded.diagnostics)
        if imported is not None and imported.diagnostics.errors:
            loaded.diagnostics.add(
                "PAT105",
                decl.path_span,
                f"`{decl.path}` has errors of its own",
                notes=[Note(error.message, error.span) for error in imported.diagnostics.errors[:3]],
            )
        return imported

    def _find(self, decl: ast.Import, loaded: LoadedFile, folder: Path) -> Path | None:
        allowed = [folder.resolve(), *self.roots, *self.library]
        if decl.is_string:
            candidates = [folder / decl.path]
        else:
            relative = Path(*decl.path.split(".")).with_suffix(".pat")
            candidates = [base / relative for base in (folder, *self.roots, *self.library)]
        for candidate in candidates:
            if candidate.is_file():
                if not any(candidate.resolve().is_relative_to(root) for root in allowed):
                    loaded.diagnostics.add(
                        "PAT103",
                        decl.path_span,
                        f"`{decl.path}` leads outside the import roots",
                        help="imports stay below the file's own folder, a --root, or the library",
                    )
                    return None
                return candidate
        outside = decl.is_string and not any(
            candidates[0].resolve().is_relative_to(root) for root in allowed
        )
        if outside:
            loaded.diagnostics.add(
                "PAT103",
                decl.path_span,
                f"`{decl.path}` leads outside the import roots",
                help="imports stay below the file's own folder, a --root, or the library",
            )
            return None
        known = sorted(
            {path.stem for base in (folder, *self.roots, *self.library) for path in base.glob("*.pat")}
        )
        loaded.diagnostics.add(
            "PAT102",
            decl.path_span,
            f"no file for import `{decl.path}`",
            help=suggestion(decl.path, known) or f"looked in: {', '.join(_shown(candidates))}",
        )
        return None

    def _take_names(self, decl: ast.Import, imported: LoadedFile, loaded: LoadedFile) -> None:
        wanted: list[tuple[str, Entity, Span]] = []
        if decl.items is None:
            wanted = [(name, entity, decl.path_span) for (_, name), entity in imported.own.items()]
        for item in decl.items or ():
            found = [entity for (_, name), entity in imported.own.items() if name == item.name.text]
            if not found:
                loaded.diagnostics.add(
                    "PAT106",
                    item.name.span,
                    f"`{decl.path}` declares no `{item.name.text}`",
                    help=suggestion(item.name.text, [name for _, name in imported.own]),
                )
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
                )
                continue
            loaded.own[key] = entity
            loaded.names[key] = entity


def suggestion(name: str, known: Iterable[str]) -> str | None:
    """`did you mean 'x'?`, or None where nothing is near."""
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"did you mean `{near[0]}`?" if near else None


def unknown_name(diagnostics: Diagnostics, span: Span, what: str, name: str, known: Iterable[str]) -> None:
    """Report a name that means nothing here."""
    diagnostics.add("PAT107", span, f"unknown {what} `{name}`", help=suggestion(name, known))


def _shown(candidates: Sequence[Path]) -> list[str]:
    return list(dict.fromkeys(str(candidate.parent) for candidate in candidates))
