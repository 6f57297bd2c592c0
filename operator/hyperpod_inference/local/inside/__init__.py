"""What runs inside the cluster's own namespaces: the supervisor, the components it starts, the front door."""
