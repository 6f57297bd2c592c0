"""cdk8s charts: everything a HyperPod inference install needs inside Kubernetes."""
