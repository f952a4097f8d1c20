"""Requests to a cloud: authentication, scheduling, transport and retries."""
