"""Collections as Postman exports them, against the shop of targets.py."""

from typing import Any

SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"


def collection(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"info": {"name": "Shop", "schema": SCHEMA}, "item": list(items), **more}


def request(name: str, url: str, *, test: str = "", before: str = "", **more: Any) -> dict[str, Any]:
    events = [
        {"listen": listen, "script": {"type": "text/javascript", "exec": text.strip("\n").split("\n")}}
        for listen, text in (("prerequest", before), ("test", test))
        if text
    ]
    item = {"name": name, "event": events, "request": {"method": "GET", "header": [], "url": url, **more}}
    return item


def raw_json(text: str) -> dict[str, Any]:
    return {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}


LOGIN_TEST = """
const json = pm.response.json();
pm.test("Status is 200", function () {
    pm.response.to.have.status(200);
});
pm.test("There is a token", () => {
    pm.expect(json).to.have.property("token");
    pm.expect(json.user.id).to.eql(7);
});
pm.test("The token is too short", () => pm.expect(json.token.length).to.be.below(3));
pm.environment.set("token", json.token);
pm.collectionVariables.set("user_id", json.user.id);
"""
ME_TEST = """
pm.test("Says who", function () {
    const me = pm.response.json();
    pm.expect(me.name).to.equal("ada");
    pm.expect(me.roles).to.be.an("array").that.includes("admin");
    pm.expect(me.roles).to.have.lengthOf(2);
    pm.expect(me).to.have.nested.property("said.X-Run", "42");
});
pm.test("Not a viewer", () => pm.expect(pm.response.json().roles).to.not.include("viewer"));
pm.test("Wrong name", () => pm.expect(pm.response.json().name).to.equal("bob"));
tests["legacy passes"] = responseCode.code === 200;
tests["legacy fails"] = responseBody.includes("nobody");
if (pm.response.code === 200) { pm.variables.set("page", 3); }
"""
ORDER_TEST = """
pm.test("Is JSON", () => pm.response.to.be.json);
pm.test("Status class", () => pm.response.to.be.success);
pm.test("Order of the loop", () => {
    const order = pm.response.json();
    pm.expect(order.order).to.eql(String(pm.collectionVariables.get("user_id")));
    pm.expect(order.lines.map((line) => line.price)).to.deep.equal([3, 4]);
    pm.expect(order.lines.reduce((sum, line) => sum + line.price, 0)).to.be.within(6, 8);
});
pm.test("Type", () => pm.expect("5").to.equal(5));
pm.test("Header", () => pm.response.to.have.header("Content-Type", "application/json"));
pm.execution.setNextRequest("Missing page");
"""
MISSING_TEST = """
pm.test("Is missing", () => pm.response.to.have.status(404));
pm.test("Is there", () => pm.response.to.have.status(200));
pm.test("Says so", () => { pm.expect(pm.response.text()).to.include("no such page"); });
"""


RUN_BEFORE = 'pm.request.headers.add({ key: "X-Run", value: "42" });\npm.variables.set("x", 1);'
QUICK_TEST = 'pm.test("Quick", () => pm.expect(pm.response.responseTime).to.be.below(5000));'
NEVER_TEST = 'pm.test("never", () => pm.expect(1).to.equal(2));'


def shop_collection() -> dict[str, Any]:
    """Login, chain, folders with a login and a script of their own, a jump, and tests that fail."""
    return collection(
        request(
            "Log in",
            "{{base}}/login",
            method="POST",
            body=raw_json('{"user": "{{user}}", "password": "{{password}}"}'),
            header=[{"key": "Content-Type", "value": "application/json"}],
            auth={"type": "noauth"},
            test=LOGIN_TEST,
        ),
        {
            "name": "Signed in",
            "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}"}]},
            "event": [
                {
                    "listen": "test",
                    "script": {"exec": QUICK_TEST},
                }
            ],
            "item": [
                request(
                    "Me",
                    "{{base}}/me",
                    before=RUN_BEFORE,
                    test=ME_TEST,
                ),
                request("Order", "{{base}}/orders/{{user_id}}?page={{page}}", test=ORDER_TEST),
                request("Jumped over", "{{base}}/never", test=NEVER_TEST),
                request("Missing page", "{{base}}/nothing", test=MISSING_TEST),
            ],
        },
        variable=[{"key": "user", "value": "ada"}, {"key": "page", "value": "1"}],
    )
