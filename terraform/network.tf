# SageMaker puts an endpoint's container into the subnets of the EKS cluster, where it fetches the CA certificate from
# S3: the gateway endpoint is on every route table of the VPC, not only on those of the HyperPod subnets.

data "aws_route_tables" "vpc" {
  vpc_id = local.vpc_id
}

resource "aws_vpc_endpoint" "s3" {
  count = local.enabled && var.create_vpc_endpoints_module ? 1 : 0

  vpc_id            = local.vpc_id
  service_name      = "com.amazonaws.${local.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = data.aws_route_tables.vpc.ids
  tags              = local.tags
}
