"""The parts of Kubernetes' own API (core/v1) that the custom resources embed, field for field.

They say what Kubernetes 1.34 says. No behaviour lives here: `render` copies these blocks into pods.
"""
