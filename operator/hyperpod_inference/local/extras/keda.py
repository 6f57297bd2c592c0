"""KEDA: its operator and its metrics server, which scale Deployments by the triggers of ScaledObjects.

Both are KEDA's own programs, built from its Go module. The objects are those of its own installation, but for
what a local cluster lacks: pods share one network, so each listens on its own address only; and there is no
DNS, so the metrics server finds the operator by its Service's address. KEDA's webhook, which checks its own
resources only, is left out.

It runs in the namespace where AWS's add-on has it, and takes the role that the add-on's configuration names,
by a token of its service account (IRSA). The AWS that it then asks is that of the extra `alb`.
"""

from pathlib import Path
from typing import Any

from hyperpod_inference.installation.roles import KEDA_OPERATOR
from hyperpod_inference.installation.trust import AUDIENCE
from hyperpod_inference.local import programs
from hyperpod_inference.local.alb import names as alb
from hyperpod_inference.local.aws import REGION
from hyperpod_inference.local.extras.extra import Body, Extra
from hyperpod_inference.local.programs.goprogram import GoProgram

NAME = "keda"
VERSION = "v2.21.0"
NAMESPACE, OPERATOR = KEDA_OPERATOR.account.namespace, KEDA_OPERATOR.account.name
METRICS_SERVER = "keda-metrics-apiserver"
EXTERNAL_METRICS = "v1beta1.external.metrics.k8s.io"
_MODULE = "github.com/kedacore/keda/v2"
_IMAGES = {name: f"hyperpod-local/{name}:{VERSION}" for name in (OPERATOR, METRICS_SERVER)}
_CERTIFICATES, _CERTIFICATES_AT = "kedaorg-certs", "/certs"
_PROBES, _GRPC, _HTTPS = 8081, 9666, 6443
_ADDRESS = "$(POD_IP)"
_TOKEN = "/var/run/secrets/eks.amazonaws.com/serviceaccount"  # noqa: S105 - a directory, as on EKS
_URL = f"http://{alb.ADDRESS}:{alb.AWS_PORT}"
_AWS = {
    "AWS_ROLE_ARN": alb.KEDA_ROLE,
    "AWS_WEB_IDENTITY_TOKEN_FILE": f"{_TOKEN}/token",
    "AWS_REGION": REGION,
    "AWS_ENDPOINT_URL": _URL,
    # AWS's Go SDK takes the role before it has read the URL for all services.
    "AWS_ENDPOINT_URL_STS": _URL,
}
"""What EKS tells a pod whose service account has a role; and where AWS is."""


def objects() -> list[Body]:
    """An account that may do everything, the programs, and the API that one of them serves."""
    account = {"name": OPERATOR, "namespace": NAMESPACE}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": OPERATOR},
            # Its operator may read and scale whatever has a scale anyway; whose cluster this is trusts it.
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "cluster-admin",
            },
            "subjects": [{"kind": "ServiceAccount", **account}],
        },
        _service(OPERATOR, _GRPC, _GRPC),
        _service(METRICS_SERVER, 443, _HTTPS),
        _deployment(OPERATOR, _operator()),
        _deployment(METRICS_SERVER, _metrics_server()),
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": EXTERNAL_METRICS},
            # Whom to trust (caBundle) is written by KEDA's operator, which signs.
            "spec": {
                "group": "external.metrics.k8s.io",
                "version": "v1beta1",
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "service": {"name": METRICS_SERVER, "namespace": NAMESPACE},
            },
        },
    ]


def _operator() -> dict[str, Any]:
    """The container that follows ScaledObjects, and signs KEDA's certificates into a Secret."""
    return {
        "args": [
            f"--metrics-bind-address={_ADDRESS}:8080",
            f"--health-probe-bind-address={_ADDRESS}:{_PROBES}",
            f"--metrics-service-bind-address={_ADDRESS}:{_GRPC}",
            f"--cert-dir={_CERTIFICATES_AT}",
            "--enable-cert-rotation=true",
            "--enable-webhook-patching=false",
        ],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": _PROBES}, "periodSeconds": 3},
    }


def _metrics_server() -> dict[str, Any]:
    """The container that the API server asks for external metrics; it asks the operator."""
    variable = f"{OPERATOR.upper().replace('-', '_')}_SERVICE_HOST"
    return {
        "args": [
            f"--bind-address={_ADDRESS}",
            f"--secure-port={_HTTPS}",
            "--port=0",  # its own metrics: any port, since they can have no address of their own
            f"--metrics-service-address=$({variable}):{_GRPC}",
            f"--metrics-service-grpc-authority={OPERATOR}.{NAMESPACE}.svc.cluster.local",
            f"--client-ca-file={_CERTIFICATES_AT}/ca.crt",
            f"--tls-cert-file={_CERTIFICATES_AT}/tls.crt",
            f"--tls-private-key-file={_CERTIFICATES_AT}/tls.key",
            f"--cert-dir={_CERTIFICATES_AT}",
        ],
        "readinessProbe": {
            "httpGet": {"path": "/readyz", "port": _HTTPS, "scheme": "HTTPS"},
            "periodSeconds": 3,
        },
    }


def _deployment(name: str, container: dict[str, Any]) -> Body:
    """A Deployment of one pod; the operator's has a token for AWS beside KEDA's certificates."""
    labels = {"app": name, "app.kubernetes.io/name": name, "app.kubernetes.io/part-of": NAME}
    secret = {"secretName": _CERTIFICATES, "optional": name == OPERATOR}
    fields = {"POD_IP": "status.podIP", "POD_NAMESPACE": "metadata.namespace"}
    env = [{"name": key, "valueFrom": {"fieldRef": {"fieldPath": path}}} for key, path in fields.items()]
    told = {"WATCH_NAMESPACE": "", **(_AWS if name == OPERATOR else {})}
    container = {
        "name": name,
        "image": _IMAGES[name],
        "env": [*env, *({"name": key, "value": value} for key, value in told.items())],
        "resources": {"requests": {"cpu": "50m", "memory": "100Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True},
        "volumeMounts": [
            {"name": "certificates", "mountPath": _CERTIFICATES_AT, "readOnly": True},
            {"name": "aws-iam-token", "mountPath": _TOKEN, "readOnly": True},
        ],
        **container,
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": name}},
            "strategy": {"type": "Recreate"},  # it elects no leader
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "serviceAccountName": OPERATOR,
                    "containers": [container],
                    "volumes": [
                        {"name": "certificates", "secret": secret},
                        {"name": "aws-iam-token", "projected": {"sources": [_token()]}},
                    ],
                },
            },
        },
    }


def _token() -> dict[str, Any]:
    """Of the service account, for AWS's STS."""
    return {"serviceAccountToken": {"audience": AUDIENCE, "expirationSeconds": 86400, "path": "token"}}


def _service(name: str, port: int, target: int) -> Body:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"selector": {"app": name}, "ports": [{"name": "main", "port": port, "targetPort": target}]},
    }


def _program(name: str, command: str, packages: int, compiling: float) -> GoProgram:
    return GoProgram(
        name=name,
        binary=name,
        version=VERSION,
        source=Path(programs.__file__).parent / "keda",
        package=f"{_MODULE}/cmd/{command}",
        packages=packages,
        compiling=compiling,
        linking=30,
        # One of its packages, of Elasticsearch's client, takes 1.9 GiB to compile, another 1.3 GiB beside it.
        memory=4 * 2**30,
        disk=5 * 2**30,
    )


KEDA = Extra(
    name=NAME,
    about="KEDA: scales endpoints by their triggers",
    programs={
        _IMAGES[OPERATOR]: _program(OPERATOR, "operator", 2000, 1200),
        _IMAGES[METRICS_SERVER]: _program(METRICS_SERVER, "adapter", 400, 300),
    },
    module=_MODULE,
    definitions="config/crd/bases/*.yaml",
    objects=objects,
    deployments=((NAMESPACE, OPERATOR), (NAMESPACE, METRICS_SERVER)),
    api_services=(EXTERNAL_METRICS,),
)
