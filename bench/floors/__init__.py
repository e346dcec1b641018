"""What the product is compared with: the least that could be done, and the way it is usually done."""
