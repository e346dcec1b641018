"""Keep the task queue itself in order."""
