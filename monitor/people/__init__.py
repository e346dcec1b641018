"""People: who belongs to an organization, how they come in, and what each sets for themselves."""
