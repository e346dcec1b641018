"""Secrets in values that have a name beside them: headers, query parameters, form fields."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from monitor.lib.masking.patterns import mask_names, mask_shapes, mask_text
from monitor.lib.masking.rules import DEFAULT_RULES, MASK, MaskingRules, fully_unquoted, plain_name

_USERINFO = re.compile(r"^((?:[A-Za-z][A-Za-z0-9+.-]*+:)?//)[^/]*@")
# Without one of these there is nothing in a URL that `mask_url` could change; paths are mostly such.
_URL_SIGN = re.compile(r"[@;?#+\s]|eyJ|mkey_|mpat_|apt_")
_PATH_PARAMETER = re.compile(r";([^=;/]*+)=([^;/]++)")  # /cart;jsessionid=...
# A nested value is written back with little escaped, so that it stays readable; & and + would change its
# meaning.
_SAFE_IN_VALUE = "*-._~:/?@!$'(),[]{}=\""
_DEEPEST = 200  # levels of query parameters; far beyond use, well within Python's stack


def mask_headers(
    headers: Mapping[str, str | list[str]], *, rules: MaskingRules = DEFAULT_RULES
) -> dict[str, str | list[str]]:
    """The headers with secret values replaced; names, order and lists stay.

    Values of other headers are looked through as text, because Referer and Location carry URLs with secrets.
    """
    return {
        name: _mask_secret(value) if rules.is_sensitive_header(name) else _mask_header(value, rules)
        for name, value in headers.items()
    }


def _mask_secret(value: str | list[str]) -> str | list[str]:
    """Something in place of each value; what is empty says nothing."""
    if isinstance(value, list):
        return [one and MASK for one in value]
    return value and MASK


def _mask_header(value: str | list[str], rules: MaskingRules) -> str | list[str]:
    if isinstance(value, list):
        return [_mask_plain(one, rules) for one in value]
    return _mask_plain(value, rules)


def _mask_plain(value: str, rules: MaskingRules) -> str:
    if value in rules.harmless_values:
        return value
    # As a URL first where it may be one: a text pattern does not look into an escaped query.
    masked = mask_text(mask_url(value, rules=rules) if "?" in value else value, rules=rules)
    if masked == value:
        rules.harmless_values.remember(value)
    return masked


def mask_url(url: str, *, rules: MaskingRules = DEFAULT_RULES) -> str:
    """The URL without user and password, and without the values of sensitive parameters, wherever they stand.

    What is not secret stays byte for byte. Takes anything, also what is no valid URL.
    """
    if not _URL_SIGN.search(url):
        return url
    head, hash_sign, fragment = url.partition("#")
    head, question_mark, query = head.partition("?")
    if "@" in head:
        head = _USERINFO.sub(rf"\1{MASK}@", head)
    if ";" in head:
        head = _PATH_PARAMETER.sub(lambda match: _mask_path_parameter(match, rules), head)
    if query:
        query = mask_pairs(query, rules)
    if "=" in fragment:
        fragment = mask_pairs(fragment, rules)
    return mask_shapes(head + question_mark + query + hash_sign + fragment)


def _mask_path_parameter(match: re.Match[str], rules: MaskingRules) -> str:
    return f";{match[1]}={MASK}" if rules.is_sensitive_key(plain_name(match[1])) else match[0]


def mask_pairs(text: str, rules: MaskingRules) -> str:
    """A query string or form body with sensitive values replaced."""
    if text in rules.harmless_pairs:
        return text
    if not rules.may_concern(text):
        rules.harmless_pairs.remember(text)
        return text
    return "&".join(_mask_pair(pair, rules) for pair in text.split("&"))


def _mask_pair(pair: str, rules: MaskingRules) -> str:
    key, equals_sign, value = pair.partition("=")
    if not value.strip():
        return pair
    if rules.is_sensitive_key(plain_name(key.replace("+", " "))):
        return f"{key}={MASK}{value[len(value.rstrip()) :]}"
    # A value may hold a URL, JSON or (with ; between) further pairs.
    plain = fully_unquoted(value.replace("+", " "))
    masked = mask_names(plain, rules)
    return (
        pair if masked == plain else key + equals_sign + quote(masked, safe=_SAFE_IN_VALUE, errors="replace")
    )


def mask_query_params(params: Any, *, rules: MaskingRules = DEFAULT_RULES) -> Any:
    """A copy of parsed parameters (what JSON can say) with sensitive values replaced at any depth.

    Beyond 200 levels everything is replaced.
    """
    return _mask_parsed(params, rules, depth=0)


def _mask_parsed(value: Any, rules: MaskingRules, depth: int) -> Any:
    if depth > _DEEPEST:
        return MASK
    if isinstance(value, str):
        return _mask_plain(value, rules)
    if isinstance(value, list | tuple):
        return [_mask_parsed(one, rules, depth + 1) for one in value]
    if isinstance(value, dict):
        return {key: _mask_named(key, one, rules, depth) for key, one in value.items()}
    return value


def _mask_named(key: object, value: Any, rules: MaskingRules, depth: int) -> Any:
    if not rules.is_sensitive_key(plain_name(str(key))):
        return _mask_parsed(value, rules, depth + 1)
    # Null and what is empty hold no secret; 0 and False may be one.
    return value if value is None or value in ("", [], {}, ()) else MASK
