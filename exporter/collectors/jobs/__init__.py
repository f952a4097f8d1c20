"""Training and visualization jobs of ModelArts."""
