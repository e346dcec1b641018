"""The bodies that frameworks answer with, as they are documented, and what they say."""

import json

import pytest

from monitor.issues.findings import Finding, findings_of

FASTAPI = {
    "detail": [
        {
            "type": "missing",
            "loc": ["body", "items", 0, "price"],
            "msg": "Field required",
            "input": {"secret": "x"},
        },
        {"type": "greater_than", "loc": ["query", "page"], "msg": "Input should be greater than 0"},
    ]
}
DRF = {
    "email": ["Enter a valid email address."],
    "items": [{}, {"price": ["A valid number is required."]}],
    "non_field_errors": ["The fields a, b must make a unique set."],
    "password": "***MASKED***",
}
PROBLEM = {
    "type": "https://example.net/validation-error",
    "title": "Your request is not valid.",
    "errors": [
        {"detail": "must be a positive integer", "pointer": "#/age"},
        {"detail": "must be 'green', 'red' or 'blue'", "pointer": "#/profile/color"},
    ],
}
OLD_PROBLEM = {"title": "Bad", "invalid-params": [{"name": "age", "reason": "must be positive"}]}
RAILS = {"errors": {"name": ["can't be blank", "is too short (minimum is 3 characters)"]}}
RAILS_FLAT = {"errors": ["Name can't be blank"]}
LARAVEL = {
    "message": "The given data was invalid.",
    "errors": {"items.0.price": ["The items.0.price field is required."]},
}
JSON_API = {"errors": [{"source": {"pointer": "/data/attributes/title"}, "detail": "is required"}]}
ZOD = {"error": {"issues": [{"path": ["user", "age"], "message": "Expected number, received string"}]}}
SYMFONY = {"violations": [{"propertyPath": "items[2].price", "title": "This value should be positive."}]}
OURS = {"code": "validation_error", "errors": [{"field": "url", "pointer": "#/url", "message": "Required."}]}
MONGOOSE = {"errors": {"email": {"message": "Path `email` is required.", "path": "email"}}}


def found(status_code, document=None, error=None):
    body = document if isinstance(document, str) or document is None else json.dumps(document)
    return [
        (each.kind, each.field, each.message)
        for each in findings_of(status_code=status_code, error=error, body=body)
    ]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            FASTAPI,
            [
                ("body.items[].price", "Field required"),
                ("query.page", "Input should be greater than {n}"),
            ],
        ),
        (
            DRF,
            [
                ("email", "Enter a valid email address."),
                ("items[].price", "A valid number is required."),
                ("", "The fields a, b must make a unique set."),
                ("password", "***MASKED***"),
            ],
        ),
        (
            PROBLEM,
            [("age", "must be a positive integer"), ("profile.color", "must be {value}, {value} or {value}")],
        ),
        (OLD_PROBLEM, [("age", "must be positive")]),
        (RAILS, [("name", "can't be blank"), ("name", "is too short (minimum is {n} characters)")]),
        (RAILS_FLAT, [("", "Name can't be blank")]),
        (LARAVEL, [("items[].price", "The items.{n}.price field is required.")]),
        (JSON_API, [("data.attributes.title", "is required")]),
        (ZOD, [("user.age", "Expected number, received string")]),
        (SYMFONY, [("items[].price", "This value should be positive.")]),
        (OURS, [("url", "Required.")]),
        (MONGOOSE, [("email", "Path {value} is required.")]),
    ],
    ids=[
        *("fastapi", "drf", "problem", "old_problem", "rails", "rails_flat"),
        *("laravel", "json_api", "zod", "symfony", "ours", "mongoose"),
    ],
)
@pytest.mark.parametrize("status_code", [400, 422])
def test_fields_and_messages_are_read_from_the_shapes_that_frameworks_answer_with(
    body, expected, status_code
):
    assert found(status_code, body) == [("validation", field, message) for field, message in expected]


@pytest.mark.parametrize("body", [None, "", "no json", '{"a": 1}', '{"detail": "No."}', "[1]", "3", "{"])
def test_a_bad_request_that_names_no_field_is_no_issue(body):
    assert found(400, body) == []


@pytest.mark.parametrize(
    ("body", "message"),
    [(None, "422 Unprocessable Entity"), ('{"detail": "Order 3 is closed"}', "Order {n} is closed")],
)
def test_a_422_that_names_no_field_is_an_issue_of_the_whole_request(body, message):
    assert found(422, body) == [("validation", "", message)]


def test_the_same_error_of_many_items_is_found_once():
    body = {"detail": [{"loc": ["body", n, "price"], "msg": "Field required"} for n in range(9)]}

    assert found(422, body) == [("validation", "body[].price", "Field required")]


def test_a_body_with_endless_errors_or_depth_is_cut_short():
    many = {"errors": [{"field": f"f{letter}", "message": "no"} for letter in "abcdefghijklmnopqrstuvwxyz"]}
    deep = '{"errors":' + '{"a":' * 500 + "[]" + "}" * 501

    assert len(found(422, many)) == 20
    assert found(422, deep) == [("validation", "", "422 Unprocessable Entity")]


@pytest.mark.parametrize(
    ("status_code", "error", "body", "message"),
    [
        (500, "ValueError: order 7", None, "ValueError: order {n}"),
        (200, "stream broke", None, "stream broke"),
        (None, "timed out", None, "timed out"),
        (502, None, None, "502 Bad Gateway"),
        (599, None, None, "599"),
        (503, None, '{"message": "pool of 5 is empty"}', "pool of {n} is empty"),
        (500, None, '{"error": {"message": "no"}}', "no"),
    ],
)
def test_server_errors_are_told_by_their_text_else_their_body_else_their_status(
    status_code, error, body, message
):
    assert found(status_code, body, error) == [("server", "", message)]


def test_a_fingerprint_is_of_kind_field_and_message():
    one = Finding(kind="validation", field="a", message="b")

    assert one.fingerprint == Finding(kind="validation", field="a", message="b").fingerprint
    assert len({one.fingerprint, Finding(kind="validation", field="ab", message="").fingerprint}) == 2
    assert one.fingerprint != Finding(kind="server", field="a", message="b").fingerprint
