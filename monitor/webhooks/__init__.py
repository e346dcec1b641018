"""Tell other programs what happened: signed, tried again, and told apart when they fail."""
