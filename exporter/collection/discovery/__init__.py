"""Which projects are collected: the configured ones, and those that a cloud lists."""
