"""The one-machine cluster: a real control plane and simulated HyperPod nodes, without AWS, GPUs or root.

On the host, `cluster` checks the machine (`prerequisites`), finds the programs (`binaries`, with its sources
`cached`, `download`, `gobuild`), writes keys and kubeconfigs (`files`, `pki`, `kubeconfig`) and starts the
supervisor. Inside namespaces of its own, `supervisor` starts the `components` and the node `agent`, and
carries connections in from the host (`relay`, `frontdoor`). `run.json` (`runfile`) is what both sides know of
each other; `status` and `ending` read it. `extras` are other projects' programs to add.
"""
