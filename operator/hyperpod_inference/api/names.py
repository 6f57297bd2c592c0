"""Every name that other people's tools rely on, in one place.

Manifests, clients, dashboards and IAM policies written for AWS's operator find objects by these names, so
they are the product's interface: `render` writes them, `status` and `controllers` look for them, and the
charts set them up. Names that AWS does not publish are chosen here and marked "ours".
"""

from hyperpod_inference import __version__

VERSION = __version__

# --- the API ---------------------------------------------------------------------------------------------
GROUP = "inference.sagemaker.aws.amazon.com"
API_VERSION = f"{GROUP}/v1"
API_VERSION_ALPHA = f"{GROUP}/v1alpha1"
KIND_ENDPOINT = "InferenceEndpointConfig"
KIND_JUMPSTART = "JumpStartModel"
KIND_REGISTRATION = "SageMakerEndpointRegistration"
KIND_GATEWAY = "InferenceGatewayConfig"
CATEGORY = "hyperpod"

# --- the operator ----------------------------------------------------------------------------------------
FIELD_MANAGER = "hyperpod-inference"
FINALIZER = f"{GROUP}/finalizer"  # ours
OPERATOR_NAMESPACE = "hyperpod-inference-system"
OPERATOR_NAME = "hyperpod-inference-controller-manager"
OPERATOR_SERVICE_ACCOUNT = OPERATOR_NAME
OPERATOR_CONTAINER = "manager"
OPERATOR_LEASE = "hyperpod-inference-leader"  # ours
STRICT_SCHEDULER = "hyperpod-inference-strict"  # ours: for spec.kubernetes.schedulerName
OPERATOR_IMAGE = f"hyperpod-inference/operator:{VERSION}"
ROUTER_IMAGE = f"hyperpod-inference/router:{VERSION}"
SIDECAR_IMAGE = f"hyperpod-inference/sidecar:{VERSION}"
COLLECTOR_IMAGE = "otel/opentelemetry-collector-contrib:0.140.0"
OPERATOR_METRICS_PORT = 8443
OPERATOR_HEALTH_PORT = 8081
OPERATOR_WEBHOOK_PORT = 9443

# --- webhooks --------------------------------------------------------------------------------------------
WEBHOOK_SERVICE = "hyperpod-inference-conversion-webhook"
WEBHOOK_SERVICE_PORT = 443
WEBHOOK_SECRET = "webhook-server-cert"  # noqa: S105 - a name
AUTHORITY_SECRET = "hyperpod-inference-ca"  # noqa: S105 - ours: a name; signs the endpoints' certificates
WEBHOOK_CERTIFICATE = "webhook-serving-cert"  # ours: cert-manager's Certificate and Issuer
VALIDATING_WEBHOOK = "hyperpod-inference-validating-webhook"  # ours
CONVERT_PATH = "/convert"
VALIDATE_PATH = "/validate"  # ours
ANNOTATION_NEWER_FIELDS = f"{GROUP}/newer-fields"  # ours: what v1alpha1 cannot hold
CERT_MANAGER_INJECT = "cert-manager.io/inject-ca-from"
CERT_MANAGER_CERTIFICATE = "cert-manager.io/certificate-name"  # on Secrets that it writes
CERT_MANAGER_ISSUER = "cert-manager.io/issuer-name"  # there too

# --- labels and annotations ------------------------------------------------------------------------------
LABEL_APP = "app"  # = the resource's name; clients list pods by it
LABEL_DEPLOYING_SERVICE = "deploying-service"
DEPLOYING_SERVICE = "hyperpod-inference"
LABEL_MANAGED_BY = "app.kubernetes.io/managed-by"
MANAGED_BY = "hyperpod-inference"
LABEL_NAME = "app.kubernetes.io/name"
LABEL_COMPONENT = "app.kubernetes.io/component"
LABEL_PART_OF = "app.kubernetes.io/part-of"
LABEL_OWNER_KIND = f"{GROUP}/owner-kind"  # ours: with the two below, finds children across namespaces
LABEL_OWNER_NAME = f"{GROUP}/owner-name"
LABEL_OWNER_NAMESPACE = f"{GROUP}/owner-namespace"
COMPONENT_ROUTER = "router"  # ours: tells a router's pods from model pods
LABEL_QUEUE = "kueue.x-k8s.io/queue-name"
LABEL_QUEUE_PRIORITY = "kueue.x-k8s.io/priority-class"
LABEL_DPD_ROLE = f"{GROUP}/dpd-role"
PREFILL, DECODE = "prefill", "decode"
LABEL_WEIGHTS_CACHE_PREFIX = f"{GROUP}/weights-cache-ready."
LABEL_IMAGE_CACHE_PREFIX = f"{GROUP}/image-cache-ready."
ANNOTATION_SPEC_HASH = f"{GROUP}/spec-hash"  # ours: hash of what was rendered
ANNOTATION_HUB_MODEL = f"{GROUP}/hub-model"  # ours: ID/VERSION of the hub's model that a Deployment serves
ANNOTATION_COLLECTOR_CONFIG = f"{GROUP}/collector-config"  # ours: on pods, which read it as a file
COMPONENT_NODE_CACHE = "node-cache"  # ours: the pods that warm a node are told from the model's by it
ANNOTATION_NODE_LABELS = f"{GROUP}/node-labels"  # ours: the labels that a ready pod of them stands for

# --- nodes -----------------------------------------------------------------------------------------------
NODE_INSTANCE_TYPE = "node.kubernetes.io/instance-type"
NODE_ZONE = "topology.kubernetes.io/zone"
NODE_REGION = "topology.kubernetes.io/region"
NODE_HOSTNAME = "kubernetes.io/hostname"
NODE_CLUSTER_NAME = "sagemaker.amazonaws.com/cluster-name"
NODE_HEALTH = "sagemaker.amazonaws.com/node-health-status"
NODE_PLACEMENT_GROUP = "sagemaker.amazonaws.com/placement-group"  # ours: whoever makes the nodes sets it
NODE_HEALTHY = "Schedulable"
NODE_INSTANCE_GROUP = "sagemaker.amazonaws.com/instance-group-name"
NODE_COMPUTE_TYPE = "sagemaker.amazonaws.com/compute-type"
RESOURCE_GPU = "nvidia.com/gpu"
RESOURCE_NEURON = "aws.amazon.com/neurondevice"
RESOURCE_EFA = "vpc.amazonaws.com/efa"

# --- containers, volumes and ports of a model pod --------------------------------------------------------
SIDECAR_CONTAINER = "sidecar-reverse-proxy"
SIDECAR_PORT = 8081
SIDECAR_METRICS_PORT = 9113
SIDECAR_METRICS_PORT_NAME = "metrics"  # ours
RUN_VOLUME = "hyperpod-run"  # ours: what the proxy tells the model's preStop hook
OTEL_CONTAINER = "otel-collector"
COLLECTOR_VOLUME = "otel-collector-config"  # ours
COLLECTOR_METRICS_PORT = 8889  # ours: the proxy's and the model's metrics together
COLLECTOR_PORT_NAME = "all-metrics"  # ours
COLLECTOR_HEALTH_PORT = 13133
UPLOADER_CONTAINER = "s3-uploader"  # ours
UPLOADER_HEALTH_PORT = 9114  # ours
CAPTURE_VOLUME = "hyperpod-capture"  # ours: the spool between proxy and uploader
PREFETCH_CONTAINER = "model-prefetch"  # ours
GATED_CONTAINER = "gated-model-downloader"  # ours
PREFETCH_VOLUME = "model-weights-copy"  # reserved: users' own init containers write to it
CACHE_CHOOSER_CONTAINER = "model-cache"  # ours
CACHE_COPIER_CONTAINER = "copy-weights"  # ours
CACHE_VOLUME = "model-weights-cache"  # ours
TIERED_STORAGE_VOLUME = "tiered-storage-shm"  # ours
ROUTER_CONTAINER = "router-container"
ROUTER_PORT = 8080  # ours
ROUTER_ADMIN_PORT = 9090  # ours: probes and metrics
ROUTER_ADMIN_PORT_NAME = "admin"  # ours
PD_INIT_PORTS = tuple(range(7300, 7308))  # ours: of a decode server, one for each tensor-parallel rank
PD_ALLOC_PORTS = tuple(range(7400, 7408))  # ours: the same
ROUTER_READY_PATH = "/readyz"
KV_EVENTS_PORT = 5557  # vLLM's default: where a model server publishes what its KV cache holds
MODEL_MOUNT_PATH = "/opt/ml/model"
S3_CSI_DRIVER = "s3.csi.aws.com"
FSX_CSI_DRIVER = "fsx.csi.aws.com"
GATED_MODEL_SERVICE_ACCOUNT = "hyperpod-inference-service-account"
ROUTER_SERVICE_ACCOUNT = "pod-reader"
ROUTER_ROLE = "hyperpod-inference-router"  # ours
SERVICE_PORT = 80  # ours: the endpoint's Service; the port name is the invocation port's name
ROUTING_SERVICE_PORT = 443

# --- load balancers --------------------------------------------------------------------------------------
INGRESS_CLASS = "alb"
ALB_PREFIX = "alb.ingress.kubernetes.io"
ALB_CERTIFICATE = f"{ALB_PREFIX}/certificate-arn"  # AWS's migration script reads it

# --- kinds of other operators ----------------------------------------------------------------------------
CRD_SCALED_OBJECTS = "scaledobjects.keda.sh"

# --- AWS -------------------------------------------------------------------------------------------------
TAG_CREATED_BY = ("CreatedBy", "HyperPodInference")
TLS_BUCKET_PREFIX = "hyperpod-tls"  # AWS's managed policy covers buckets named so
DNS_OWNER_RECORD_PREFIX = "hyperpod-inference/owner="
CLOUDWATCH_NAMESPACE = "HyperPodInference"
ENDPOINT_INSTANCE_TYPE = "ml.c5.large"  # ours: of what SageMaker runs behind a registered endpoint
ENDPOINT_VARIANT = "AllTraffic"
ANNOTATION_MADE = f"{GROUP}/made-in-sagemaker"  # ours: on a registration, ENDPOINT=RESOURCE ...
FORWARD_TO, FORWARD_TRUST, FORWARD_NAME = (  # ours: what tells the forwarder in SageMaker where to go
    "HYPERPOD_FORWARD_TO",
    "HYPERPOD_FORWARD_TRUST",
    "HYPERPOD_FORWARD_SERVER_NAME",
)

# --- metrics of a model pod ------------------------------------------------------------------------------
METRIC_INVOCATIONS = "model_invocations_total"
METRIC_ERRORS = "model_errors_total"
METRIC_CONCURRENT = "model_concurrent_requests"
METRIC_LATENCY = "model_latency_milliseconds"
METRIC_TTFB = "model_ttfb_milliseconds"
METRIC_QUEUED = "model_queued_requests"  # ours
METRIC_CAPTURED = "model_captured_calls_total"  # ours

# --- metrics of the operator about its endpoints, all ours -----------------------------------------------
METRIC_ENDPOINT_READY = "hyperpod_inference_endpoint_ready"
METRIC_ENDPOINT_DESIRED = "hyperpod_inference_endpoint_desired_replicas"
METRIC_ENDPOINT_REPLICAS = "hyperpod_inference_endpoint_replicas"
METRIC_ENDPOINT_FAILING = "hyperpod_inference_endpoint_condition_false"
METRIC_CERTIFICATE_END = "hyperpod_inference_certificate_expiry_timestamp_seconds"
METRIC_COLD_START = "hyperpod_inference_cold_start_seconds"

# --- what CloudWatch is told otherwise than Prometheus: no alarm there could compute it ------------------
CLOUDWATCH_FALLBACK_REPLICAS = "hyperpod_inference_endpoint_fallback_replicas"
CLOUDWATCH_CERTIFICATE_DAYS = "hyperpod_inference_certificate_days_left"

# --- metrics of the operator's own work, under controller-runtime's names --------------------------------
METRIC_LEADER = "leader_election_master_status"
METRIC_RECONCILES = "controller_runtime_reconcile_total"
METRIC_RECONCILE_ERRORS = "controller_runtime_reconcile_errors_total"

# --- labels of a model pod's metrics ---------------------------------------------------------------------
MODEL_LABELS = (
    "cluster_id", "cluster_name", "resource_name", "resource_type", "namespace", "model_name",
    "model_version", "model_container_type", "model_container_image", "accelerator_partition_type",
    "pod_name", "node_name", "instance_type", "metric_source", "task_type",
)  # fmt: skip
SOURCE_PROXY, SOURCE_MODEL = "reverse-proxy", "model-container"  # values of metric_source
TASK_TYPE = "inference"
RESOURCE_TYPE_ENDPOINT, RESOURCE_TYPE_JUMPSTART = "inference-endpoint", "jumpstart"


def model_label_variable(label: str) -> str:
    """The variable in which the sidecar and the collector find the value of a label."""
    return f"MODEL_LABEL_{label.upper()}"


def deployment_name(endpoint: str) -> str:
    """The model's Deployment, and also its model container and its Service, carry the resource's name."""
    return endpoint


def scaled_object_name(deployment: str) -> str:
    """The KEDA ScaledObject of a Deployment; the model's carries the endpoint's name."""
    return f"{deployment}-scaled-object"


def ingress_name(endpoint: str, namespace: str, *, routed: bool) -> str:
    """The ALB Ingress; with routing it lives in the operator's namespace, so its name holds the user's."""
    return f"alb-{endpoint}-{namespace}" if routed else f"alb-{endpoint}"


def routing_service_name(endpoint: str, namespace: str) -> str:
    """The router's Service, in the operator's namespace."""
    return f"{endpoint}-{namespace}-routing-service"


def router_name(endpoint: str, namespace: str) -> str:
    """The router's Deployment, in the operator's namespace."""
    return f"{endpoint}-{namespace}-router"


def disaggregated_name(role: str, endpoint: str) -> str:
    """A Deployment of prefill/decode disaggregation; `role` is "prefill" or "decode"."""
    return f"{role}-{endpoint}"
