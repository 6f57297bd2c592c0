"""The dashboards that AWS does not have: the operator itself, and the whole fleet at one look."""

from __future__ import annotations

from hyperpod_charts.dashboards.model import BY, CLUSTER, Board, Panel, Query, Row, Variable, p, rate, total
from hyperpod_inference.api import names

_CLUSTERS = (
    Variable(name="cluster_name", query=f"label_values({names.METRIC_ENDPOINT_READY}, cluster_name)"),
    Variable(
        name="cluster_id",
        query=f'label_values({names.METRIC_ENDPOINT_READY}{{cluster_name=~"$cluster_name"}}, cluster_id)',
    ),
)
_START = f"max by (stage) (hyperpod_inference:cold_start_seconds:p95{{{CLUSTER}}})"
_STARTS = f'sum by ({BY}) (increase({names.METRIC_COLD_START}_count{{{CLUSTER},stage="total"}}[1h]))'
_PLACED, _WANTED = names.METRIC_ENDPOINT_REPLICAS, names.METRIC_ENDPOINT_DESIRED

OPERATOR = Board(
    file="operator",
    title="Operator",
    description="The operator's own work, under controller-runtime's names.",
    variables=_CLUSTERS,
    rows=(
        Row(
            title="Work",
            panels=(
                Panel(
                    title="Leaders",
                    kind="stat",
                    queries=(Query(f"sum(leader_election_master_status{{{CLUSTER}}})", "leaders"),),
                ),
                Panel(
                    title="Reconciles",
                    unit="ops",
                    queries=(
                        Query(
                            rate("controller_runtime_reconcile_total", CLUSTER, "controller, result"),
                            "{{controller}} {{result}}",
                        ),
                    ),
                ),
                Panel(
                    title="Reconcile Errors",
                    unit="ops",
                    warn=0.1,
                    bad=1,
                    queries=(
                        Query(
                            rate("controller_runtime_reconcile_errors_total", CLUSTER, "controller"),
                            "{{controller}}",
                        ),
                    ),
                ),
                Panel(
                    title="Reconcile Time p99",
                    unit="s",
                    queries=(
                        Query(
                            p(99, "controller_runtime_reconcile_time_seconds", CLUSTER, "controller"),
                            "{{controller}}",
                        ),
                    ),
                ),
                Panel(
                    title="Queue Depth",
                    queries=(Query(total("workqueue_depth", CLUSTER, "name"), "{{name}}"),),
                ),
                Panel(
                    title="Time in Queue p99",
                    unit="s",
                    queries=(Query(p(99, "workqueue_queue_duration_seconds", CLUSTER, "name"), "{{name}}"),),
                ),
                Panel(
                    title="Longest Running Reconcile",
                    unit="s",
                    queries=(
                        Query(
                            f"max by (name) (workqueue_longest_running_processor_seconds{{{CLUSTER}}})",
                            "{{name}}",
                        ),
                    ),
                ),
                Panel(
                    title="Requests to the API Server",
                    unit="reqps",
                    queries=(
                        Query(
                            rate("rest_client_requests_total", CLUSTER, "code, method"), "{{method}} {{code}}"
                        ),
                    ),
                ),
                Panel(
                    title="Memory",
                    unit="bytes",
                    queries=(Query(total("process_resident_memory_bytes", CLUSTER, "pod"), "{{pod}}"),),
                ),
            ),
        ),
    ),
)

FLEET = Board(
    file="fleet",
    title="Fleet",
    description="All endpoints of all clusters: ready or not, where their replicas run, what the GPUs do.",
    variables=_CLUSTERS,
    rows=(
        Row(
            title="Endpoints",
            panels=(
                Panel(
                    title="Ready",
                    kind="stat",
                    queries=(Query(f"sum({names.METRIC_ENDPOINT_READY}{{{CLUSTER}}})", "ready"),),
                ),
                Panel(
                    title="Not Ready",
                    kind="stat",
                    warn=1,
                    bad=5,
                    queries=(
                        Query(
                            f"count({names.METRIC_ENDPOINT_READY}{{{CLUSTER}}} == 0) or vector(0)",
                            "not ready",
                        ),
                    ),
                ),
                Panel(
                    title="Certificates: Days Left",
                    unit="d",
                    warn=30,
                    bad=14,
                    falling=True,
                    queries=(Query(f"({names.METRIC_CERTIFICATE_END}{{{CLUSTER}}} - time()) / 86400"),),
                ),
                Panel(
                    title="Conditions That Are False",
                    kind="table",
                    width=12,
                    queries=(
                        Query(
                            "sum by (namespace, resource_name, type, reason) "
                            f"({names.METRIC_ENDPOINT_FAILING}{{{CLUSTER}}})",
                            "conditions",
                        ),
                    ),
                ),
                Panel(
                    title="Replicas: Ready of Wanted",
                    width=12,
                    queries=(
                        Query(total(_PLACED, CLUSTER), "ready {{namespace}}/{{resource_name}}"),
                        Query(total(_WANTED, CLUSTER), "wanted {{namespace}}/{{resource_name}}"),
                    ),
                ),
                Panel(
                    title="Cold Start p95 by Stage",
                    unit="s",
                    width=12,
                    text="From a pod's creation to Ready, over an hour: until it has a node, until init "
                    "containers have the weights, until the server answers.",
                    queries=(Query(_START, "{{stage}}"),),
                ),
                Panel(
                    title="Cold Starts",
                    width=12,
                    text="Pods that became Ready within the hour.",
                    queries=(Query(_STARTS),),
                ),
                Panel(
                    title="Replicas by Instance Type",
                    width=12,
                    queries=(Query(total(_PLACED, CLUSTER, "instance_type"), "{{instance_type}}"),),
                ),
                Panel(
                    title="Replicas by Choice",
                    width=12,
                    text="The place of the replica's type in spec.instanceTypes; 1 is the first choice.",
                    queries=(Query(total(_PLACED, CLUSTER, "choice"), "choice {{choice}}"),),
                ),
            ),
        ),
        Row(
            title="Load",
            panels=(
                Panel(
                    title="Calls",
                    unit="reqps",
                    queries=(
                        Query(rate(names.METRIC_INVOCATIONS, CLUSTER, "cluster_name"), "{{cluster_name}}"),
                    ),
                ),
                Panel(
                    title="Generated Tokens per Second",
                    queries=(
                        Query(
                            rate("vllm:generation_tokens_total", CLUSTER, "cluster_name"), "{{cluster_name}}"
                        ),
                    ),
                ),
                Panel(
                    title="TTFB p95",
                    unit="ms",
                    queries=(Query(p(95, names.METRIC_TTFB, CLUSTER, "cluster_name"), "{{cluster_name}}"),),
                ),
            ),
        ),
        Row(
            title="GPUs",
            panels=(
                Panel(
                    title="GPU Utilisation",
                    unit="percent",
                    width=12,
                    queries=(Query("avg by (Hostname) (DCGM_FI_DEV_GPU_UTIL)", "{{Hostname}}"),),
                ),
                Panel(
                    title="GPU Memory in Use",
                    unit="percent",
                    width=12,
                    queries=(
                        Query(
                            "100 * sum by (Hostname) (DCGM_FI_DEV_FB_USED) / "
                            "sum by (Hostname) (DCGM_FI_DEV_FB_USED + DCGM_FI_DEV_FB_FREE)",
                            "{{Hostname}}",
                        ),
                    ),
                ),
            ),
        ),
    ),
)
