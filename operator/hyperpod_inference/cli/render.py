"""`hyperpod-inference render -f FILE`: what the operator would create, offline, without a cluster.

The same `render` that the operator calls: objects go to standard output as YAML; what was decided inside the
pods, and what this version does not build, goes to standard error. Wrong input is an InputError, which `main`
tells.
"""

from collections.abc import Iterable
from typing import Any, NoReturn

import click


@click.command(name="render", short_help="Show what would be created for an endpoint.")
@click.option(
    "-f",
    "--filename",
    "files",
    required=True,
    multiple=True,
    metavar="FILE",
    help="Manifest with endpoints; - for standard input. May be given several times.",
)
@click.option(
    "--custom-service-accounts",
    is_flag=True,
    help="Render as an operator that allows spec.kubernetes.serviceAccountName.",
)
@click.option(
    "--hub", is_flag=True, help="Render JumpStartModels too: AWS's hub is asked for their documents."
)
def command(files: tuple[str, ...], custom_service_accounts: bool, hub: bool) -> None:
    """Print the objects that the operator would create for the endpoints in FILE, in apply order.

    Without --hub nothing is contacted. Owners' uids and facts about the cluster are left out.
    """
    # All files are read before anything is printed, so that wrong input never leaves half an output.
    results = _rendered(files, custom_service_accounts, hub)
    click.echo(_yaml(manifest for result in results for manifest in result.manifests), nl=False)
    for arranged in [part for result in results for part in result.arrangements]:
        click.echo(f"{arranged.field}: {arranged.message}", err=True)
    for told in [part for result in results for part in result.not_built]:
        click.echo(f"not built: {told.field}: {told.message}", err=True)


def _rendered(files: tuple[str, ...], custom_service_accounts: bool, hub: bool) -> list[Any]:
    """The Rendered of each endpoint in the files; raises InputError."""
    from hyperpod_inference.api.parse import InvalidResource
    from hyperpod_inference.api.settings import OperatorSettings
    from hyperpod_inference.cli.inputs import deployments
    from hyperpod_inference.render import render

    settings = OperatorSettings(enable_custom_service_accounts=custom_service_accounts)
    results = []
    for document, resource in deployments(files):
        try:
            endpoint: Any = resource
            if resource.kind == "JumpStartModel":
                endpoint = _from_hub(resource, settings) if hub else _needs_hub()
            results.append(render(endpoint, settings))
        except InvalidResource as invalid:
            raise document.error(*invalid.problems) from None
    return results


def _needs_hub() -> NoReturn:
    from hyperpod_inference.api.parse import InvalidResource, Problem

    fix = "the hub supplies image and settings of a JumpStartModel: add --hub, so that it is asked"
    raise InvalidResource((Problem("kind", "'JumpStartModel'", "InferenceEndpointConfig", fix),))


def _from_hub(model: Any, settings: Any) -> Any:
    """The endpoint that a JumpStartModel is; raises InvalidResource, also for a model that is not there."""
    from hyperpod_inference.api.parse import InvalidResource
    from hyperpod_inference.cloud.errors import CloudError, Missing
    from hyperpod_inference.cloud.hub import Hub
    from hyperpod_inference.cloud.session import Session
    from hyperpod_inference.render.jumpstart import as_endpoint

    source = model.spec.model
    try:
        hub = Hub(Session(), source.model_hub_name)
        try:
            found = hub.document(source.model_id, source.model_version)
        except Missing:
            raise InvalidResource((hub.missed(source.model_id, source.model_version),)) from None
    except CloudError as error:
        raise click.ClickException(str(error)) from error
    return as_endpoint(model, found, settings)


def _yaml(manifests: Iterable[dict[str, Any]]) -> str:
    import yaml

    class Plain(yaml.SafeDumper):
        """Without anchors: manifests that share a value are still read one by one."""

        def ignore_aliases(self, data: Any) -> bool:
            return True

    return yaml.dump_all(manifests, Dumper=Plain, sort_keys=False, explicit_start=True, width=110)
