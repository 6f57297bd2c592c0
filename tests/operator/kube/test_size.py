"""The runtime is owned, not borrowed, so it has to stay small enough to be known by heart."""

import ast
import io
import tokenize
from pathlib import Path

from hyperpod_inference import kube
from hyperpod_inference.controllers import manager

LIMIT = 1500
LAYOUT = {
    tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER,
}  # fmt: skip


def code_lines(source: str) -> int:
    """Lines that hold code: not blank, not only a comment, not part of a docstring."""
    documentation = {
        line
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code = {
        line
        for token in tokens
        if token.type not in LAYOUT
        for line in range(token.start[0], token.end[0] + 1)
    }
    return len(code - documentation)


def test_the_runtime_is_at_most_1500_lines_of_code() -> None:
    (package,) = kube.__path__
    files = [*Path(package).glob("*.py"), Path(str(manager.__file__))]
    assert sum(code_lines(file.read_text(encoding="utf-8")) for file in files) <= LIMIT


def test_only_code_is_counted() -> None:
    assert code_lines('"""Doc\n\nmore."""\n\n# why\nx = (\n    1,  # one\n)\n') == 3
