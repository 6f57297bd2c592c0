# The bucket for certificates and that of its access logs. Both outlive the module: Terraform refuses to destroy them.

locals {
  make_bucket     = local.enabled && var.existing_tls_bucket_name == null
  tls_bucket_name = var.existing_tls_bucket_name != null ? var.existing_tls_bucket_name : one(aws_s3_bucket.tls[*].bucket)
  buckets = local.make_bucket ? {
    tls  = one(aws_s3_bucket.tls[*])
    logs = one(aws_s3_bucket.logs[*])
  } : {}
}

resource "aws_s3_bucket" "tls" {
  #checkov:skip=CKV2_AWS_62: Nothing acts on a certificate or a log line that appears.
  #checkov:skip=CKV_AWS_144: Certificates belong to the endpoints of one region and are issued anew elsewhere.
  #checkov:skip=CKV_AWS_145: Load balancers and SageMaker containers read it without a grant on a key.
  count = local.make_bucket ? 1 : 0

  bucket_prefix = "${local.definition.tls_bucket.prefix}${local.account_id}-"
  tags          = local.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket" "logs" {
  #checkov:skip=CKV2_AWS_62: Nothing acts on a certificate or a log line that appears.
  #checkov:skip=CKV_AWS_144: Certificates belong to the endpoints of one region and are issued anew elsewhere.
  #checkov:skip=CKV_AWS_145: Load balancers and SageMaker containers read it without a grant on a key.
  count = local.make_bucket ? 1 : 0

  bucket_prefix = "hyperpod-inference-logs-"
  tags          = local.tags

  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.buckets

  bucket = each.value.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.buckets

  bucket = each.value.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.buckets

  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.buckets

  bucket = each.value.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.buckets

  bucket = each.value.id

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = local.definition.tls_bucket.abort_days
    }

    noncurrent_version_expiration {
      noncurrent_days = each.key == "tls" ? local.definition.tls_bucket.noncurrent_days : local.definition.log_bucket.noncurrent_days
    }

    dynamic "expiration" {
      for_each = each.key == "logs" ? [local.definition.log_bucket.days] : []

      content {
        days = expiration.value
      }
    }
  }
}

resource "aws_s3_bucket_logging" "tls" {
  count = local.make_bucket ? 1 : 0

  bucket        = aws_s3_bucket.tls[0].id
  target_bucket = aws_s3_bucket.logs[0].id
  target_prefix = local.definition.tls_bucket.log_prefix
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.buckets

  bucket = each.value.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat([
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action    = "s3:*"
        Resource  = [each.value.arn, "${each.value.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "NewTlsOnly"
        Effect    = "Deny"
        Principal = { AWS = "*" }
        Action    = "s3:*"
        Resource  = [each.value.arn, "${each.value.arn}/*"]
        Condition = { NumericLessThan = { "s3:TlsVersion" = local.definition.tls_bucket.minimum_tls } }
      },
      ], each.key == "logs" ? [
      {
        Sid       = "ServerAccessLogs"
        Effect    = "Allow"
        Principal = { Service = "logging.s3.amazonaws.com" }
        Action    = "s3:PutObject"
        Resource  = "${each.value.arn}/${local.definition.tls_bucket.log_prefix}*"
        Condition = {
          ArnLike      = { "aws:SourceArn" = one(aws_s3_bucket.tls[*].arn) }
          StringEquals = { "aws:SourceAccount" = local.account_id }
        }
      },
    ] : [])
  })
}
