-- Candidate versions: in the registry's log, because what was asked of whom when must stay known.

alter table registry_log
    add rollout jsonb,
    drop constraint registry_log_change_is_known,
    add constraint registry_log_change_is_known check (
        change in ('published', 'paused', 'resumed', 'retired',
            'rollout_started', 'promoted', 'rollout_stopped')),
    add constraint registry_log_candidate_is_newer check (
        (rollout ->> 'version')::int > version),
    add constraint registry_log_rollout_is_said check (
        change not in ('rollout_started', 'rollout_stopped') or rollout is not null);
comment on column registry_log.rollout is 'The candidate beside the version in force, as core.rollout.Rollout; null: there is none.';
comment on constraint registry_log_change_is_known on registry_log is 'The words of ports.entrances.Change.';
comment on constraint registry_log_candidate_is_newer on registry_log is 'A candidate is no version that is or was in force.';
comment on constraint registry_log_rollout_is_said on registry_log is 'What starts or stops is named.';
