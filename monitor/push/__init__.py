"""Programs that ping when they have run: the dialects they speak, and when the next ping is late."""
