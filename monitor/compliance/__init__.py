"""All that is kept of an organization: given away as signed files, or removed with a receipt."""
