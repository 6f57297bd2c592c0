"""A light stand-in for vLLM: no weights, a cost model for time, a real block-based prefix cache.

For tests and benches of routing with many replicas on a small machine. What clients and routers see of vLLM
is there: the OpenAI API with streaming, `/tokenize`, metric names, and the KV event stream in its format.
`tokens` and `cache` are pure; `engine` adds time, `kv_events` and `api` the sockets, `__main__` the command.
"""
