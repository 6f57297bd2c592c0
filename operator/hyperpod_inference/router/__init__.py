"""The data plane: `hyperpod-router`, in front of an endpoint's replicas or beside one model container.

A request passes through the modules in this order: `server` (bytes to a `Request`), `proxy` (admission and
the choice of a replica by a strategy), `exchange` (one request's life, the hot path), `upstream` (connections
to replicas). `replicas` holds the facts that strategies read, `discovery` keeps them true, `metrics` counts.
Nothing here imports the operator; only `discovery` talks to the API server.
"""
