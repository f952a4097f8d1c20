"""Which projects, and which workspaces in them, a cloud's credential can read."""
