"""How metrics are written, and the exporter's own."""
