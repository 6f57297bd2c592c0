"""CDK constructs: everything a HyperPod inference install needs on AWS."""
