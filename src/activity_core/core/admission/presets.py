"""Presets: the maps of senders that many teams have, over the bodies that their pages document.

Read by `services.message_reader`, for sources that say `preset:` and have no `map:` of their own.
"""

from collections.abc import Mapping

from activity_core.core.definition.event_source import EventMap, MappedWay, Preset, WebhookWay

GITHUB = EventMap(
    # No id of theirs: `X-GitHub-Delivery` is not signed, so it would let a replay pass as new.
    type='"github." + headers["x-github-event"] + (has(body.action) ? "." + body.action : "")',
    subject="has(body.repository) ? body.repository.full_name"
    " : has(body.organization) ? body.organization.login : null",
)
"""`github.push`, `github.issues.opened`; the subject is `owner/name`. Data: the whole body."""

STRIPE = EventMap(
    id="body.id",
    type='"stripe." + body.type',
    subject="has(body.data.object.id) ? body.data.object.id : null",
    time="body.created",
)
"""`stripe.payment_intent.succeeded`; the subject is the object's id. Data: the whole event."""

SLACK = EventMap(
    id="has(body.event_id) ? body.event_id : null",
    type='"slack." + (has(body.event) ? body.event.type : body.type)',
    subject="has(body.team_id) ? body.team_id : null",
    time="has(body.event_time) ? body.event_time : null",
    # Not the whole body: its `token` is a credential, if an old one.
    data='has(body.event) ? {"team_id": body.team_id, "api_app_id": body.api_app_id,'
    ' "event": body.event} : {"type": body.type}',
)
"""The Events API: `slack.app_mention`, `slack.url_verification`; the subject is the workspace."""

ALERTMANAGER = EventMap(
    each="body.alerts",
    id='item.fingerprint + "/" + item.startsAt + "/" + item.status',
    type='"alertmanager." + item.status',
    subject="has(item.labels.alertname) ? item.labels.alertname : null",
    time='item.status == "resolved" ? item.endsAt : item.startsAt',
    # An alert is sent again and again while it fires, with annotations that hold the value of
    # the moment, and by the other half of a pair under another address. Only what cannot change
    # makes the repetition the same event.
    data='{"status": item.status, "labels": item.labels, "startsAt": item.startsAt,'
    ' "fingerprint": item.fingerprint}',
)
"""Each alert: `alertmanager.firing`, `alertmanager.resolved`; the subject is the alert's name."""

PRESETS: Mapping[Preset, EventMap] = {
    "github": GITHUB,
    "stripe": STRIPE,
    "slack": SLACK,
    "alertmanager": ALERTMANAGER,
}


def event_map_of(way: MappedWay) -> EventMap | None:
    """How a source's messages become events; None: they are events.

    A map of its own wins over a preset.
    """
    if way.map is not None:
        return way.map
    return PRESETS[way.preset] if isinstance(way, WebhookWay) and way.preset else None
