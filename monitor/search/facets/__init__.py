"""Count what a search finds, value by value, beside its table."""

from monitor.search.facets.counting import FIELDS, Asking, Coverage, Facet, count_facets
from monitor.search.facets.values import FacetValue

__all__ = ["FIELDS", "Asking", "Coverage", "Facet", "FacetValue", "count_facets"]
