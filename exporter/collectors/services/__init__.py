"""Inference services of both API versions: what serves, waits or malfunctions."""
