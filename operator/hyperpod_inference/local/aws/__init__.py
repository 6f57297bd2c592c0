"""AWS on loopback: one process that answers the calls which the CDK, the operator and `aws` make.

moto answers most of them. What it lacks or gets wrong is here, by service: `eks` (add-ons, access entries,
pod identity), `sagemaker` (the hub, clusters, endpoints), `cloudformation` (resource types of our stacks,
and change sets), `aps` (queries of Prometheus workspaces). `wire` turns HTTP into an operation of botocore's
own service model and back, so what is answered here is held to the same model that every client parses it
with; `cbor` does so for newer clients of moto; `app` chooses between the two; `double` is the process;
`faults` makes calls fail on demand.
"""

import os

ACCOUNT = "111122223333"
REGION = "us-west-2"

# moto reads its account when it is imported, so this stands before every import of it.
os.environ.setdefault("MOTO_ACCOUNT_ID", ACCOUNT)
