"""Values as source: what is written builds the same value again."""

from __future__ import annotations

import ast

from hypothesis import given
from hypothesis import strategies as st

from patdsl.compiler.data_to_python import PythonWriter


@given(st.text(st.characters(), max_size=20) | st.text("\\'\"\n\x00é\ud800😀a", max_size=8))
def test_every_string_is_a_literal_of_itself(text):
    source = PythonWriter().write(text)
    assert ast.literal_eval(source) == text
    assert source.isascii()
    assert source.startswith('"') or text.count('"') > text.count("'")
