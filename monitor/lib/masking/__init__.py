"""Hide secrets in headers, URLs, bodies and error texts before anything is stored, logged or queued.

All functions are pure, take linear time and may be applied twice. They find secrets by the names beside
them and by a few unmistakable shapes (our own keys, JWTs, `Bearer ...`, credentials in a URL). That is not
a guarantee: a secret under an innocent name, in a shape nobody knows, stays.
"""

from monitor.lib.masking.bodies import mask_body
from monitor.lib.masking.patterns import mask_text
from monitor.lib.masking.rules import DEFAULT_RULES, MASK, MaskingRules, contains_mask, is_masked
from monitor.lib.masking.values import mask_headers, mask_query_params, mask_url

__all__ = [
    "DEFAULT_RULES",
    "MASK",
    "MaskingRules",
    "contains_mask",
    "is_masked",
    "mask_body",
    "mask_headers",
    "mask_query_params",
    "mask_text",
    "mask_url",
]
