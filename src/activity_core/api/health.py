"""For whoever watches the process: is it alive, is it ready, how deep are its queues."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from activity_core.api.parts import ApiParts, Caution, Parts, Probe
from activity_core.api.problem import RETRY_AFTER, JsonResponse
from activity_core.api.route import StrictRoute
from activity_core.api.shapes.operations import Alive, Readiness
from activity_core.core.errors import ActivityCoreError, UnavailableError

router = APIRouter(tags=["health"], route_class=StrictRoute)

PROBE_TIMEOUT = 3.0
"""Seconds that a part may take to answer before it counts as away."""


@router.get("/healthz", response_model=Alive)
async def healthz() -> Response:
    """The process is alive."""
    return JsonResponse({"status": "alive"})


@router.get("/readyz", response_model=Readiness, responses={503: {"model": Readiness}})
async def readyz(parts: Parts) -> Response:
    """Everything that is needed answers; 503 names what does not. Warnings stop nothing."""
    verdicts, texts = await asyncio.gather(
        asyncio.gather(*map(_verdict, parts.readiness.values())),
        asyncio.gather(*map(_caution, parts.warnings.values())),
    )
    checks = dict(zip(parts.readiness, verdicts, strict=True))
    warnings = {name: text for name, text in zip(parts.warnings, texts, strict=True) if text}
    answer = {"checks": checks, "warnings": warnings}
    if all(verdict == "ok" for verdict in verdicts):
        return JsonResponse(answer | {"status": "ready"})
    return JsonResponse(
        answer | {"status": "unready"},
        status_code=503,
        headers={"Retry-After": RETRY_AFTER},
    )


@router.get(
    "/metrics",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(parts: Parts) -> Response:
    """Prometheus: what was counted in this process, and the depths of the shared queues."""
    queues = CollectorRegistry()
    queues.register(_Depths(await _depths(parts)))
    return Response(
        generate_latest() + generate_latest(queues), headers={"Content-Type": CONTENT_TYPE_LATEST}
    )


class _Depths(Collector):
    """Depths that were just read."""

    def __init__(self, depths: Mapping[str, int]) -> None:
        self._depths = depths

    def collect(self) -> Iterable[GaugeMetricFamily]:
        family = GaugeMetricFamily(
            "activity_core_queue_depth", "Rows that wait, by queue.", labels=["queue"]
        )
        for queue, depth in self._depths.items():
            family.add_metric([queue], depth)
        yield family


async def _depths(parts: ApiParts) -> dict[str, int]:
    """By queue; those that cannot be read now are left out, the counters are still worth a lot."""
    queues: Mapping[str, Callable[[], Awaitable[int]]] = {
        "inbox": parts.inbox.depth,
        "pending_runs": parts.run_queue.depth,
        "outbox": parts.outbox.depth,
        "dead_letters": parts.dead_letters.depth,
    }
    depths = {}
    for name, depth in queues.items():
        try:
            depths[name] = await depth()
        except UnavailableError:
            continue
    return depths


async def _verdict(probe: Probe) -> str:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            await probe()
    except TimeoutError:
        return f"no answer within {PROBE_TIMEOUT:g} s"
    except ActivityCoreError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - not ready, whatever it is; details stay inside
        return f"failed: {type(error).__name__}"
    return "ok"


async def _caution(caution: Caution) -> str | None:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT):
            return await caution()
    except Exception as error:  # noqa: BLE001 - not known is worth a warning, and no more
        return f"not known now: {type(error).__name__}"
