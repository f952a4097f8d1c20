"""What is collected: one package for each product, all of the same shape."""
