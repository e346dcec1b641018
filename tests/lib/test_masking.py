"""Masking, as a table of stories and as properties that hold for all inputs."""

import json
from decimal import Decimal
from time import thread_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.lib.apikeys import make_key
from monitor.lib.masking import (
    DEFAULT_RULES,
    MASK,
    MaskingRules,
    contains_mask,
    is_masked,
    mask_body,
    mask_headers,
    mask_query_params,
    mask_text,
    mask_url,
)
from monitor.lib.masking.patterns import mask_names, mask_shapes

SECRET = "hunter2"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
FORM = "application/x-www-form-urlencoded"


# Headers


@pytest.mark.parametrize(
    "name",
    [
        "Authorization", "AUTHORIZATION", "authorization", "Proxy-Authorization", "Cookie", "Set-Cookie",
        "X-API-Key", "x_api_key", "X-Auth-Token", "X-CSRF-Token", "X-Amz-Security-Token",
        "X-Client-Secret", "Sec-Session-Id", "X-User-Password", "Apikey", "X-Private-Key",
    ],
)  # fmt: skip
def test_a_header_with_a_sensitive_name_is_masked(name):
    assert mask_headers({name: SECRET}) == {name: MASK}


def test_other_headers_stay_as_sent_and_in_order():
    headers = {"Host": "api.example.com", "X-Trace": "1; a=b", "Accept": "*/*", "ETag": 'W/"abc"'}

    assert list(mask_headers(headers).items()) == list(headers.items())


def test_each_value_of_a_repeated_header_is_masked():
    headers = {"Set-Cookie": ["a=1", "b=2"], "Via": ["one", "two"]}

    assert mask_headers(headers) == {"Set-Cookie": [MASK, MASK], "Via": ["one", "two"]}


def test_an_empty_header_stays_empty():
    assert mask_headers({"Authorization": ""}) == {"Authorization": ""}


@pytest.mark.parametrize("name", ["Location", "Referer", "Link", "X-Original-URL"])
def test_a_secret_in_the_url_of_another_header_is_masked(name):
    masked = mask_headers({name: f"https://shop.example/back?token={SECRET}&page=2"})[name]

    assert masked == f"https://shop.example/back?token={MASK}&page=2"


def test_extra_header_names_are_masked_too():
    rules = MaskingRules(extra_headers=("X-Tenant-Pin",))

    assert mask_headers({"x-tenant-pin": "1234", "X-Tenant": "a"}, rules=rules) == {
        "x-tenant-pin": MASK,
        "X-Tenant": "a",
    }


def test_an_extra_name_without_letters_is_refused():
    with pytest.raises(ValueError, match="needs a letter or digit"):
        MaskingRules(extra_keys=("--",))


# URLs


@pytest.mark.parametrize(
    ("story", "url", "masked"),
    [
        ("a plain parameter", "/a?token=x&b=1", f"/a?token={MASK}&b=1"),
        ("key in capitals", "/a?API_KEY=x", f"/a?API_KEY={MASK}"),
        ("key in camel case", "/a?apiKey=x", f"/a?apiKey={MASK}"),
        ("key as a part", "/a?user_password_2=x", f"/a?user_password_2={MASK}"),
        ("key in brackets", "/a?user[password]=x", f"/a?user[password]={MASK}"),
        ("brackets escaped", "/a?user%5Bpassword%5D=x", f"/a?user%5Bpassword%5D={MASK}"),
        ("letters escaped", "/a?%70assword=x", f"/a?%70assword={MASK}"),
        ("letters escaped twice", "/a?%2570assword=x", f"/a?%2570assword={MASK}"),
        ("repeated key", "/a?token=x&token=y", f"/a?token={MASK}&token={MASK}"),
        ("a value with signs of its own", "/a?token=x;y=z=w&b=1", f"/a?token={MASK}&b=1"),
        ("pairs split by semicolons", "/a?b=1;token=x", f"/a?b=1%3Btoken={MASK}"),
        ("an empty value", "/a?token=&b=1", "/a?token=&b=1"),
        ("a key alone", "/a?token", "/a?token"),
        ("user and password", "https://bob:pw@h/a", f"https://{MASK}@h/a"),
        ("a password with an @", "https://bob:p@w@h/a", f"https://{MASK}@h/a"),
        ("user alone", "https://ghp_abc@h/a", f"https://{MASK}@h/a"),
        ("no scheme", "//bob:pw@h/a", f"//{MASK}@h/a"),
        ("an @ in the path", "https://h/@bob", "https://h/@bob"),
        (
            "an implicit grant in the fragment",
            "/cb#access_token=x&state=1",
            f"/cb#access_token={MASK}&state=1",
        ),
        ("a client-side route in the fragment", "/#/login?token=x", f"/#/login?token={MASK}"),
        ("a plain fragment", "/a#token", "/a#token"),
        ("a Java session in the path", "/cart;jsessionid=x?b=1", f"/cart;jsessionid={MASK}?b=1"),
        ("a JWT under an innocent name", f"/a?t={JWT}", f"/a?t={MASK}"),
        ("a URL in a parameter", "/a?next=https%3A%2F%2Fh%3Ftoken%3Dx", f"/a?next=https://h?token={MASK}"),
        ("a URL in a URL in a parameter", "/a?n=%252Fb%253Ftoken%253Dx", f"/a?n=/b?token={MASK}"),
        ("JSON in a parameter", '/a?f={"token":"x"}', f'/a?f={{"token":"{MASK}"}}'),
    ],
    ids=lambda value: value if " " in str(value) else "",
)
def test_a_url_loses_its_secrets(story, url, masked):
    assert mask_url(url) == masked


@pytest.mark.parametrize(
    "url",
    [
        "",
        "?",
        "#",
        "/a?b=%C3%BC+%2B&c=%zz&&=&d",
        "https://h:8443/ü?q=a b#x=1",
        "/a?code=1&className=x",
        "not a url",
    ],
)
def test_a_url_without_secrets_stays_byte_for_byte(url):
    assert mask_url(url) == url


# Query parameters


def test_query_parameters_are_masked_at_any_depth_without_touching_the_original():
    params = {"page": "2", "user": {"Pass Word": "x", "tags": [{"ssn": 123}]}, "token": ["a", "b"], "n": 1.5}

    assert mask_query_params(params) == {
        "page": "2",
        "user": {"Pass Word": MASK, "tags": [{"ssn": MASK}]},
        "token": MASK,
        "n": 1.5,
    }
    assert params["token"] == ["a", "b"]


def test_nothing_in_a_parameter_stays_nothing_but_zero_and_false_are_masked():
    params = {"pwd": None, "token": "", "secret": [], "session": {}, "cvv": 0, "api_key": False}

    assert mask_query_params(params) == {**params, "cvv": MASK, "api_key": MASK}


def test_a_url_in_a_parameter_is_masked():
    assert mask_query_params({"next": "/a?token=x"}) == {"next": f"/a?token={MASK}"}


def test_parameters_too_deep_to_walk_are_masked_whole():
    params: dict = {"password": SECRET}
    for _ in range(5_000):
        params = {"a": params}

    assert SECRET not in repr_deep(mask_query_params(params))


def repr_deep(value):
    while isinstance(value, dict):
        value = next(iter(value.values()))
    return repr(value)


# Bodies: JSON


@pytest.mark.parametrize(
    ("story", "body", "masked"),
    [
        ("a plain key", '{"password":"x","a":1}', f'{{"password":"{MASK}","a":1}}'),
        ("a number", '{"cvv": 123}', f'{{"cvv": "{MASK}"}}'),
        ("a boolean", '{"token":true}', f'{{"token":"{MASK}"}}'),
        ("an object", '{"session":{"id":[1,"}"]},"a":1}', f'{{"session":"{MASK}","a":1}}'),
        ("an array", '{"tokens":["x","]"],"a":[1]}', f'{{"tokens":"{MASK}","a":[1]}}'),
        ("nested keys", '{"a":{"b":[{"apiKey":"x"}]}}', f'{{"a":{{"b":[{{"apiKey":"{MASK}"}}]}}}}'),
        (
            "an array on top",
            '[{"secret":"x"},{"secret":"y"}]',
            f'[{{"secret":"{MASK}"}},{{"secret":"{MASK}"}}]',
        ),
        ("key escaped", '{"\\u0070assword":"x"}', f'{{"\\u0070assword":"{MASK}"}}'),
        ("key with spaces", '{"Card Number":"4111"}', f'{{"Card Number":"{MASK}"}}'),
        ("key with dots", '{"api.key":"x"}', f'{{"api.key":"{MASK}"}}'),
        ("a quote in the value", '{"pwd":"a\\"b","c":1}', f'{{"pwd":"{MASK}","c":1}}'),
        ("repeated key, first one null", '{"pwd":null,"pwd":"x"}', f'{{"pwd":null,"pwd":"{MASK}"}}'),
        ("repeated key, last one null", '{"pwd":"x","pwd":null}', f'{{"pwd":"{MASK}","pwd":null}}'),
        ("JSON in a string", '{"m":"{\\"pwd\\":\\"x\\"}"}', f'{{"m":"{{\\"pwd\\":\\"{MASK}\\"}}"}}'),
        ("a form in a string", '{"m":"a=1&pwd=x"}', f'{{"m":"a=1&pwd={MASK}"}}'),
        ("a URL in a string", '{"m":"https://h/?token=x"}', f'{{"m":"https://h/?token={MASK}"}}'),
        ("a URL, slashes escaped", '{"m":"ftp:\\/\\/a:b@h"}', f'{{"m":"ftp:\\/\\/{MASK}@h"}}'),
        ("a header quoted in a string", '{"m":"Bearer abc123"}', f'{{"m":"Bearer {MASK}"}}'),
        ("an echoed cookie", '{"headers":{"Cookie":"a=1"}}', f'{{"headers":{{"Cookie":"{MASK}"}}}}'),
        ("a JWT under an innocent name", f'{{"jwt":"{JWT}"}}', f'{{"jwt":"{MASK}"}}'),
        ("spread over lines", '{\n  "pwd" :\n "x"\n}', f'{{\n  "pwd" :\n "{MASK}"\n}}'),
        ("JSON lines", '{"pwd":"x"}\n{"a":1}\n', f'{{"pwd":"{MASK}"}}\n{{"a":1}}\n'),
        ("JSON lines, the last one cut", '{"a":1}\n{"pwd":"x', f'{{"a":1}}\n{{"pwd":"{MASK}'),
    ],
    ids=lambda value: value if " " in str(value) else "",
)
@pytest.mark.parametrize("content_type", ["application/json", "text/plain", FORM, "image/png", None])
def test_json_loses_its_secrets_whatever_the_content_type_says(story, body, masked, content_type):
    assert mask_body(body, content_type) == masked


@pytest.mark.parametrize(
    "body",
    [
        '{"className":"a","businessName":"b","addressNumber":1,"classnames":[],"CLASSNAME":1,"process_name":"x"}',
        '{"password":null,"token":"","secret":[],"session":{}}',
        '{ "n": 1.10, "big": 123456789012345678901234567890, "far": 1E+400, "u": "\\u00e9ü", "u":1 }',
        '{"message":"The password is wrong."}',
        '{"hint":"\\u0070ick one"}',
        "[]",
        '"token"',
    ],
)
def test_json_without_secrets_stays_byte_for_byte(body):
    assert mask_body(body, "application/json") == body


@pytest.mark.parametrize(
    "key", ["ssn", "SSN", "user_ssn", "userSSN", "ssnLast4", "userSsnValue", "tax.ssn.no"]
)
def test_a_social_security_number_is_found_where_it_stands_apart(key):
    assert mask_body(json.dumps({key: "123-45-6789"})) == json.dumps({key: MASK})


def test_masked_json_keeps_numbers_order_and_letters():
    body = '{"b": 1.10, "a": 1E+400, "n": 123456789012345678901234567890, "ü": "\\u00e9", "pwd": "x"}'

    assert mask_body(body) == body.replace('"x"', f'"{MASK}"')


def test_json_too_deep_to_parse_is_masked_as_text():
    body = "[" * 10_000 + '{"password":"hunter2"}' + "]" * 10_000

    assert mask_body(body) == body.replace(SECRET, MASK)


def test_extra_keys_are_masked_too():
    rules = MaskingRules(extra_keys=("iban",))

    assert mask_body('{"customer_IBAN":"DE1"}', rules=rules) == f'{{"customer_IBAN":"{MASK}"}}'


# Bodies: everything else


@pytest.mark.parametrize(
    ("story", "body", "content_type", "masked"),
    [
        ("a form", "a=1&password=x&b=2", FORM, f"a=1&password={MASK}&b=2"),
        ("a form nobody announced", "a=1&password=x", None, f"a=1&password={MASK}"),
        ("a form announced as JSON", "a=1&password=x", "application/json", f"a=1&password={MASK}"),
        ("a form with spaces", "a=b c&password=x y z&b=2", FORM, f"a=b c&password={MASK}&b=2"),
        ("a form, key escaped", "user%5Bpass%77ord%5D=x", FORM, f"user%5Bpass%77ord%5D={MASK}"),
        ("JSON in a form", "p=%7B%22token%22%3A%22x%22%7D&a=1", FORM, f'p={{"token":"{MASK}"}}&a=1'),
        ("cut JSON", '{"a":1,"password":"hunt', None, f'{{"a":1,"password":"{MASK}'),
        ("cut JSON under a form's type", '{"password":"x","u":"a=b', FORM, f'{{"password":"{MASK}","u":"a=b'),
        ("JSON cut within a secret object", '{"token":{"a":"b', None, f'{{"token":"{MASK}"'),
        ("cut JSON, key escaped", '{"\\u0070assword":"hunt', None, f'{{"\\u0070assword":"{MASK}'),
        ("cut JSON, null stays", '{"pwd":null,"a":', None, '{"pwd":null,"a":'),
        ("cut JSON, a number", '{"cvv":123,"a":', None, f'{{"cvv":"{MASK}","a":'),
        ("cut JSON in JSON", '{"m":"{\\"pwd\\":\\"x\\",\\"a', None, f'{{"m":"{{\\"pwd\\":\\"{MASK}\\",\\"a'),
        ("a Python dict", "{'password': 'x', 'a': 1}", None, f"{{'password': '{MASK}', 'a': 1}}"),
        ("JSONP", 'cb({"token":"x","a":1});', None, f'cb({{"token":"{MASK}","a":1}});'),
        ("JSON with a comma too much", '{"pwd":"x",}', None, f'{{"pwd":"{MASK}",}}'),
        ("YAML", "user: bob\npassword: a long one\nrole: a", None, f"user: bob\npassword: {MASK}\nrole: a"),
        ("an .env file", "A=1\nDB_PASSWORD=my phrase\nB=2", None, f"A=1\nDB_PASSWORD={MASK}\nB=2"),
        ("XML", "<u><password>x</password><a>1</a></u>", None, f"<u><password>{MASK}</password><a>1</a></u>"),
        ("XML with a namespace", '<n:Token a="1">x</n:Token>', None, f'<n:Token a="1">{MASK}</n:Token>'),
        ("XML with children", "<session><a>x</a></session>", None, f"<session>{MASK}</session>"),
        ("XML in itself", "<token><token>x</token>y</token>", None, f"<token>{MASK}</token>"),
        ("XML with CDATA", "<pwd><![CDATA[x]]></pwd>", None, f"<pwd>{MASK}</pwd>"),
        ("cut XML", "<u><password>hunt", None, f"<u><password>{MASK}"),
        ("empty XML", "<u><pwd></pwd><token/><a>1</a></u>", None, "<u><pwd></pwd><token/><a>1</a></u>"),
        ("an attribute", '<u password="x y" a="1"/>', None, f'<u password="{MASK}" a="1"/>'),
        ("an HTML field", '<input name="token" value="x">', None, f'<input name="token" value="{MASK}">'),
        ("an HTML meta", "<meta content='x' name=x-token>", None, f'<meta content="{MASK}" name=x-token>'),
        ("prose with a tag", "unexpected <token> in line 3", None, "unexpected <token> in line 3"),
    ],
    ids=lambda value: value if " " in str(value) else "",
)  # fmt: skip
def test_a_body_of_any_form_loses_its_secrets(story, body, content_type, masked):
    assert mask_body(body, content_type) == masked


MULTIPART = (
    "--xyz\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nbob\r\n"
    "--xyz\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nhun\r\nter2\r\n"
    "--xyz\r\ncontent-disposition: form-data;\r\n filename=\"t.txt\"; name=secret\r\n\r\nhunter2\r\n"
    "--xyz\r\nContent-Disposition: form-data; name=\"meta\"\r\nContent-Type: application/json\r\n\r\n"
    "{\"token\":\"hunter2\",\"a\":1}\r\n--xyz--\r\n"
)  # fmt: skip


@pytest.mark.parametrize(
    "content_type", ["multipart/form-data; boundary=xyz", "multipart/form-data", None, FORM]
)
def test_multipart_parts_are_masked_by_their_names(content_type):
    masked = mask_body(MULTIPART, content_type)

    assert masked == (
        MULTIPART.replace("hun\r\nter2", MASK)
        .replace("\r\n\r\nhunter2", "\r\n\r\n" + MASK)
        .replace(SECRET, MASK)
    )


def test_multipart_with_bare_newlines_or_cut_short_is_masked():
    cut = MULTIPART.replace("\r\n", "\n").partition("ter2")[0]

    assert mask_body(cut, "multipart/form-data; boundary=xyz") == cut.replace("hun", MASK)


# Texts


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("login failed: password=hunter2 user=bob", f"login failed: password={MASK} user=bob"),
        ('KeyError: {"api_key": "x"}', f'KeyError: {{"api_key": "{MASK}"}}'),
        ("connect postgres://app:s3cr3t@db:5432/x failed", f"connect postgres://{MASK}@db:5432/x failed"),
        ("sent Authorization: Bearer abc.def", f"sent Authorization: {MASK}"),
        ("Bearer+abcdef", f"Bearer+{MASK}"),
        ("no client apt_6Jd2kSxQ0aZ9pLw3VbNm is known", f"no client {MASK} is known"),
        ("mpat_6Jd2kSxQ0aZ9pLw3VbNm", MASK),
        ("got 'Bearer abcdef' there", f"got 'Bearer {MASK}' there"),
        ("Bearer auth_live_1 and bearer key-12", f"Bearer {MASK} and bearer {MASK}"),
        ("curl -H 'Cookie: a=1; b=2' -d x", f"curl -H 'Cookie: {MASK}' -d x"),
        ("> Cookie: a=1; b=2\n> Accept: */*", f"> Cookie: {MASK}\n> Accept: */*"),
        ("Basic dXNlcjpwYXNz was refused", f"Basic {MASK} was refused"),
        (f"jwt {JWT}!", f"jwt {MASK}!"),
        ("GET /a?token=x&b=1 500", f"GET /a?token={MASK}&b=1 500"),
        ("connect(host='h', password='x y')", f"connect(host='h', password='{MASK}')"),
        ("Password:hunter2;Server=h", f"Password:{MASK}"),
    ],
)
def test_a_text_loses_its_secrets(text, masked):
    assert mask_text(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "The password is wrong.",
        "Bearer token is missing",
        "Bearer authentication required.",
        "Basic subscription needed",
        'Bearer realm="api", error="x"',
        "unexpected <token> at 3",
        "",
    ],
)
def test_a_text_that_only_speaks_of_secrets_stays(text):
    assert mask_text(text) == text


@pytest.mark.parametrize("mask", [mask_text, mask_url, mask_body])
@pytest.mark.parametrize("mode", ["live", "test"])
def test_our_own_keys_are_found_without_a_name(mask, mode):
    key = make_key(mode)

    assert mask(f"/a/{key}/b") == f"/a/{MASK}/b"


def test_the_shown_prefix_of_our_keys_stays_readable():
    assert mask_text("key mkey_test_A1b2C3d4 was revoked") == "key mkey_test_A1b2C3d4 was revoked"


# For replay


def test_masked_values_are_recognised():
    assert is_masked(MASK)
    assert not is_masked(f"x {MASK}")
    assert not is_masked(None)
    assert contains_mask(f"a=1&b={MASK}")
    assert contains_mask("a=%2a%2A%2AMASKED%2A%2A%2A")
    assert not contains_mask("*MASKED*")


# Properties

sensitive_keys = st.sampled_from(
    ["password", "passWord", "USER_PWD", "api-key", "apiKey", "clientSecret", "access_token",
    "Card Number", "ssn", "session_id", "cvv2", "Private Key", "authorization"]
)  # fmt: skip
innocent_keys = st.text(alphabet="abxyz \"\\\n:=&ü{}'", max_size=8)
leaves = (
    st.none() | st.booleans() | st.integers() | st.text(max_size=12) | st.decimals(allow_nan=False, places=3)
)
secrets_ = st.from_regex(r"S3CR[A-Za-z0-9]{8,20}T", fullmatch=True)


@st.composite
def json_with_a_secret(draw):
    secret = draw(secrets_)
    value = draw(st.sampled_from([secret, [secret], {"v": secret}, [[{"a": [1, secret]}]]]))
    document = {draw(sensitive_keys): value}
    for _ in range(draw(st.integers(0, 6))):
        if draw(st.booleans()):
            before, after = draw(st.lists(leaves, max_size=2)), draw(st.lists(leaves, max_size=2))
            document = [*before, document, *after]
        else:
            document = {
                draw(innocent_keys): draw(leaves),
                draw(innocent_keys) + "z": document,
                "z": draw(leaves),
            }
        if draw(st.integers(0, 9)) == 0:
            document = {"inner": json.dumps(document, default=str)}
    return secret, document


@given(json_with_a_secret(), st.booleans(), st.sampled_from([None, 2]))
def test_a_secret_under_a_sensitive_key_never_appears_in_the_output(case, ensure_ascii, indent):
    secret, document = case
    body = json.dumps(document, ensure_ascii=ensure_ascii, indent=indent, default=str)

    masked = mask_body(body)

    assert secret not in masked
    json.loads(masked)
    assert secret not in json.dumps(mask_query_params(document), default=str)


@given(json_with_a_secret(), st.integers(0, 40))
def test_a_secret_in_cut_json_never_appears_in_the_output(case, missing):
    secret, document = case
    body = json.dumps(document, default=str)

    assert secret not in mask_body(body[: len(body) - missing])


@given(st.dictionaries(innocent_keys | sensitive_keys, leaves | st.dictionaries(innocent_keys, leaves)))
def test_masked_json_differs_from_the_original_in_secrets_only(document):
    body = json.dumps(document, default=float)

    before = json.loads(body, parse_float=Decimal)
    after = json.loads(mask_body(body), parse_float=Decimal)

    assert list(after) == list(before)
    assert all(
        after[key] in (before[key], MASK) or MASK in json.dumps(after[key], default=str) for key in before
    )


texts = st.lists(
    st.sampled_from(
         ["password", "token", "=", ":", " ", "\n", '"', "'", "{", "}", "[", "]", "\\", "&", ";", "?", "#",
         "/", "<", ">", "</", "/>", "x", "1", ",", "@", "://", "%3D", "%70", "%", "+", "--", "Cookie",
         "Bearer ", "eyJabcdefg.abcdefg", "null", MASK, "mkey_aaaaaaaaaaaaaaa", "name=",
         'name="token" value="x"', "\r\n\r\n", "content-disposition"]
    ) | st.text(max_size=3),
    max_size=25,
).map("".join)  # fmt: skip


@given(texts, st.sampled_from([None, FORM, "multipart/form-data; boundary=x"]))
def test_masking_a_body_twice_equals_masking_it_once(text, content_type):
    once = mask_body(text, content_type)

    assert mask_body(once, content_type) == once


@given(texts)
def test_masking_a_text_or_a_url_twice_equals_masking_it_once(text):
    assert mask_text(mask_text(text)) == mask_text(text)
    assert mask_url(mask_url(text)) == mask_url(text)


signless = st.lists(
     st.sampled_from(
         ["password", "token", "Bearer", "bearer+", "Basic", "+", "%3D", "%253D", "%20", "\\u003d", "eyJ",
         "eyJabcdefg.abcdefg", "mkey_aaaaaaaaaaaaaaa", "mpat_aaaaaaaaaaaaaaa", "apt_aaaaaaaaaaaaaaa", "//",
         "@", ";", "=", "\u00a0", "\u2003", "\x85", "\x1c", "\uff1d", "\uff1a",
         "S3CRETS3CRET", "x", "/", "?", "\n"]
     ),
     max_size=6,
).map("".join)  # fmt: skip


@given(texts | signless)
def test_the_look_that_ends_most_texts_overlooks_nothing(text):
    assert mask_text(text) == mask_shapes(mask_names(text, DEFAULT_RULES))


@given((texts | signless).filter(lambda text: "#" not in text))
def test_the_look_that_ends_most_urls_overlooks_nothing(url):
    # A fragment, though an empty one, is reason enough to take the whole way.
    assert mask_url(f"{url}#") == f"{mask_url(url)}#"


def test_what_was_harmless_in_a_header_is_looked_through_again_as_a_query():
    rules = MaskingRules()
    query = f"next=%2Fback%3Ftoken%3D{SECRET}"

    assert mask_headers({"x-state": query}, rules=rules) == {"x-state": query}

    assert SECRET not in mask_url(f"/login?{query}", rules=rules)
    assert SECRET not in mask_headers({"location": f"/login?{query}"}, rules=rules)["location"]


MEBIBYTE = 2**20


@pytest.mark.parametrize(
     "part", ["a", '"', "'", "\\", '\\"', '\\"token', "password", "password=", "password: ", "token=\\",
     "token={", '"pwd":[', "a=", "token=a&", "<token", "<token>", '<token "', "<x name='token' ", "://",
     "://a@", ":", " ", "\t", "\n", "%70", "%25", "eyJ", "eyJaaaaa.", "Bearer ", "Basic ", "mkey_", "ssn",
     "Cookie", ";token=", "--x\n", '{"token":1}\n', "[", '{"a":', "`", "boundary=", 'name="', "?", "#"],
)  # fmt: skip
def test_no_input_of_a_mebibyte_takes_more_than_linear_time(part):
    text = part * (MEBIBYTE // len(part))
    started = thread_time()

    for hostile in (text, text + "password </ content-disposition", "token" + text):
        mask_body(hostile)
        mask_url(hostile)

    # Each takes well below a second; the bound only tells linear from square, which would take hours.
    assert thread_time() - started < 30
