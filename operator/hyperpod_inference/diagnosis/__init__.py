"""What `hyperpod-inference doctor` decides: from what was observed to findings, the first of them the cause.

    examined(cluster)          -> findings about the installation, in the order in which they build on each
    other account(settings, facts)   -> the same of the AWS account (`installation.preflight` has the rules)
    overview(cluster)          -> a finding for each endpoint, and what they need of others endpoint(cluster,
    body)    -> the same of one endpoint, from its spec to its replicas and what leads to them cause(findings)
    -> the first that stands in the way

Nothing here reads a cluster: `cli.examining` does. What the operator knows already is on the resource, in its
conditions; what is judged of pods is judged by `status.causes`, so that the answer is the same when the
operator is down.
"""

from hyperpod_inference.diagnosis.account import account
from hyperpod_inference.diagnosis.endpoint import absent, endpoint, pods_of
from hyperpod_inference.diagnosis.installed import examined
from hyperpod_inference.diagnosis.observed import Cluster, NotSeen, Objects, unseen
from hyperpod_inference.diagnosis.overview import named, overview
from hyperpod_inference.diagnosis.report import as_json, cause, lines

__all__ = [
    "Cluster",
    "NotSeen",
    "Objects",
    "absent",
    "account",
    "as_json",
    "cause",
    "endpoint",
    "examined",
    "lines",
    "named",
    "overview",
    "pods_of",
    "unseen",
]
