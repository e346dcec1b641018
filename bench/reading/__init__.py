"""What readers ask, how long they wait, and why."""
