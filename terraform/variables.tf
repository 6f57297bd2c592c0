# Names are those of AWS's own Terraform for HyperPod where it has one. `hyperpod-inference install tfvars` writes
# them from the settings of the other two ways to install.

variable "aws_region" {
  description = "Region that the caller's provider has to be in; null does not check."
  type        = string
  default     = null
}

variable "eks_cluster_name" {
  description = "EKS cluster that orchestrates the HyperPod cluster. Its authentication mode is API or API_AND_CONFIG_MAP."
  type        = string
}

variable "hyperpod_cluster_arn" {
  description = "HyperPod cluster, arn:aws:sagemaker:REGION:ACCOUNT:cluster/ID."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:sagemaker:[a-z0-9-]+:[0-9]{12}:cluster/[a-z0-9]+$", var.hyperpod_cluster_arn))
    error_message = "hyperpod_cluster_arn: expected arn:aws:sagemaker:REGION:ACCOUNT:cluster/ID."
  }
}

variable "kubernetes_version" {
  description = "Kubernetes of the EKS cluster, checked against the versions that HyperPod supports."
  type        = string
  default     = null

  validation {
    condition     = var.kubernetes_version == null || contains(jsondecode(file("${path.module}/definition.json")).kubernetes_versions, coalesce(var.kubernetes_version, "none"))
    error_message = "kubernetes_version: expected one of ${join(", ", jsondecode(file("${path.module}/definition.json")).kubernetes_versions)}."
  }
}

variable "create_hyperpod_inference_operator_module" {
  description = "Whether to install the inference add-on with its roles, bucket and dependencies."
  type        = bool
  default     = true
}

variable "create_hyperpod_training_operator_module" {
  description = "Whether to install the training operator."
  type        = bool
  default     = false
}

variable "create_task_governance_module" {
  description = "Whether to install task governance. The inference add-on waits for it."
  type        = bool
  default     = false
}

variable "create_observability_module" {
  description = "Whether to install observability, with a Prometheus workspace."
  type        = bool
  default     = false
}

variable "create_oidc_provider_module" {
  description = "Whether to create the cluster's OIDC provider in IAM; false uses the one that is there."
  type        = bool
  default     = true
}

variable "create_vpc_endpoints_module" {
  description = "Whether to create the S3 gateway endpoint, on every route table of the cluster's VPC."
  type        = bool
  default     = true
}

variable "inference_addon_version" {
  description = "Version of the inference add-on; null is the default of the other ways to install."
  type        = string
  default     = null
}

variable "enable_alb_controller" {
  description = "Whether the add-on brings the load balancer controller; false reuses yours."
  type        = bool
  default     = true
}

variable "enable_keda" {
  description = "Whether the add-on brings KEDA; false reuses yours."
  type        = bool
  default     = true
}

variable "existing_addons" {
  description = "Dependency add-ons that the cluster runs already."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.existing_addons : contains(keys(jsondecode(file("${path.module}/definition.json")).dependencies), name)])
    error_message = "existing_addons: expected names of ${join(", ", keys(jsondecode(file("${path.module}/definition.json")).dependencies))}."
  }
}

variable "model_buckets" {
  description = "Buckets that models are mounted from; empty is SageMaker's own, sagemaker-REGION-ACCOUNT."
  type        = list(string)
  default     = []
}

variable "existing_tls_bucket_name" {
  description = "Bucket for certificates, named hyperpod-tls-*; null creates one."
  type        = string
  default     = null

  validation {
    condition     = startswith(coalesce(var.existing_tls_bucket_name, "hyperpod-tls-"), "hyperpod-tls-")
    error_message = "existing_tls_bucket_name: expected a name that begins hyperpod-tls-: AWS's policy reaches no other."
  }
}

variable "existing_execution_role_arn" {
  description = "Role of the operator, named SageMakerHyperPodInference*; null creates one."
  type        = string
  default     = null
}

variable "existing_jumpstart_gated_model_role_arn" {
  description = "Role that downloads gated models; null creates one."
  type        = string
  default     = null
}

variable "existing_alb_controller_role_arn" {
  description = "Role of the load balancer controller; null creates one."
  type        = string
  default     = null
}

variable "existing_keda_operator_role_arn" {
  description = "Role of KEDA; null creates one."
  type        = string
  default     = null
}

variable "existing_s3_csi_driver_role_arn" {
  description = "Role of the Mountpoint for S3 CSI driver; null creates one."
  type        = string
  default     = null
}

variable "existing_fsx_csi_driver_role_arn" {
  description = "Role of the FSx CSI driver; null creates one."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of every resource, beside CreatedBy=HyperPodInference."
  type        = map(string)
  default     = {}
}
