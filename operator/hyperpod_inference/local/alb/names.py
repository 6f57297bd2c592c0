"""What the pod with the load balancers is called and where it is, for itself and those who install it."""

from typing import Final

from hyperpod_inference.local.aws import ACCOUNT, REGION

ADDRESS: Final = "10.96.0.20"
"""ClusterIP of the pod's Service; of the range's lower part, from which none is given out by chance."""
AWS_PORT: Final = 4566
BALANCER_PORT: Final = 443
"""For TLS and for plain HTTP; see `front`."""
IDENTITIES_PORT: Final = 9443
"""Of the webhook that gives pods their roles."""
NAMESPACE: Final = "kube-system"
NAME: Final = "aws-load-balancer-controller"

BUCKET: Final = f"hyperpod-tls-{ACCOUNT}"
"""For certificates, and below `data-capture/` for what is captured; the examples name it too."""
CLUSTER: Final = "hyperpod-local"
ENDPOINT_IMAGE: Final = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/hyperpod-inference/router:local"
KEDA_ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/KedaOperator-local"
ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/SageMakerHyperPodInference-local"
CONTROLLER_ROLE: Final = f"arn:aws:iam::{ACCOUNT}:role/hyperpod-local-alb-controller"
"""Of the load balancers' controller."""
