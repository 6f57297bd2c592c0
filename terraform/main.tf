# HyperPod inference on an EKS and a HyperPod cluster that exist. What is created, with which settings, is data in
# definition.json, written by `make terraform` from the values that the CDK constructs are made from.

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

data "aws_eks_cluster" "this" {
  name = var.eks_cluster_name
}

locals {
  definition = jsondecode(file("${path.module}/definition.json"))
  enabled    = var.create_hyperpod_inference_operator_module
  partition  = data.aws_partition.current.partition
  account_id = data.aws_caller_identity.current.account_id
  region     = data.aws_region.current.region
  vpc_id     = data.aws_eks_cluster.this.vpc_config[0].vpc_id
  issuer     = trimprefix(data.aws_eks_cluster.this.identity[0].oidc[0].issuer, "https://")
  tags       = merge(local.definition.tags, var.tags)

  provider_arn = var.create_oidc_provider_module ? one(aws_iam_openid_connect_provider.this[*].arn) : "arn:${local.partition}:iam::${local.account_id}:oidc-provider/${local.issuer}"
  version      = coalesce(var.inference_addon_version, local.definition.addon.version)
}

check "region" {
  assert {
    condition     = var.aws_region == null || var.aws_region == local.region
    error_message = "aws_region: the provider is in ${local.region}."
  }
}

resource "aws_iam_openid_connect_provider" "this" {
  count = var.create_oidc_provider_module ? 1 : 0

  url            = "https://${local.issuer}"
  client_id_list = [local.definition.audience]
  tags           = local.tags
}

# An expression without a provider, so that the tests evaluate it with Terraform itself.
module "configuration" {
  source = "./modules/configuration"

  execution_role_arn             = local.role_arns["execution"]
  tls_bucket_name                = local.tls_bucket_name
  hyperpod_cluster_arn           = var.hyperpod_cluster_arn
  jumpstart_gated_model_role_arn = local.role_arns["jumpstart_gated_model"]
  enable_alb_controller          = var.enable_alb_controller
  alb_controller_role_arn        = lookup(local.role_arns, "alb_controller", null)
  enable_keda                    = var.enable_keda
  keda_operator_role_arn         = lookup(local.role_arns, "keda_operator", null)
}
