# HyperPod's other add-ons, each behind a switch.

locals {
  pod_roles = {
    for key, role in local.definition.pod_identity_roles : key => role
    if(key == "training_operator" && var.create_hyperpod_training_operator_module) || (key == "observability" && var.create_observability_module)
  }
}

resource "aws_iam_role" "pod" {
  for_each = local.pod_roles

  path               = each.value.path
  description        = each.value.description
  assume_role_policy = replace(each.value.trust, "$${Account}", local.account_id)
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "pod" {
  for_each = { for key, role in local.pod_roles : key => role.aws_policy if role.aws_policy != null }

  role       = aws_iam_role.pod[each.key].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/${each.value}"
}

resource "aws_eks_pod_identity_association" "training_operator" {
  count = var.create_hyperpod_training_operator_module ? 1 : 0

  cluster_name    = var.eks_cluster_name
  namespace       = local.definition.pod_identity_roles.training_operator.namespace
  service_account = local.definition.pod_identity_roles.training_operator.service_account
  role_arn        = aws_iam_role.pod["training_operator"].arn
  tags            = local.tags
}

resource "aws_eks_addon" "training_operator" {
  count = var.create_hyperpod_training_operator_module ? 1 : 0

  cluster_name                = var.eks_cluster_name
  addon_name                  = local.definition.training_operator
  resolve_conflicts_on_create = local.definition.addon.resolve_conflicts
  resolve_conflicts_on_update = local.definition.addon.resolve_conflicts
  tags                        = local.tags

  depends_on = [
    aws_eks_addon.dependency,
    aws_eks_pod_identity_association.training_operator,
    aws_iam_role_policy_attachment.pod,
  ]
}

resource "aws_eks_addon" "task_governance" {
  count = var.create_task_governance_module ? 1 : 0

  cluster_name                = var.eks_cluster_name
  addon_name                  = local.definition.task_governance
  resolve_conflicts_on_create = local.definition.addon.resolve_conflicts
  resolve_conflicts_on_update = local.definition.addon.resolve_conflicts
  tags                        = local.tags
}

resource "aws_prometheus_workspace" "this" {
  count = var.create_observability_module ? 1 : 0

  alias = "hyperpod-inference"
  tags  = local.tags
}

resource "aws_iam_policy" "observability" {
  count = var.create_observability_module ? 1 : 0

  description = "HyperPod observability collector"
  tags        = local.tags
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Metrics", Effect = "Allow", Action = ["aps:RemoteWrite"], Resource = [aws_prometheus_workspace.this[0].arn] },
      {
        Sid    = "Logs"
        Effect = "Allow"
        Action = [
          "logs:CreateLogGroup",
          "logs:CreateLogStream",
          "logs:DescribeLogGroups",
          "logs:DescribeLogStreams",
          "logs:PutLogEvents",
          "logs:PutRetentionPolicy",
        ]
        Resource = ["arn:${local.partition}:logs:${local.region}:${local.account_id}:log-group:/aws/sagemaker/Clusters/*"]
      },
    ]
  })
}

resource "aws_iam_role_policy_attachment" "observability" {
  count = var.create_observability_module ? 1 : 0

  role       = aws_iam_role.pod["observability"].name
  policy_arn = aws_iam_policy.observability[0].arn
}

resource "aws_eks_addon" "observability" {
  count = var.create_observability_module ? 1 : 0

  cluster_name                = var.eks_cluster_name
  addon_name                  = local.definition.observability.name
  resolve_conflicts_on_create = local.definition.addon.resolve_conflicts
  resolve_conflicts_on_update = local.definition.addon.resolve_conflicts
  tags                        = local.tags
  configuration_values = jsonencode({
    ampWorkspace = {
      prometheusEndpoint = aws_prometheus_workspace.this[0].prometheus_endpoint
      arn                = aws_prometheus_workspace.this[0].arn
    }
    metricsProvider = local.definition.observability.metrics
    logging         = { enabled = false }
  })

  pod_identity_association {
    role_arn        = aws_iam_role.pod["observability"].arn
    service_account = local.definition.pod_identity_roles.observability.service_account
  }

  depends_on = [aws_eks_addon.dependency, aws_iam_role_policy_attachment.observability]
}
