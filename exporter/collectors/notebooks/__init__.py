"""Notebook instances: who runs them, what stops them, and what they store."""
