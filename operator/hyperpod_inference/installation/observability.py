"""What the observability add-on collects, as values."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final


class MetricLevel(StrEnum):
    """How much of a group of metrics is collected."""

    BASIC = "BASIC"
    ADVANCED = "ADVANCED"
    DISABLED = "DISABLED"


DEFAULT_LEVELS: Final[Mapping[str, MetricLevel]] = {
    "trainingMetrics": MetricLevel.BASIC,
    "inferenceMetrics": MetricLevel.BASIC,
    "taskGovernanceMetrics": MetricLevel.BASIC,
    "scalingMetrics": MetricLevel.BASIC,
    "customMetrics": MetricLevel.BASIC,
    "nodeMetrics": MetricLevel.BASIC,
    "acceleratedComputeMetrics": MetricLevel.BASIC,
    "networkMetrics": MetricLevel.DISABLED,
}
SCRAPE_SECONDS: Final = 30


def metrics(
    changes: Mapping[str, MetricLevel] | None = None, scrape_interval_seconds: int = SCRAPE_SECONDS
) -> dict[str, Any]:
    """`metricsProvider` of the add-on's configuration; inference is always basic."""
    levels = {**DEFAULT_LEVELS, **(changes or {}), "inferenceMetrics": MetricLevel.BASIC}
    return {
        name: {"level": str(level), "scrapeInterval": scrape_interval_seconds}
        for name, level in levels.items()
    }
