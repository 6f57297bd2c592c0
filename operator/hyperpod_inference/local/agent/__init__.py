"""The node agent of the local cluster: a small virtual kubelet that runs pods as local processes.

`python -m hyperpod_inference.local.agent` registers nodes that look like HyperPod instances, runs the pods
bound to them, forwards the Services' addresses and serves the kubelet's log endpoint.

What decides is pure and tested with tables (`lifecycle`, `podstatus`, `probes`, `backoff`, `environment`);
what acts stays thin (`worker`, `process`, `volumes`, `prober`, `kubelet_api`, `serviceproxy`).
"""
