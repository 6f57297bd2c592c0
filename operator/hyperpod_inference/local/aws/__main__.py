"""`python -m hyperpod_inference.local.aws`: the double in the foreground, until it is told to end.

Its first line on standard output is one JSON object: the environment of its clients.
"""

import argparse
import contextlib
import json
import signal
import sys

from hyperpod_inference.local.aws import REGION
from hyperpod_inference.local.aws.double import AwsDouble


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--region", default=REGION)
    parser.add_argument("--enforce-iam", action="store_true")
    arguments = parser.parse_args()
    double = AwsDouble(port=arguments.port, region=arguments.region, enforcing=arguments.enforce_iam)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(json.dumps(dict(double.environment())), flush=True)  # noqa: T201 - what a parent reads
    with contextlib.suppress(KeyboardInterrupt, SystemExit):
        double.serve()


if __name__ == "__main__":
    main()
