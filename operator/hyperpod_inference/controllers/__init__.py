"""One module per kind that observes, renders, applies and judges; and the manager that starts them."""
