"""The level-triggered runtime: transport, cache, queue, leadership, apply. It knows nothing of the domain."""
