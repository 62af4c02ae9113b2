"""Every page of docs/errors: its failing example gives its code and its message, its mended one compiles."""

from __future__ import annotations

from pathlib import Path

import pytest
from error_pages import FOLDER, Page, findings, index_text, main_finding, pages

from patdsl.codes import CODES
from patdsl.render import to_text

PAGES = pages()


def _of_page(page: Page) -> str:
    return page.code


def test_every_code_has_a_page_and_every_page_a_code() -> None:
    assert [page.code for page in PAGES] == sorted(CODES)
    assert [page.path.stem for page in PAGES] == sorted(CODES)


@pytest.mark.parametrize("page", PAGES, ids=_of_page)
def test_the_title_is_that_of_the_code(page: Page) -> None:
    assert page.title == CODES[page.code].title


@pytest.mark.parametrize("page", PAGES, ids=_of_page)
def test_the_failing_example(page: Page, tmp_path: Path) -> None:
    outcome = findings(page, page.error, tmp_path, as_error=True)
    found = {item.code for item in outcome.diagnostics} - ({"PAT402"} if page.code != "PAT402" else set())
    assert page.code in found
    assert found <= {page.code, page.option("among")}
    assert to_text(main_finding(page, outcome)) == page.message
    if "torch" not in page.options:  # what torch knows is asked for behind the last stage
        assert (outcome.module is None) is bool(outcome.errors)


@pytest.mark.parametrize("page", PAGES, ids=_of_page)
def test_the_mended_example(page: Page, tmp_path: Path) -> None:
    outcome = findings(page, page.mended, tmp_path, as_error=False)
    assert [item for item in outcome.diagnostics if item.code != "PAT402"] == []
    assert page.code not in {item.code for item in outcome.diagnostics}


def test_the_index() -> None:
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == index_text(PAGES)
