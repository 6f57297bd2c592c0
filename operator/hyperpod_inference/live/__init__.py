"""What `hyperpod-inference top` shows: from two looks at the pods' own metrics to one row for each endpoint.

    sources(pod)                       -> where it offers metrics
    page(text)                         -> what one pod's `/metrics` says, as numbers
    rows(endpoints, pods, nodes, ...)  -> a row for each endpoint, with rates between the two looks

Pure; `cli.scraping` reads the cluster. No Prometheus is needed, and none is asked.
"""

from hyperpod_inference.live.pages import Page, added, page
from hyperpod_inference.live.rows import Look, Row, as_json, rows
from hyperpod_inference.live.sources import sources

__all__ = ["Look", "Page", "Row", "added", "as_json", "page", "rows", "sources"]
