"""SageMaker beside moto: the public hub, HyperPod clusters, UpdateEndpoint. One table of operations."""

from hyperpod_inference.local.aws.sagemaker import clusters, endpoints, hub

OPERATIONS = {**hub.OPERATIONS, **clusters.OPERATIONS, **endpoints.OPERATIONS}
"""Operation name -> function of the world and the parameters."""
