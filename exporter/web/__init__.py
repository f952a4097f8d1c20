"""The HTTP side: the listener, limits on clients, users, and the routes."""
