"""The router with every count left out, as a contender: what metrics cost is the difference."""

from hyperpod_inference.router import metrics
from hyperpod_inference.router.main import main


def _nothing(*_: object, **__: object) -> None:
    """In place of a count."""


for name in ("decided", "ended", "overflowed"):
    setattr(metrics.Metrics, name, _nothing)
metrics.Histogram.observe = _nothing  # type: ignore[method-assign]

if __name__ == "__main__":
    main()
