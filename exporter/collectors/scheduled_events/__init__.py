"""Scheduled events: the maintenance of nodes to come (Huawei Cloud only)."""
