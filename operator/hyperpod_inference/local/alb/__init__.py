"""Load balancers on the local cluster: the AWS Load Balancer Controller and the ALBs, as one process.

`controller` follows the Ingresses of class `alb`. `annotations` and `wanted` read them (pure), `elb` keeps
the load balancers in AWS on loopback, which the same process runs. `front` accepts connections and hands each
to the load balancer that the client names (`hello`); its `proxy` passes requests to pods that its `health`
checks found well, and its `logs` write what `access_log` says. `__main__` starts it all as a pod, which
`local up --with alb` adds.
"""
