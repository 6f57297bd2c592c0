"""Where a pod offers its metrics now: what the collector beside the model reads, not what it has read.

Its own page is as old as its interval, 15 seconds and more, too old for rates between two looks.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from hyperpod_inference.api import names

Source = tuple[int, str]
"""Port and path."""
_PROXY: Source = (names.SIDECAR_METRICS_PORT, "/metrics")


def sources(pod: Mapping[str, Any]) -> list[Source]:
    """In the collector's order, the proxy first; none where nothing is measured, or runs yet."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    running = {each["name"] for each in statuses if "running" in (each.get("state") or {})}
    text = (pod["metadata"].get("annotations") or {}).get(names.ANNOTATION_COLLECTOR_CONFIG)
    if text and running:
        return list(_scraped(text))
    return [_PROXY] if names.SIDECAR_CONTAINER in running else []


def _scraped(text: str) -> Iterator[Source]:
    """Of a configuration that somebody changed by hand, what is still understood."""
    try:
        jobs = yaml.safe_load(text)["receivers"]["prometheus"]["config"]["scrape_configs"]
        for job in jobs:
            target = job["static_configs"][0]["targets"][0]
            yield int(str(target).rpartition(":")[2]), str(job.get("metrics_path", "/metrics"))
    except (yaml.YAMLError, KeyError, IndexError, TypeError, ValueError):
        return
