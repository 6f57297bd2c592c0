resource "aws_eks_addon" "dependency" {
  for_each = { for name, version in local.definition.dependencies : name => version if local.enabled && !contains(var.existing_addons, name) }

  cluster_name                = var.eks_cluster_name
  addon_name                  = each.key
  addon_version               = each.value
  resolve_conflicts_on_create = local.definition.addon.resolve_conflicts
  resolve_conflicts_on_update = local.definition.addon.resolve_conflicts
  service_account_role_arn    = try(local.role_arns[local.definition.driver_roles[each.key]], null)
  tags                        = local.tags
}

resource "aws_eks_addon" "inference" {
  count = local.enabled ? 1 : 0

  cluster_name                = var.eks_cluster_name
  addon_name                  = local.definition.addon.name
  addon_version               = local.version
  configuration_values        = module.configuration.json
  resolve_conflicts_on_create = local.definition.addon.resolve_conflicts
  resolve_conflicts_on_update = local.definition.addon.resolve_conflicts
  tags                        = local.tags

  depends_on = [
    aws_eks_addon.dependency,
    aws_eks_addon.task_governance,
    aws_iam_role_policy_attachment.aws,
    aws_iam_role_policy_attachment.own,
    aws_vpc_endpoint.s3,
  ]

  lifecycle {
    precondition {
      condition     = startswith(element(reverse(split("/", local.role_arns["execution"])), 0), local.definition.roles.execution.name_prefix)
      error_message = "existing_execution_role_arn: expected a role whose name begins with ${local.definition.roles.execution.name_prefix}."
    }
  }
}
