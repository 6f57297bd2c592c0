"""Templates for the construct tests: the Quick Install once a session, anything else by `synthesize`."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from aws_cdk import App, Stack
from aws_cdk.assertions import Template

from hyperpod_constructs import InferenceStack, StackSettings

Build = Callable[[Stack], object]
Synthesize = Callable[..., Template]


@pytest.fixture(scope="session")
def synthesize() -> Synthesize:
    """Build constructs in an empty stack and give its template; `context` is the app's."""

    def run(build: Build, context: Mapping[str, Any] | None = None) -> Template:
        app = App(builtin_cloud_formation_validation=False, context=context)
        stack = Stack(app, "Stack")
        build(stack)
        return Template.from_stack(stack)

    return run


@pytest.fixture(scope="session")
def install() -> Synthesize:
    """The template of the app's stack for settings given as keywords."""

    def run(**settings: Any) -> Template:
        app = App(builtin_cloud_formation_validation=False)
        return Template.from_stack(InferenceStack(app, "HyperPodInference", StackSettings(**settings)))

    return run


@pytest.fixture(scope="session")
def quick(install: Synthesize) -> Template:
    """The Quick Install: nothing passed."""
    return install()


@pytest.fixture(scope="session")
def custom(install: Synthesize) -> Template:
    """The Custom Install on clusters, roles and a bucket that exist."""
    role = "arn:aws:iam::111122223333:role"
    return install(
        eks_cluster_name="mine",
        oidc_issuer_url="https://oidc.eks.us-west-2.amazonaws.com/id/EXAMPLE",
        hyperpod_cluster_arn="arn:aws:sagemaker:us-west-2:111122223333:cluster/abcdefgh1234",
        tls_bucket_name="hyperpod-tls-mine",
        execution_role_arn=f"{role}/SageMakerHyperPodInference-mine",
        jumpstart_gated_model_role_arn=f"{role}/gated",
        alb_controller_role_arn=f"{role}/alb",
        keda_operator_role_arn=f"{role}/keda",
        s3_csi_driver_role_arn=f"{role}/s3",
        fsx_csi_driver_role_arn=f"{role}/fsx",
        existing_addons=(
            "aws-mountpoint-s3-csi-driver",
            "aws-fsx-csi-driver",
            "cert-manager",
            "metrics-server",
        ),
    )
