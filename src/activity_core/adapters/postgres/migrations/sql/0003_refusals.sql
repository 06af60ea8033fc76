-- Refusals: what was turned away at the door, so that its sender can be told why.

create table refusals (
    tenant text not null,
    position bigint generated always as identity,
    refused_at timestamptz not null,
    via text not null,
    sender text not null,
    code text not null,
    message text not null,
    event_source text not null,
    event_id text not null,
    event_type text not null,
    dead_letter_id text not null,
    constraint refusals_pkey primary key (tenant, refused_at, position),
    constraint refusals_say_why check (via <> '' and code <> ''),
    constraint refusals_are_short check (
        greatest(
            char_length(via), char_length(sender), char_length(code), char_length(message),
            char_length(event_source), char_length(event_id), char_length(event_type),
            char_length(dead_letter_id)) <= 500)
);
create index refusals_by_event on refusals (tenant, event_id, refused_at);
create trigger refusals_never_change before update on refusals
    for each row execute function refuse_change();
comment on table refusals is 'Never with a body: what is not trusted is not kept. Housekeeping forgets old ones.';
comment on column refusals.event_id is 'With event_source and event_type as far as known; empty where trust failed.';
comment on constraint refusals_pkey on refusals is 'Serves the list (newest first) and its cursor.';
comment on constraint refusals_say_why on refusals is 'A refusal without a reason would help nobody.';
comment on constraint refusals_are_short on refusals is 'Strangers write here: MOST_CHARACTERS of ports.refusals.';
comment on trigger refusals_never_change on refusals is 'What was said stays said, until it is forgotten.';
