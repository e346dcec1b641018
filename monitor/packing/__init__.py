"""What headers and bodies are packed by: a dictionary for each organization, learnt from its own logs."""
