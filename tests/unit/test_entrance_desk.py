"""Sources and event types in the registry: applied in sets, paused, resumed, retired."""

import json

import pytest
from tests.unit.test_registry_service import ONE, Scene

from activity_core.core.errors import ConflictError, InvalidDefinitionError, NotFoundError
from activity_core.services.entrances import EntranceDesk
from activity_core.services.registry import Registry

SHOP = """
kind: source
id: shop
webhook: {verify: {github: {secrets: ['env:A']}}, preset: github}
"""
ERP = """
kind: source
id: erp
api: {keys: [erp]}
"""
ORDER = """
kind: event_type
id: order
type: order.created
versions: [{type: object}]
"""


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.fixture
def desk(scene: Scene) -> EntranceDesk:
    return EntranceDesk(scene.system.registry_store, scene.system.clock)


async def changes(scene: Scene, *texts: str) -> dict[str, tuple[int, str]]:
    report = await scene.apply(*texts)
    applied = [*report.sources, *report.event_types]
    return {item.part_id: (item.version, item.change) for item in applied}


async def test_created_unchanged_updated_and_what_is_absent_stays(scene: Scene, desk: EntranceDesk):
    both = {"shop": (1, "created"), "erp": (1, "created"), "order": (1, "created")}
    assert await changes(scene, SHOP, ERP, ORDER) == both
    assert await changes(scene, SHOP) == {"shop": (1, "unchanged")}
    assert await changes(scene, SHOP + "title: Shop\n") == {"shop": (2, "updated")}
    assert await changes(scene, ORDER + "owner: shop\n") == {"order": (2, "updated")}
    shop, erp = (await desk.source("shop")), (await desk.source("erp"))
    assert (shop.version, shop.part.title, shop.actor, shop.status) == (2, "Shop", "ann", "active")
    assert (erp.version, erp.status) == (1, "active")
    assert [entry.part.id for entry in await desk.sources()] == ["erp", "shop"]
    assert [entry.part.id for entry in await desk.event_types()] == ["order"]
    assert (await desk.event_type("order")).part.owner == "shop"


async def test_what_changes_nothing_makes_no_revision(scene: Scene):
    first = await scene.apply(SHOP, ORDER)
    assert (await scene.apply(SHOP, ORDER)).revision == first.revision == 1


async def test_all_or_nothing_with_the_definitions(scene: Scene, desk: EntranceDesk):
    with pytest.raises(InvalidDefinitionError, match="evnt"):
        await scene.apply(
            SHOP, ORDER, ONE.replace("type: a.b", "type: a.b, filter: evnt.data == 1")
        )
    with pytest.raises(InvalidDefinitionError, match="hedders"):
        await scene.apply(ONE, SHOP.replace("preset: github", "map: {type: hedders.x}"))
    assert await scene.system.registry_store.revision() == 0
    assert await desk.sources() == []
    report = await scene.apply(ONE, SHOP)
    assert report.revision == 1
    assert [item.definition_id for item in report.definitions] == ["one"]


async def test_claims_are_held_against_what_is_in_force(scene: Scene, desk: EntranceDesk):
    rival = ERP.replace("id: erp", "id: rival")
    await scene.apply(ERP)
    await desk.pause("erp", "bob")
    with pytest.raises(InvalidDefinitionError) as error:
        await scene.apply(rival)
    [issue] = error.value.issues
    assert str(issue) == (
        "t.yaml:4:14: api.keys[0]: API key `erp` belongs to source `erp` already (in the registry)"
    )
    await desk.retire("erp", "bob")
    assert await changes(scene, rival) == {"rival": (1, "created")}
    with pytest.raises(InvalidDefinitionError, match="rival"):
        await scene.apply(ERP)
    moved = rival.replace("[erp]", "[other]")
    assert await changes(scene, moved, ERP) == {"rival": (2, "updated"), "erp": (1, "updated")}


async def test_unknown_keys_are_only_warned_of(scene: Scene):
    assert (await scene.apply(ERP)).warnings == []
    system = scene.system
    scene.registry = Registry(
        system.registry_store, system.doorbell, system.clock, config={}, api_keys={"erb"}
    )
    [warning] = (await scene.apply(ERP)).warnings
    assert "did you mean erb?" in warning.message


async def test_cycles_with_what_is_in_force_are_warned_of(scene: Scene):
    emits = ONE.replace("human: {title: T}", "emit: {type: c.d}")
    back = emits.replace("one", "two").replace("a.b", "c.*").replace("type: c.d", "type: a.b")
    assert (await scene.apply(emits)).warnings == []
    [warning] = (await scene.apply(back)).warnings
    assert "two → a.b → one → c.d → two" in warning.message
    await scene.registry.retire("one", "bob")
    assert (await scene.apply(back)).warnings == []


async def test_paused_until_resumed_even_when_applied(scene: Scene, desk: EntranceDesk):
    await scene.apply(SHOP)
    paused = await desk.pause("shop", "bob", "they send rubbish")
    assert (paused.status, paused.reason, paused.actor) == ("paused", "they send rubbish", "bob")
    assert await changes(scene, SHOP + "title: Shop\n") == {"shop": (2, "updated")}
    assert ((entry := await desk.source("shop")).status, entry.version) == ("paused", 2)
    resumed = await desk.resume("shop", "eve", "fixed")
    assert (resumed.status, resumed.reason, resumed.actor) == ("active", "fixed", "eve")


async def test_asking_twice_is_fine(scene: Scene, desk: EntranceDesk):
    await scene.apply(SHOP, ORDER)
    for ask in (desk.resume, desk.pause, desk.retire):
        first = await ask("shop", "bob", "once")
        assert await ask("shop", "eve", "twice") == first
    retired = await desk.retire_event_type("order", "bob", "once")
    assert await desk.retire_event_type("order", "eve", "twice") == retired


async def test_retired_until_applied_again(scene: Scene, desk: EntranceDesk):
    await scene.apply(SHOP, ORDER)
    await desk.pause("shop", "bob")
    retired = await desk.retire("shop", "bob", "gone")
    assert (retired.status, retired.paused, retired.reason) == ("retired", True, "gone")
    for ask in (desk.pause, desk.resume):
        with pytest.raises(ConflictError, match="retired"):
            await ask("shop", "bob")
    assert (await desk.retire_event_type("order", "bob", "gone")).status == "retired"
    assert await changes(scene, SHOP, ORDER) == {"shop": (1, "updated"), "order": (1, "updated")}
    assert (await desk.source("shop")).status == "paused"
    assert (await desk.event_type("order")).status == "active"


async def test_published_schemas_stay_even_of_a_retired_type(scene: Scene, desk: EntranceDesk):
    await scene.apply(ORDER)
    await desk.retire_event_type("order", "bob")
    with pytest.raises(InvalidDefinitionError, match="version 1 was published and must stay"):
        await scene.apply(ORDER.replace("[{type: object}]", "[{type: array}]"))
    with pytest.raises(InvalidDefinitionError, match="version 2 is not backward-compatible"):
        await scene.apply(ORDER.replace("[{type: object}]", "[{type: object}, {type: array}]"))
    longer = ORDER.replace("[{type: object}]", "[{type: object}, {}]")
    assert await changes(scene, longer) == {"order": (2, "updated")}
    again = ORDER.replace("id: order", "id: again")
    with pytest.raises(InvalidDefinitionError, match="belongs to event type `order` already"):
        await scene.apply(again)
    await desk.retire_event_type("order", "bob")
    assert await changes(scene, again) == {"again": (1, "created")}


async def test_what_was_never_applied(scene: Scene, desk: EntranceDesk):
    await scene.apply(ORDER)
    for ask in (desk.pause, desk.resume, desk.retire, desk.retire_event_type):
        with pytest.raises(NotFoundError, match="none"):
            await ask("none", "bob")
    with pytest.raises(NotFoundError):
        await desk.pause("order", "bob")  # event types are never paused
    with pytest.raises(NotFoundError):
        await desk.source("order")
    with pytest.raises(NotFoundError):
        await desk.event_type("shop")


async def test_the_api_reports_what_it_applied(scene: Scene):
    body = f"{SHOP}---{ORDER}"
    async with scene.system.client() as client:
        headers = {"content-type": "application/yaml"}
        answer = (await client.put("/v1/definitions", content=body, headers=headers)).json()
        assert answer["sources"] == [{"source_id": "shop", "version": 1, "change": "created"}]
        assert answer["event_types"] == [
            {"event_type_id": "order", "version": 1, "change": "created"}
        ]
        wrong = [{"kind": "source", "id": "a", "api": {"kyes": ["k"]}}]
        refused = await client.put("/v1/definitions", content=json.dumps(wrong), headers=headers)
        assert refused.status_code == 422
        assert "did you mean `keys`" in refused.json()["detail"]
        for name in ("event-source", "event-type"):
            schema = (await client.get(f"/v1/schemas/{name}")).json()
            assert schema["$id"] == f"urn:activity-core:schema:{name}:v1"
