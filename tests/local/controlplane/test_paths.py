from pathlib import Path

import pytest

from hyperpod_inference.local.paths import StateDir, cache_dir, default_state_dir


@pytest.mark.parametrize(
    ("environ", "state", "cache"),
    [
        ({"HOME": "/h"}, "/h/.local/state/hyperpod-inference/local", "/h/.cache/hyperpod-inference"),
        (
            {"HOME": "/h", "XDG_STATE_HOME": "/s", "XDG_CACHE_HOME": "/c"},
            "/s/hyperpod-inference/local",
            "/c/hyperpod-inference",
        ),
        (
            {"HOME": "/h", "XDG_STATE_HOME": "relative", "XDG_CACHE_HOME": ""},
            "/h/.local/state/hyperpod-inference/local",
            "/h/.cache/hyperpod-inference",
        ),
    ],
)
def test_directories_follow_the_xdg_specification(environ: dict[str, str], state: str, cache: str) -> None:
    assert default_state_dir(environ) == Path(state)
    assert cache_dir(environ) == Path(cache)


def test_down_removes_neither_the_logs_nor_anything_it_did_not_make() -> None:
    state = StateDir(Path("/state"))
    leftovers = state.leftovers()
    assert state.logs not in leftovers
    assert state.root not in leftovers
    assert all(path.parent == state.root for path in leftovers)
