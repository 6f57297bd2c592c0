"""The rule packs of cdk-nag that every synth runs.

Findings land in `cdk.out/validation-report.json`; one that nobody acknowledged stops the synth. What this
package acknowledges stands, with its reason, beside the construct that causes it (`acknowledge.py`).
"""

from aws_cdk import App, Validations


def add_checks(app: App) -> None:
    """Run all six packs of cdk-nag over `app` when it is synthesized."""
    # Here, not above: loading the packs takes as long as an empty app's synth.
    from cdk_nag import (
        AwsSolutionsChecks,
        HIPAASecurityChecks,
        NIST80053R4Checks,
        NIST80053R5Checks,
        PCIDSS321Checks,
        ServerlessChecks,
    )

    Validations.of(app).add_plugins(
        AwsSolutionsChecks(app),
        HIPAASecurityChecks(app),
        NIST80053R4Checks(app),
        NIST80053R5Checks(app),
        PCIDSS321Checks(app),
        ServerlessChecks(app),
    )
