"""Metrics: text formats, labels, and the exporter's own metrics."""
