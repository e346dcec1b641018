"""Group what fails in the same way, and keep what people say about it."""
