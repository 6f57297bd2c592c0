"""What the double's start is spared."""

import subprocess
import sys

CODE = """
import sys
from hyperpod_inference.local.aws.lean import without_grammar
without_grammar()
import jsonschema
assert "rfc3987_syntax" not in sys.modules
checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
assert "iri" not in checker.checkers
import importlib.util
print(importlib.util.find_spec("rfc3987_syntax") is not None)
"""


def test_jsonschema_comes_without_the_grammar_of_iris_which_stays_there_for_others() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("True", "")
