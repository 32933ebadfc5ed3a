"""The OpenAPI 3.1 document says what the API does: every route, every schema, who may, and what a refusal looks like."""
import re
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests import factories as make
from tests.api.program import BOUNTY, LEAD

pytestmark = pytest.mark.once

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture
def document(anonymous) -> dict[str, Any]:
    answer = anonymous.get("/api/v1/openapi.json")
    assert answer.status_code == 200 and answer.mimetype == "application/json"
    return answer.json


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    found = [(path, method, operation) for path, item in document["paths"].items()
             for method, operation in item.items() if method in METHODS]
    assert len(found) > 20
    return found


def everything(part: Any, at: str = "#"):
    """Each object of the document and where it stands."""
    if isinstance(part, dict):
        yield at, part
        for name, inner in part.items():
            yield from everything(inner, f"{at}/{name}")
    elif isinstance(part, list):
        for number, inner in enumerate(part):
            yield from everything(inner, f"{at}/{number}")


def find(document: dict[str, Any], reference: str) -> Any:
    assert reference.startswith("#/")
    part: Any = document
    for name in reference[2:].split("/"):
        part = part[name]
    return part


def schema_for(document: dict[str, Any], path: str, method: str, status: str) -> Draft202012Validator:
    response = document["paths"][path][method]["responses"][status]
    response = find(document, response["$ref"]) if "$ref" in response else response
    (content,) = response["content"].values()
    registry = Registry().with_resource("urn:openapi", Resource.from_contents(document, default_specification=DRAFT202012))
    return Draft202012Validator({"$ref": "urn:openapi" + content["schema"]["$ref"]}, registry=registry)


def test_it_is_openapi_3_1_with_the_words_of_the_product(document):
    assert re.fullmatch(r"3\.1\.\d", document["openapi"])
    assert set(document) <= {"openapi", "info", "tags", "paths", "components", "security"}
    assert document["info"]["title"] == "Fingerpost" and document["info"]["version"] == "v1"
    assert "Idempotency-Key" in document["info"]["description"] and "Retry-After" in document["info"]["description"]


def test_every_route_is_in_it_and_nothing_else(app, document):
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower()) for rule in app.url_map.iter_rules()
        if rule.rule.startswith("/api/v1/") and rule.endpoint != "api-docs.openapi_json"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}}
    assert {(path, method) for path, method, _ in operations(document)} == served


def test_every_reference_leads_somewhere(document):
    references = [part["$ref"] for _, part in everything(document) if isinstance(part.get("$ref"), str)]
    assert len(references) > 20
    for reference in references:
        assert isinstance(find(document, reference), dict), reference


def test_every_schema_is_one(document):
    schemas = [(at, part["schema"]) for at, part in everything(document) if isinstance(part.get("schema"), dict)]
    schemas += [(name, schema) for name, schema in document["components"]["schemas"].items()]
    assert len(schemas) > 30
    for _, schema in schemas:
        Draft202012Validator.check_schema(schema)
    for name, schema in document["components"]["schemas"].items():
        assert schema["type"] == "object" and schema["properties"], name


def test_each_operation_is_described_with_its_parameters_and_answers(document):
    for path, method, operation in operations(document):
        at = f"{method} {path}"
        assert operation["summary"].strip().endswith((".", "?")), at
        assert "default" in operation["responses"] and {"200", "201", "204"} & set(operation["responses"]), at
        parameters = operation.get("parameters", []) + document["paths"][path].get("parameters", [])
        assert {p["name"] for p in parameters if p["in"] == "path"} == set(re.findall(r"{(\w+)}", path)), at
        assert all(p["required"] for p in parameters if p["in"] == "path"), at
        keys = [p for p in parameters if p["name"] == "Idempotency-Key"]
        assert len(keys) == (method == "post"), at
        tags = [p for p in parameters if p["name"] == "If-None-Match"]
        assert len(tags) == ("304" in operation["responses"]) == (method == "get"), at
        assert all("schema" in p for p in parameters), at


def test_each_operation_has_a_name_of_its_own(document):
    """Generated clients call it so."""
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names) and all(re.fullmatch("[a-z_]+", name) for name in names)


def test_a_key_is_asked_for_everywhere(document):
    (name, scheme), = document["components"]["securitySchemes"].items()
    assert scheme == {"type": "http", "scheme": "bearer"} and document["security"] == [{name: []}]
    assert not [path for path, _, operation in operations(document) if "security" in operation]


def test_a_refusal_is_a_problem_in_the_document_too(document):
    for _, _, operation in operations(document):
        refusal = find(document, operation["responses"]["default"]["$ref"])
        assert list(refusal["content"]) == ["application/problem+json"]
        assert refusal["content"]["application/problem+json"]["schema"] == {"$ref": "#/components/schemas/Problem"}


def test_what_must_be_sent_is_what_is_refused_without(document, ana, program, westside):
    theirs = program(make.owner_of(westside))
    for schema, path, body in (("BountyInput", f"/businesses/{westside.id}/bounties", BOUNTY), ("ApiLeadInput", "/leads", LEAD)):
        required = set(document["components"]["schemas"][schema]["required"])
        refused = theirs.post(path, {})
        assert {name for name, said in refused.json["errors"].items() if "Missing data for required field." in said} == required
        assert set(document["components"]["schemas"][schema]["properties"]) >= set(body)


def test_the_answers_are_as_the_document_says(document, ana, mona, program, westside, work, later):
    theirs, hers, moderators = program(make.owner_of(westside)), program(ana), program(mona)

    def hold(answer: Any, path: str, method: str = "get", status: str = "200") -> Any:
        faults = [f"{list(fault.path)}: {fault.message}" for fault in schema_for(document, f"/api/v1{path}", method, status).iter_errors(answer)]
        assert faults == [], path
        return answer
    draft = hold(theirs.must(f"/businesses/{westside.id}/bounties", BOUNTY), "/businesses/{business_id}/bounties", "post", "201")
    bounty = make.make_bounty(westside, is_live=True)
    hold(theirs.get(f"/bounties/{draft['id']}").json, "/bounties/{bounty_id}")
    hold(hers.get("/bounties").json, "/bounties")
    hold(hers.get(f"/bounties/{bounty.id}/reward-preview", sale="100").json, "/bounties/{bounty_id}/reward-preview")
    lead = hold(hers.must("/leads", {**LEAD, "bounty_id": bounty.id}), "/leads", "post", "201")
    work()
    hold(moderators.must(f"/leads/{lead['id']}/acceptance", {}), "/leads/{lead_id}/acceptance", "post", "201")
    later(minutes=6)
    work()
    hold(theirs.get("/leads").json, "/leads")  # Evidence is null here.
    from marketplace.foundation.db import db  # noqa: PLC0415
    from marketplace.referrals.models import Lead  # noqa: PLC0415

    make.consent(db.session.get_one(Lead, lead["id"]))
    hold(theirs.must(f"/leads/{lead['id']}/contact-disclosures"), "/leads/{lead_id}/contact-disclosures", "post", "201")
    sale = {"amount": "30000.00", "currency": "usd", "occurred_on": "2026-11-02"}
    hold(theirs.must(f"/leads/{lead['id']}/sale", sale), "/leads/{lead_id}/sale", "post", "201")
    hold(hers.get("/rewards").json, "/rewards")
    hold(hers.get("/leads/x").json, "/leads/{lead_id}", "get", "default")


def test_the_page_and_its_parts_are_served_by_us(anonymous):
    page = anonymous.page("/api/docs/")
    parts = page.xpath("//script/@src | //link/@href")
    assert len(parts) >= 4 and all(part.startswith("/") for part in parts)
    for part in parts:
        answer = anonymous.get(part)
        assert answer.status_code == 200, part
        answer.close()
    assert page.xpath("//main/@data-document") == ["/api/v1/openapi.json"]
    assert page.xpath("//a[@href='/api/docs/errors']")
