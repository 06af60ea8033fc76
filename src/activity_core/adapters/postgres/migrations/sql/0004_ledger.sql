-- The ledger by days: decisions and routings are partitioned by a time that follows from their key,
-- so keys with that column are as unique as without it, and what is old goes with its partition.
-- No two indexes begin with what one lookup knows (not even the tenant): a plan is made while
-- tomorrow's partition is empty, when all of them look the same, and is still in use when it is full.

alter table decisions rename to decisions_before;
alter table routings rename to routings_before;

create table decisions (
    tenant text not null,
    input_key text not null,
    input_at timestamptz not null,
    definition_id text not null,
    version int not null,
    outcome text not null,
    reason text not null,
    occurrence_key text not null,
    run_id text,
    event_key bytea,
    decided_at timestamptz not null,
    trace json
) partition by range (input_at);
create table decisions_default partition of decisions default;
create table routings (
    tenant text not null,
    event_key bytea not null,
    received_at timestamptz not null,
    revision bigint not null,
    listened int not null,
    counts jsonb not null,
    routed_at timestamptz not null
) partition by range (received_at);
create table routings_default partition of routings default;

-- An event's decision is filed under when it came, a slot's under the slot, which its key ends in; a
-- request was decided about when it came.
create temporary table decided on commit drop as
select tenant, input_key, coalesce(event_received_at,
    case when input_key ~ '\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$' then right(input_key, 20)::timestamptz end,
    decided_at) as input_at, definition_id, version, outcome, reason, occurrence_key, run_id,
    event_key, decided_at
from decisions_before;
create temporary table routed on commit drop as
select tenant, event_key, coalesce(e.received_at, r.routed_at) as received_at, r.revision,
    r.listened, r.counts, r.routed_at
from routings_before r left join events e using (tenant, event_key);

-- Days that have rows, and those to come, before anything lies in a default partition.
do $$
declare
    parent text;
    day date;
begin
    for parent, day in
        select p, d from (
            select 'decisions', (input_at at time zone 'UTC')::date from decided
            union select 'routings', (received_at at time zone 'UTC')::date from routed
            union select p, (now() at time zone 'UTC')::date + ahead
            from unnest(array['decisions', 'routings']) p, generate_series(0, 7) ahead
        ) as days (p, d)
        where d > now() - interval '90 days'
    loop
        execute format('create table %I partition of %I for values from (%L) to (%L)',
            parent || to_char(day, '_YYYYMMDD'), parent,
            to_char(day, 'YYYY-MM-DD"T00:00:00Z"'), to_char(day + 1, 'YYYY-MM-DD"T00:00:00Z"'));
    end loop;
end $$;

insert into decisions select * from decided;
insert into routings select * from routed;
drop table decisions_before, routings_before;
drop function total;

alter table decisions
    add constraint decisions_pkey primary key (input_key, definition_id, tenant, input_at),
    add constraint decisions_outcome_is_known check (
        outcome in ('fired', 'deduplicated', 'merged', 'throttled', 'dropped', 'late', 'caught_up',
            'compressed', 'skipped', 'unauthorised', 'failed', 'held')),
    add constraint decisions_name_their_run check (
        outcome not in ('fired', 'deduplicated', 'merged', 'late', 'caught_up', 'compressed')
        or run_id is not null),
    add constraint decisions_name_their_event check (
        (input_key like 'e.%' or input_key like 'r.%') = (event_key is not null));
create index decisions_newest_first on decisions (decided_at, tenant);
create index decisions_by_definition on decisions (hashtextextended(definition_id, 0), decided_at);
create index decisions_by_run on decisions (run_id) where run_id is not null;
create index decisions_held on decisions (definition_id)
    where outcome = 'held' and event_key is null;
create index decisions_held_by_day on decisions (input_at) where outcome = 'held';
create index decisions_without_event on decisions (hashtextextended(definition_id, 0), input_at)
    where event_key is null;
comment on table decisions is 'What became of one input (event, slot, request) for one definition, and why. `filtered` is only counted. One partition a day. Written with the run, in one transaction: a foreign key cost more than the row.';
comment on table decisions_default is 'Slots of days that have no partition: backfills of long ago.';
comment on column decisions.input_at is 'A function of the input: when the event was received, the slot, when a request came. Whoever knows it asks one partition.';
comment on column decisions.trace is 'What explains the outcome beyond its reason, if anything does: see core.flow.trace.';
comment on constraint decisions_pkey on decisions is 'One decision per input and definition: input_at follows from the input.';
comment on constraint decisions_outcome_is_known on decisions is 'The words of core.decision.Outcome that leave a row.';
comment on constraint decisions_name_their_run on decisions is 'What led to a run, or joined one, names it.';
comment on constraint decisions_name_their_event on decisions is 'Events and replays of them, and only these, have an event key; with input_at it finds the body.';
comment on index decisions_held is 'Slots that wait for a run to end. Events that are held have flow_states.';
comment on index decisions_held_by_day is 'Whether a day may be forgotten.';
comment on index decisions_by_definition is 'A hash, so that no lookup by key takes it for the key.';
comment on index decisions_by_run is 'Ids of runs are derived from their tenant.';
comment on index decisions_without_event is 'The slots of a definition in order; a hash like the other.';

-- One expression, without a query inside: it takes the place of the call, in every row's check.
create function total(counts jsonb) returns int immutable parallel safe language sql
    return coalesce((counts ->> 'fired')::int, 0) + coalesce((counts ->> 'deduplicated')::int, 0)
        + coalesce((counts ->> 'merged')::int, 0) + coalesce((counts ->> 'throttled')::int, 0)
        + coalesce((counts ->> 'dropped')::int, 0) + coalesce((counts ->> 'skipped')::int, 0)
        + coalesce((counts ->> 'unauthorised')::int, 0) + coalesce((counts ->> 'failed')::int, 0)
        + coalesce((counts ->> 'filtered')::int, 0) + coalesce((counts ->> 'held')::int, 0);
comment on function total is 'How many outcomes of events an object counts, for the check of conservation; other words count for nothing.';

alter table routings
    add constraint routings_pkey primary key (tenant, event_key, received_at),
    add constraint routings_listened_is_a_count check (listened >= 0 and revision >= 0),
    add constraint routings_conserve check (total(counts) = listened);
comment on table routings is 'What became of an event in total, and by which revision of the registry. One partition a day.';
comment on table routings_default is 'Catches what falls on a day without a partition; empty when housekeeping runs.';
comment on constraint routings_pkey on routings is 'An event is routed once each time it is accepted.';
comment on constraint routings_listened_is_a_count on routings is 'Counts are not negative.';
comment on constraint routings_conserve on routings is 'Every definition that listened has exactly one outcome.';

drop index events_by_id;
create index events_by_id on events (hashtextextended(event_id, 0));
comment on index events_by_id is 'A hash: ids may be longer than an index entry.';
