locals {
  existing_role_arns = {
    execution             = var.existing_execution_role_arn
    jumpstart_gated_model = var.existing_jumpstart_gated_model_role_arn
    alb_controller        = var.existing_alb_controller_role_arn
    keda_operator         = var.existing_keda_operator_role_arn
    s3_csi_driver         = var.existing_s3_csi_driver_role_arn
    fsx_csi_driver        = var.existing_fsx_csi_driver_role_arn
  }
  wanted_roles = {
    for key, role in local.definition.roles : key => role
    if local.enabled && (key != "alb_controller" || var.enable_alb_controller) && (key != "keda_operator" || var.enable_keda)
  }
  made_roles = { for key, role in local.wanted_roles : key => role if local.existing_role_arns[key] == null }
  role_arns = {
    for key, role in local.wanted_roles : key => coalesce(local.existing_role_arns[key], try(aws_iam_role.this[key].arn, null))
  }

  bucket_names = length(var.model_buckets) > 0 ? var.model_buckets : ["sagemaker-${local.region}-${local.account_id}"]
  bucket_arns  = [for name in local.bucket_names : "arn:${local.partition}:s3:::${name}"]
  own_account  = { StringEquals = { "aws:ResourceAccount" = local.account_id } }
  read_models = [
    { Sid = "ListModels", Effect = "Allow", Action = ["s3:ListBucket"], Resource = local.bucket_arns, Condition = local.own_account },
    { Sid = "ReadModels", Effect = "Allow", Action = ["s3:GetObject"], Resource = [for arn in local.bucket_arns : "${arn}/*"], Condition = local.own_account },
  ]
  own_policies = {
    for key, role in local.made_roles : key => jsonencode({
      Version   = "2012-10-17"
      Statement = key == "s3_csi_driver" ? jsondecode(jsonencode(local.read_models)) : jsondecode(jsonencode(role.statements))
    }) if key == "s3_csi_driver" || role.statements != null
  }
}

resource "aws_iam_role" "this" {
  for_each = local.made_roles

  name_prefix        = each.value.name_prefix == null ? null : "${each.value.name_prefix}-"
  description        = each.value.description
  assume_role_policy = replace(replace(each.value.trust, "$${Issuer}", local.issuer), "$${Provider}", local.provider_arn)
  tags               = local.tags
}

resource "aws_iam_role_policy_attachment" "aws" {
  for_each = { for key, role in local.made_roles : key => role.aws_policy if role.aws_policy != null }

  role       = aws_iam_role.this[each.key].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/${each.value}"
}

resource "aws_iam_policy" "own" {
  for_each = local.own_policies

  description = local.made_roles[each.key].description
  policy      = replace(each.value, "arn:aws:", "arn:${local.partition}:")
  tags        = local.tags
}

resource "aws_iam_role_policy_attachment" "own" {
  for_each = local.own_policies

  role       = aws_iam_role.this[each.key].name
  policy_arn = aws_iam_policy.own[each.key].arn
}
