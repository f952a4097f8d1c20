"""Dedicated resource pools: nodes, what is allocated of them, and their queues."""
