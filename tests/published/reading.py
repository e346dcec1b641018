"""What the product tells of a service, by its API."""

from collections import Counter

from tests.factories import a_client, a_key


def measured(service, **asked):
    reader = a_client(a_key(service, scopes=["read"])[1])
    return reader.get("/v1/metrics", {"environment": "dev", **asked}).json()


def counted(service):
    """Requests by method and status, as GET /v1/metrics tells them."""
    return Counter(
        {
            (method, int(status)): count
            for method in ("GET", "POST")
            for status, count in measured(service, method=method)["by_status"].items()
        }
    )


def by(service, what):
    return {each["name"]: each["total_requests"] for each in measured(service, group_by=what)["groups"]}
