"""A request in IAM's terms: the actions that it needs, on which resources, with which condition keys.

The calls of the operator, of the pods that it makes and of the load balancers' controller are told in full;
any other call is its own action on every resource, and so needs a statement on `*`.
"""

import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote

from moto.acm.models import acm_backends
from moto.elbv2.models import elbv2_backends
from moto.s3.models import s3_backends
from moto.sagemaker.models import sagemaker_backends

from hyperpod_inference.local.aws.wire import Request
from hyperpod_inference.local.aws.world import World

Tags = Mapping[str, str]
_ELB: Final = "elasticloadbalancing"
_SAGEMAKER: Final = {"Model": "model", "EndpointConfig": "endpoint-config", "Endpoint": "endpoint"}
_GZIP: Final = b"\x1f\x8b"
_S3_ACTIONS: Final = {
    "HeadObject": "GetObject",
    "HeadBucket": "ListBucket",
    "ListBuckets": "ListAllMyBuckets",
    "ListDirectoryBuckets": "ListAllMyBuckets",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
}


@dataclass(frozen=True)
class Check:
    """One permission that a call needs."""

    action: str
    resource: str = "*"
    context: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def checks(world: World, action: str, request: Request, tagging: str) -> Iterator[Check]:
    """What a call needs. action: `service:Operation`. tagging: the header x-amz-tagging."""
    service, _, operation = action.partition(":")
    if service == "s3":
        yield from _s3(world, operation, request, dict(parse_qsl(tagging)))
        return
    told = _TOLD.get(service)
    body = _form(request) if service == _ELB else _body(request)
    found = [*told(world, operation, body)] if told else []
    yield from found or [Check(action)]


def _body(request: Request) -> Mapping[str, Any]:
    try:
        packed = request.body.startswith(_GZIP)
        found = json.loads(gzip.decompress(request.body) if packed else request.body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _form(request: Request) -> Mapping[str, Any]:
    """The parameters of the query protocol: a list as one, and pairs under `Tags`."""
    found: dict[str, Any] = {}
    tags: dict[str, dict[str, str]] = {}
    for name, value in parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True):
        head, _, rest = name.partition(".member.")
        number, _, field_ = rest.partition(".")
        if head == "Tags" and field_:
            tags.setdefault(number, {})[field_] = value
        elif rest and not field_:
            found.setdefault(head, []).append(value)
        elif not rest:
            found[name] = value
    return found | ({"Tags": [*tags.values()]} if tags else {})


def _s3(world: World, operation: str, request: Request, tags: Tags) -> Iterator[Check]:
    bucket, _, key = unquote(request.path).strip("/").partition("/")
    action = f"s3:{_S3_ACTIONS.get(operation, operation)}"
    resource = f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    buckets = s3_backends[world.account]["aws"].buckets
    known = buckets[bucket].keys.get(key) if bucket in buckets and key else None
    existing = s3_backends[world.account]["aws"].tagger.get_tag_dict_for_resource(known.arn) if known else {}
    context = _keyed("s3:RequestObjectTag", tags) | _keyed("s3:ExistingObjectTag", existing)
    yield Check(action, resource, context)
    if operation == "PutObject" and tags:
        yield Check("s3:PutObjectTagging", resource, context)


def _acm(world: World, operation: str, body: Mapping[str, Any]) -> Iterator[Check]:
    arn = body.get("CertificateArn", "")
    known = acm_backends[world.account][world.region]._certificates.get(arn)
    request = _pairs(body.get("Tags"))
    # What is made now has, for the policy, the tags that it is made with.
    existing = {key: str(value or "") for key, value in known.tags.items()} if known else request
    context = _keyed("aws:RequestTag", request) | _keyed("aws:ResourceTag", existing)
    context |= {"aws:TagKeys": tuple(request)} if request else {}
    resource = arn or world.arn("acm", "certificate/new")
    if operation == "ListCertificates":
        yield Check("acm:ListCertificates")
        return
    yield Check(f"acm:{operation}", resource, context)
    if operation == "ImportCertificate" and request:
        yield Check("acm:AddTagsToCertificate", resource, context)


def _sagemaker(world: World, operation: str, body: Mapping[str, Any]) -> Iterator[Check]:
    if "HubContent" in operation:
        hub = body.get("HubName", "").rpartition("/")[2]
        base = f"arn:aws:sagemaker:{world.region}:aws:"
        yield Check(f"sagemaker:{operation}", f"{base}hub/{hub}")
        if "HubContentName" in body:
            content = f"hub-content/{hub}/{body.get('HubContentType')}/{body['HubContentName']}"
            yield Check(f"sagemaker:{operation}", base + content)
        return
    if operation in ("ListTags", "AddTags"):
        arn, tags = body.get("ResourceArn", ""), _pairs(body.get("Tags"))
        yield Check(f"sagemaker:{operation}", arn, _keyed("aws:RequestTag", tags))
        return
    for noun, kind in _SAGEMAKER.items():
        if operation in (f"{verb}{noun}" for verb in ("Create", "Describe", "Update", "Delete")):
            yield from _of_sagemaker(world, operation, kind, body.get(f"{noun}Name", ""), body)


def _of_sagemaker(
    world: World, operation: str, kind: str, name: str, body: Mapping[str, Any]
) -> Iterator[Check]:
    resource, request = world.arn("sagemaker", f"{kind}/{name}"), _pairs(body.get("Tags"))
    context = _keyed("aws:RequestTag", request) | _keyed("aws:ResourceTag", _tags(world, kind, name))
    yield Check(f"sagemaker:{operation}", resource, context)
    if request:
        yield Check("sagemaker:AddTags", resource, context | {"sagemaker:TaggingAction": (operation,)})
    if role := body.get("ExecutionRoleArn"):
        yield Check("iam:PassRole", role, {"iam:PassedToService": ("sagemaker.amazonaws.com",)})


def _tags(world: World, kind: str, name: str) -> dict[str, str]:
    backend: Any = sagemaker_backends[world.account][world.region]
    stores = {
        "model": backend._models,
        "endpoint-config": backend.endpoint_configs,
        "endpoint": backend.endpoints,
    }
    known = stores[kind].get(name)
    return _pairs(known.tags) if known is not None else {}


def _eks(world: World, operation: str, body: Mapping[str, Any]) -> Iterator[Check]:
    yield Check(f"eks:{operation}", world.arn("eks", "cluster/any"))


def _cloudwatch(world: World, operation: str, body: Mapping[str, Any]) -> Iterator[Check]:
    namespace = body.get("Namespace")
    yield Check(
        f"cloudwatch:{operation}", context={"cloudwatch:namespace": (namespace,)} if namespace else {}
    )


def _elb(world: World, operation: str, form: Mapping[str, Any]) -> Iterator[Check]:
    """Elastic Load Balancing v2: what it makes by name, what there is by ARN, with its tags."""
    if operation.startswith("Describe"):
        yield Check(f"{_ELB}:{operation}")
        return
    tags = _pairs(form.get("Tags"))
    kind = _ELB_KINDS.get(operation.removeprefix("Create"), "") if operation.startswith("Create") else ""
    made = [world.arn(_ELB, f"{kind}/{form.get('Name', '*')}/*")] if kind else []
    named = [form[key] for key in _ELB_ARNS if key in form][:1] or [*form.get("ResourceArns", ())]
    for resource in made or named or ["*"]:
        request, existing = (
            _keyed("aws:RequestTag", tags),
            _keyed("aws:ResourceTag", _of_elb(world, resource)),
        )
        yield Check(f"{_ELB}:{operation}", resource, request | existing)
        if kind and tags:
            yield Check(f"{_ELB}:AddTags", resource, request | {f"{_ELB}:CreateAction": (operation,)})


def _of_elb(world: World, resource: str) -> dict[str, str]:
    backend: Any = elbv2_backends[world.account][world.region]
    return dict(backend.tagging_service.get_tag_dict_for_resource(resource))


def _pairs(tags: Any) -> dict[str, str]:
    return {each["Key"]: each.get("Value", "") for each in tags or ()}


def _keyed(key: str, tags: Tags) -> dict[str, tuple[str, ...]]:
    return {f"{key}/{name}": (value,) for name, value in tags.items()}


_ELB_KINDS: Final = {"LoadBalancer": "loadbalancer/app", "TargetGroup": "targetgroup"}
_ELB_ARNS: Final = ("ListenerArn", "RuleArn", "TargetGroupArn", "LoadBalancerArn")

_TOLD: Final[Mapping[str, Callable[[World, str, Mapping[str, Any]], Iterator[Check]]]] = {
    "acm": _acm,
    "sagemaker": _sagemaker,
    "eks": _eks,
    "cloudwatch": _cloudwatch,
    _ELB: _elb,
}
