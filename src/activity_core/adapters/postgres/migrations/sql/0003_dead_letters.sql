-- Dead letters: by which source they came, for which run, and grouped by cause.

alter table dead_letters
    add column source_id text not null default '',
    add column run_id text not null default '',
    add column sent_at timestamptz,
    add constraint dead_letters_of_the_starter_name_a_run check ((via = 'starter') = (run_id <> ''));
comment on column dead_letters.source_id is 'The event source that it came by; empty: by none.';
comment on column dead_letters.run_id is 'The run that could not be started; empty for all that is no run.';
comment on column dead_letters.sent_at is 'When its broker got it; null for all that no broker brought.';
comment on constraint dead_letters_of_the_starter_name_a_run on dead_letters is 'The starter buries runs, everybody else buries messages.';

drop index dead_letters_open;
create index dead_letters_open on dead_letters (tenant, dead_letter_id) where status = 'open';
create index dead_letters_open_by_cause
    on dead_letters (tenant, via, code, source_id, buried_at, dead_letter_id) where status = 'open';
comment on index dead_letters_open is 'How many there are, and one after the other.';
comment on index dead_letters_open_by_cause is 'Groups, their ages and the newest of each.';
