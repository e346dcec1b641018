"""The usual way: one table with JSONB columns, a ModelSerializer, an INSERT for each request."""
