# What the inference add-on is told, as the other ways to install write it. No provider is needed: the tests evaluate
# it with Terraform and compare the documents.

variable "execution_role_arn" {
  description = "Role of the operator."
  type        = string
}

variable "tls_bucket_name" {
  description = "Bucket for certificates, a bare name."
  type        = string
}

variable "hyperpod_cluster_arn" {
  description = "HyperPod cluster."
  type        = string
}

variable "jumpstart_gated_model_role_arn" {
  description = "Role that downloads gated models; null leaves it out."
  type        = string
  default     = null
}

variable "enable_alb_controller" {
  description = "Whether the add-on brings the load balancer controller."
  type        = bool
  default     = true
}

variable "alb_controller_role_arn" {
  description = "Role of the load balancer controller, while it is enabled."
  type        = string
  default     = null
}

variable "enable_keda" {
  description = "Whether the add-on brings KEDA."
  type        = bool
  default     = true
}

variable "keda_operator_role_arn" {
  description = "Role of KEDA, while it is enabled."
  type        = string
  default     = null
}

locals {
  always = {
    executionRoleArn       = var.execution_role_arn
    tlsCertificateS3Bucket = var.tls_bucket_name
    hyperpodClusterArn     = var.hyperpod_cluster_arn
  }
  gated = var.jumpstart_gated_model_role_arn == null ? {} : {
    jumpstartGatedModelDownloadRoleArn = var.jumpstart_gated_model_role_arn
  }
  alb = jsondecode(var.enable_alb_controller ? jsonencode({
    enabled        = true
    serviceAccount = { create = true, roleArn = var.alb_controller_role_arn }
    }) : jsonencode({
    enabled = false
  }))
  keda = jsondecode(var.enable_keda ? jsonencode({
    enabled = true
    auth    = { aws = { irsa = { enabled = true, roleArn = var.keda_operator_role_arn } } }
    }) : jsonencode({
    enabled = false
  }))
}

output "json" {
  description = "The document for configurationValues."
  value       = jsonencode(merge(local.always, local.gated, { alb = local.alb, keda = local.keda }))
}
