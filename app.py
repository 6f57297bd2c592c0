"""The CDK app: context in, one or two checked stacks out. `cdk synth` and `cdk deploy` run it (see
cdk.json)."""

import sys


def main() -> None:
    """Read the context, build the stack, register the rule packs, synthesize."""
    from aws_cdk import App

    from hyperpod_constructs import PropertyError, StackSettings, add_checks, make_stacks

    app = App()
    try:
        make_stacks(app, StackSettings.from_context(app.node.get_all_context()))
    except PropertyError as error:
        sys.exit(f"error: {error}")
    add_checks(app)
    try:
        app.synth()
    except RuntimeError as error:  # what jsii makes of every error in the JavaScript below
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    try:
        main()
    except ImportError as error:
        # A missing `constructs` distribution shows as a failed import from the folder of that name.
        sys.exit(f"error: {error}. The app needs its CDK libraries: pip install -e '.[cdk]'")
