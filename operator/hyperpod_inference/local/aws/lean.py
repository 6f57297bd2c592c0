"""Spares the start of the double what nobody asks of it.

moto brings jsonschema with all its format checks. That of IRIs builds an Earley grammar when it is imported,
which takes two thirds of the double's start; jsonschema does without it where it is not installed.
"""

import importlib
import sys

_GRAMMAR = "rfc3987_syntax"


def without_grammar() -> None:
    """Import jsonschema as if there were no grammar of IRIs; whoever wants that later still gets it."""
    if "jsonschema" in sys.modules or _GRAMMAR in sys.modules:
        return
    # Python's own way to say that it is not installed.
    sys.modules[_GRAMMAR] = None  # type: ignore[assignment]
    try:
        importlib.import_module("jsonschema")
    except ImportError:
        pass
    finally:
        del sys.modules[_GRAMMAR]
