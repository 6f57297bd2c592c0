"""The programs behind the local images: a real model engine, and small ones for tries and tests."""
