"""Who asks: the listener, its limits and its users, and what each path answers."""
