"""A CDK app of its own: a HyperPod cluster that serves models, from the installed package in three lines."""

import aws_cdk as cdk

from hyperpod_constructs import HyperPodInference

app = cdk.App()
stack = cdk.Stack(app, "Models")
inference = HyperPodInference(stack, "HyperPod")

cdk.CfnOutput(stack, "ClusterArn", value=inference.hyperpod_cluster.cluster_arn)
app.synth()
