"""HyperPod Inference: the custom resources, the operator that reconciles them, and a cluster to try it on."""

__version__ = "0.1.0"
