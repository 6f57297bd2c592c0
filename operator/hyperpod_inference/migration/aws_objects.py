"""What endpoints have in AWS: certificates, objects in the TLS bucket, load balancers; with their tags."""

import asyncio
from functools import partial

from hyperpod_inference.api import names
from hyperpod_inference.cloud.errors import CloudError, Denied
from hyperpod_inference.kube.resources import INGRESSES, Body
from hyperpod_inference.migration import endpoints
from hyperpod_inference.migration.asking import Asking
from hyperpod_inference.migration.facts import AwsObject


async def aws_objects(asking: Asking, bodies: list[Body]) -> list[AwsObject]:
    """Certificates and S3 objects by the resources' status, load balancers by our Ingresses."""
    named: dict[str, str] = {}
    for body in bodies:
        of = f"{body['kind']} {body['metadata']['namespace']}/{body['metadata']['name']}"
        for id in (*endpoints.certificates(body), *endpoints.objects(body)):
            named.setdefault(id, of)
    missing = await _from_ingresses(asking, bodies, named)
    return [*[await _tagged(asking, id, of) for id, of in named.items()], *missing]


def ingress_names(bodies: list[Body]) -> dict[tuple[str, str], str]:
    """Where the operator puts the Ingress of each resource, with and without routing."""
    found = {}
    for body in bodies:
        name, namespace = body["metadata"]["name"], body["metadata"]["namespace"]
        of = f"{body['kind']} {namespace}/{name}"
        found[(namespace, names.ingress_name(name, namespace, routed=False))] = of
        found[(names.OPERATOR_NAMESPACE, names.ingress_name(name, namespace, routed=True))] = of
    return found


async def _from_ingresses(asking: Asking, bodies: list[Body], named: dict[str, str]) -> list[AwsObject]:
    ours, missing = ingress_names(bodies), []
    for ingress in await asking.listed(INGRESSES):
        of = ours.get((ingress["metadata"]["namespace"], ingress["metadata"]["name"]))
        if of is None:
            continue
        certificate = (ingress["metadata"].get("annotations") or {}).get(names.ALB_CERTIFICATE)
        if certificate:
            named.setdefault(certificate, of)
        for entry in ((ingress.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ():
            host = entry.get("hostname", "")
            arn = await asking.aws(partial(asking.world.tagging.load_balancer, host), None)
            if arn:
                named.setdefault(arn, of)
            elif host:
                why = "no load balancer of the account has this name"
                missing.append(AwsObject(id=host, of=of, error=why))
    return missing


async def _tagged(asking: Asking, id: str, of: str) -> AwsObject:
    try:
        return AwsObject(id=id, of=of, tags=await asyncio.to_thread(asking.world.tagging.read, id))
    except Denied as error:
        asking.refused(error)
        return AwsObject(id=id, of=of, error=str(error))
    except CloudError as error:
        return AwsObject(id=id, of=of, error=str(error))
