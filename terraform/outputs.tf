output "addon_configuration" {
  description = "What the inference add-on was told."
  value       = local.enabled ? module.configuration.json : null
}

output "role_arns" {
  description = "Roles of the installation, made or given, by name."
  value       = local.role_arns
}

output "oidc_provider_arn" {
  description = "OIDC provider of the cluster."
  value       = local.provider_arn
}

output "tls_certificates_bucket_name" {
  description = "Bucket for certificates."
  value       = local.tls_bucket_name
}

output "kubectl_command" {
  description = "Points kubectl at the cluster."
  value       = "aws eks update-kubeconfig --region ${local.region} --name ${var.eks_cluster_name}"
}
