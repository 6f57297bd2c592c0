"""Every field of the spec has its effect: a change of it changes the objects that are rendered.

The fields are read from the CRD, so a new one is tested without a word here. `NOT_YET` and `ELSEWHERE` are
the only exceptions, and a field that changes an object although it is listed there fails, too: whoever
builds it removes the entry. Blocks of Kubernetes' own types count as one field each; they are passed on as
written.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from hyperpod_inference.api import fields
from hyperpod_inference.api.endpoint import InferenceEndpointConfig
from hyperpod_inference.api.kinds import KINDS
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.render import Facts, render
from hyperpod_inference.render.facts import ClusterNetwork

Body = dict[str, Any]
Makes = Callable[..., InferenceEndpointConfig]
SETTINGS = OperatorSettings(
    region="us-west-2",
    enable_custom_service_accounts=True,
    hyperpod_cluster_arn="arn:aws:sagemaker:us-west-2:111122223333:cluster/example",
    execution_role_arn="arn:aws:iam::111122223333:role/example",
    endpoint_image="111122223333.dkr.ecr.us-west-2.amazonaws.com/router:1",
    tls_certificate_output_s3_uri="s3://hyperpod-tls-example/certificates",
)

FACTS = Facts(
    load_balancer="internal-k8s-alb.us-west-2.elb.amazonaws.com",
    certificate_arn="arn:aws:acm:us-west-2:111122223333:certificate/0a",
    network=ClusterNetwork(
        arn="arn:aws:eks:us-west-2:111122223333:cluster/example",
        name="example",
        vpc="vpc-1a",
        subnets=("subnet-1a",),
        security_groups=(),
        cluster_security_group="sg-1a",
    ),
)

# What this version does not build; `not_built` says the same to users.
NOT_YET: dict[str, str] = {}
# What is no part of an object by design.
ELSEWHERE = {
    "spec.dnsConfig": "in Route 53: see controllers/test_records.py",
    "spec.tlsConfig.customCertificateConfig.domainName": "the check of the certificate: as below",
    "spec.tlsConfig.tlsCertificateOutputS3Uri": "in AWS: see controllers/test_certificates.py",
    "spec.inferenceGateway": "an entry in a gateway that several endpoints share: see test_gateway.py",
    "spec.InitialReplicaCount": "nowhere: AWS keeps the field without an effect, and a warning says so",
}

TYPES = ["ml.p5.48xlarge", "ml.p4d.24xlarge"]
CLOUDWATCH = {
    "name": "load",
    "metricName": "Invocations",
    "namespace": "AWS/SageMaker",
    "targetValue": 10,
    "dimensions": [{"name": "EndpointName", "value": "chat"}],
}
PROMETHEUS = {
    "name": "tokens",
    "query": "sum(up)",
    "serverAddress": "https://aps-workspaces.us-east-2.amazonaws.com/workspaces/ws-1a2b",
    "targetValue": 5,
}
SINGLE = {"cloudWatchTrigger": CLOUDWATCH, "prometheusTrigger": PROMETHEUS}
LISTS = {"cloudWatchTriggerList": [CLOUDWATCH], "prometheusTriggerList": [PROMETHEUS]}
ROLE = {"args": ["--a"], "resources": {"limits": {"nvidia.com/gpu": "4"}}}
KEEP = {"enabled": True, "captureOptions": [{"captureMode": "Input"}]}


def required(key: str) -> Body:
    term = {"matchExpressions": [{"key": key, "operator": "Exists"}]}
    return {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}


def source(kind: str, **blocks: Any) -> Body:
    return {"modelSourceConfig": {"modelSourceType": kind, "s3Storage": None, "modelLocation": None} | blocks}


# The spec that a field is changed in, by the longest prefix of its path.
CONTEXTS: dict[str, Body] = {
    "spec": {"instanceTypes": TYPES},
    "spec.autoScalingSpec": {"autoScalingSpec": SINGLE},
    "spec.autoScalingSpec.cloudWatchTriggerList": {"autoScalingSpec": LISTS},
    "spec.autoScalingSpec.prometheusTriggerList": {"autoScalingSpec": LISTS},
    "spec.dataCapture": {
        "metrics": {},
        "endpointName": "chat",
        "dataCapture": {"modelPod": KEEP, "sagemakerEndpoint": KEEP, "loadBalancer": {"enabled": True}},
    },
    "spec.dnsConfig": {
        "dnsConfig": {"hostedZoneId": "Z1"},
        "tlsConfig": {
            "customCertificateConfig": {
                "acmArn": "arn:aws:acm:us-west-2:111122223333:certificate/1a",
                "domainName": "a.example.com",
            }
        },
    },
    "spec.inferenceGateway": {"inferenceGateway": {"enabled": True, "name": "shared"}},
    "spec.instanceType": {"instanceType": TYPES[0]},
    "spec.instanceTypes": {"instanceTypes": TYPES},
    "spec.intelligentRoutingSpec": {
        "intelligentRoutingSpec": {"enabled": True, "autoScalingSpec": SINGLE},
        "metrics": {},
    },
    "spec.intelligentRoutingSpec.autoScalingSpec.cloudWatchTriggerList": {
        "intelligentRoutingSpec": {"enabled": True, "autoScalingSpec": LISTS},
    },
    "spec.intelligentRoutingSpec.autoScalingSpec.prometheusTriggerList": {
        "intelligentRoutingSpec": {"enabled": True, "autoScalingSpec": LISTS},
    },
    "spec.kubernetes": {"kubernetes": {"volumes": [{"name": "own", "emptyDir": {}}]}},
    "spec.kvCacheSpec": {"kvCacheSpec": {"l2CacheSpec": {"l2CacheBackend": "tieredstorage"}}},
    "spec.kvCacheSpec.l2CacheSpec": {
        "kvCacheSpec": {
            "enableL2Cache": True,
            "l2CacheSpec": {"l2CacheBackend": "redis", "l2CacheLocalUrl": "redis://a:6379"},
        }
    },
    "spec.metrics": {"metrics": {"modelMetrics": {}}},
    "spec.metricsCollectorResources": {"metrics": {}},
    "spec.metricsSidecarResources": {"metrics": {}},
    "spec.modelCacheConfig": {
        "modelCacheConfig": {"weightsCache": {"enabled": True}, "imageCache": {"enabled": False}}
    },
    "spec.modelName": {"metrics": {}},
    "spec.modelVersion": {"metrics": {}},
    "spec.modelSourceConfig.fsxStorage": source(
        "fsx", fsxStorage={"fileSystemId": "fs-1", "dnsName": "a.example.com", "mountName": "abc"}
    ),
    "spec.modelSourceConfig.huggingFaceModel": source(
        "huggingface", huggingFaceModel={"modelId": "org/model"}, prefetchEnabled=True
    ),
    "spec.modelSourceConfig.modelSourceType": {
        "kubernetes": {"volumes": [{"name": "other", "emptyDir": {}}]},
        "modelSourceConfig": {"modelLocation": None, "huggingFaceModel": {"modelId": "org/model"}},
    },
    "spec.pdSpec": {
        "instanceTypes": TYPES[:1],
        "metrics": {},
        "pdSpec": {
            "prefillSpec": ROLE,
            "decodingSpec": ROLE,
            "topologySpec": {},
            "autoScalingSpec": {"prefillAutoScaling": SINGLE, "decodingAutoScaling": SINGLE},
        },
    },
    "spec.s3UploaderResources": {
        "metrics": {},
        "dataCapture": {"modelPod": KEEP},
    },
    "spec.tags": {"tags": [{"name": "team", "value": "a"}], "endpointName": "chat"},
    "spec.tlsConfig.customCertificateConfig": {
        "tlsConfig": {
            "customCertificateConfig": {
                "acmArn": "arn:aws:acm:us-west-2:111122223333:certificate/1a",
                "domainName": "a.example.com",
            }
        },
    },
    "spec.worker.requestLimits": {
        "metrics": {},
        "worker": {"requestLimits": {"maxConcurrentRequests": 4, "maxQueueSize": 2}},
    },
}
_PD_LISTS = {
    f"spec.pdSpec.autoScalingSpec.{role}.{trigger}": CONTEXTS["spec.pdSpec"]
    | {
        "pdSpec": CONTEXTS["spec.pdSpec"]["pdSpec"]
        | {"autoScalingSpec": {"prefillAutoScaling": LISTS, "decodingAutoScaling": LISTS}}
    }
    for role in ("prefillAutoScaling", "decodingAutoScaling")
    for trigger in ("cloudWatchTriggerList", "prometheusTriggerList")
}
CONTEXTS |= _PD_LISTS
RESOURCES = {"requests": {"cpu": "3"}}
PROBE = {"tcpSocket": {"port": 8001}}
# Another value for fields whose type alone does not tell one, by path or by name.
CHANGED: Body = {
    "spec.instanceType": TYPES[1],
    "spec.instanceTypes": [*reversed(TYPES)],
    "spec.kubernetes.initContainers": [{"name": "warm", "image": "busybox"}],
    "spec.kubernetes.volumes": [{"name": "scratch", "emptyDir": {}}],
    "spec.kvCacheSpec.cacheConfigFile": "chunk_size: 512\n",
    "spec.kvCacheSpec.l2CacheSpec.l2CacheBackend": "tieredstorage",
    "spec.modelSourceConfig.huggingFaceModel.commitSHA": "0" * 40,
    "spec.modelSourceConfig.huggingFaceModel.tokenSecretRef": {"name": "hub", "key": "token"},
    "spec.modelSourceConfig.modelSourceType": "huggingface",
    "spec.nodeAffinity": required("example.com/ours"),
    "spec.worker.environmentVariables": [{"name": "MODE", "value": "fast"}],
    "spec.worker.modelInvocationPort.name": "grpc",
    "spec.worker.resources": {"limits": {"nvidia.com/gpu": "2"}},
    "acmArn": "arn:aws:acm:us-west-2:111122223333:certificate/2b",
    "captureMode": "Output",
    "csvContentTypes": ["text/other"],
    "jsonContentTypes": ["application/other"],
    "hostPath": "/mnt/other",
    "hostedZoneId": "Z2",
    "kmsKeyId": "alias/ours",
    "livenessProbe": PROBE,
    "metricCollectionPeriod": 60,
    "metricCollectionStartTime": 600,
    "modelId": "org/other",
    "mountPath": "/models",
    "routingStrategy": "session",
    "nodeSelector": {"example.com/ours": "yes"},
    "readinessProbe": PROBE,
    "resources": {"limits": {"nvidia.com/gpu": "8"}},
    "metricsCollectorResources": RESOURCES,
    "metricsSidecarResources": RESOURCES,
    "s3UploaderResources": RESOURCES,
    "s3Uri": "s3://other/captured",
    "serverAddress": "https://aps-workspaces.us-east-2.amazonaws.com/workspaces/ws-other",
    "startupProbe": PROBE,
    "tlsCertificateOutputS3Uri": "s3://other/certificates",
}
# Alternatives: what has to go before a field can be set.
INSTEAD = {
    "spec.instanceType": "instanceTypes",
    "spec.nodeAffinity": "instanceTypes",
}


def leaves(field: fields.Field) -> Iterator[fields.Field]:
    """The fields that hold values; a block of Kubernetes' own is one of them."""
    own = not any(mark in field.description for mark in ("(core/v1)", "(meta/v1)"))
    below = list(field.fields()) if own else []
    if not below:
        yield field
    for each in below:
        yield from leaves(each)


LEAVES = {each.path: each for each in leaves(fields.root(KINDS[0]).field("spec"))}


def listed(path: str, table: dict[str, Any]) -> str | None:
    """The longest key of the table that the path is, or is below."""
    found = [key for key in table if path == key or path.startswith((f"{key}.", f"{key}["))]
    return max(found, key=len, default=None)


def other(field: fields.Field, now: Any) -> Any:
    """Another valid value than `now`."""
    for key in (field.path, field.name):
        if key in CHANGED:
            return CHANGED[key]
    schema = field.schema
    now = schema.get("default") if now is None else now
    if "enum" in schema:
        return next(each for each in schema["enum"] if each != now)
    kinds: dict[str, Callable[[], Any]] = {
        "boolean": lambda: not now,
        "integer": lambda: (now or schema.get("minimum", 1)) + 1,
        "number": lambda: (now or 0) + 1,
        "string": lambda: f"{now or ''}other",
        "array": lambda: [*(now or ()), "other"],
    }
    return kinds[schema["type"]]()


def changed(spec: Body, field: fields.Field) -> Body:
    """The spec with another value of this one field."""
    made: Body = json.loads(json.dumps(spec))
    *steps, last = field.path.removeprefix("spec.").split(".")
    block: Any = made
    for step in steps:
        name, is_list = step.removesuffix("[]"), step.endswith("[]")
        block = block[name][0] if is_list else block.setdefault(name, {})
    block[last] = other(field, block.get(last))
    return made


def objects(made: InferenceEndpointConfig) -> list[str]:
    return [json.dumps(each, sort_keys=True) for each in render(made, SETTINGS, FACTS).manifests]


def context(path: str) -> Body:
    common = {"worker": {"args": ["/opt/ml/model"], "image": "lmcache/vllm-openai:v0.4.3"}}
    return common | CONTEXTS[listed(path, CONTEXTS) or "spec"]


@pytest.mark.parametrize("path", LEAVES)
def test_every_field_has_its_effect(endpoint: Makes, path: str) -> None:
    spec = {key: value for key, value in context(path).items() if key != INSTEAD.get(path)}
    before = endpoint(**spec)
    after = endpoint(**changed(spec, LEAVES[path]))
    assert before != after, "the test changes nothing"
    exception = listed(path, NOT_YET | ELSEWHERE)
    acts = objects(before) != objects(after)
    if exception is None:
        assert acts, f"{path} changes no object: build it, or list it with the place where it acts"
    else:
        assert not acts, f"{path} acts: remove {exception} from the list (or name only the fields left)"


def test_only_fields_that_exist_are_listed() -> None:
    prefixes = [*NOT_YET, *ELSEWHERE]
    assert [each for each in prefixes if not any(listed(path, {each: 0}) for path in LEAVES)] == []


def test_fields_that_do_nothing_would_be_found(endpoint: Makes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: without their entry, fields without an effect fail."""
    monkeypatch.delitem(ELSEWHERE, "spec.InitialReplicaCount")
    with pytest.raises(AssertionError, match=r"InitialReplicaCount changes no object"):
        test_every_field_has_its_effect(endpoint, "spec.InitialReplicaCount")
