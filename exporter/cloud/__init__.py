"""How a cloud is asked: authenticated, in turn, and again where that helps."""
