"""What an installation is, as values: settings, roles, versions, and the add-on's configuration. Pure.

The three ways to install are written from these: the CDK constructs (`hyperpod_constructs`), the `aws`
    commands
that `hyperpod-inference install` prints, and the Terraform module. Nothing here knows the CDK or AWS's
client; it imports only from `api`, and no model, so that importing it costs a synth next to nothing.
"""
