"""One verdict per event, whatever was said about it on the way."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from activity_core.core.decision import Outcome
from activity_core.core.flow import verdict
from activity_core.core.flow.group import Group, Member, Settled
from activity_core.core.flow.verdict import Verdict

AT = datetime(2026, 1, 1, tzinfo=UTC)
FINAL = [outcome for outcome in Outcome if outcome is not Outcome.HELD]


def member(name: str, event: str | None = None) -> Member:
    return Member(f"e.{name}", (event or name).encode(), AT, AT, 1, f"e.{name}")


A, B, C = map(member, "abc")


def test_a_single_one_fires_without_words():
    assert verdict.fired("d", Group((A,))) == [Verdict("d", A, Outcome.FIRED, "", "e.a")]


def test_the_leader_fires_and_the_others_are_merged():
    group = Group((A, B, C), lead=1)
    said = verdict.fired("d", group)
    assert [each.outcome for each in said] == [Outcome.MERGED, Outcome.FIRED, Outcome.MERGED]
    assert {each.run_of for each in said} == {group.occurrence_key}
    assert [each.member for each in said] == [A, B, C]


def test_what_repeats_names_the_run_of_its_occurrence():
    assert verdict.repeated("d", Group((A,))) == [
        Verdict("d", A, Outcome.DEDUPLICATED, verdict.REPEATED, "e.a")
    ]


def test_all_members_settle_alike():
    item = Settled(Group((A, B)), Outcome.THROTTLED, "too many", "e.x")
    assert verdict.settled("d", item) == [
        Verdict("d", each, Outcome.THROTTLED, "too many", "e.x", together=2) for each in (A, B)
    ]


def test_an_event_that_is_there_twice_has_the_place_of_the_leader_or_the_last():
    again = member("r", "a")
    assert verdict.places(Group((A, B, again))) == [0, 1]
    assert verdict.places(Group((A, B, again), lead=1)) == [1, 2]
    assert verdict.places(Group((A, B, again), lead=2)) == [1, 2]


@given(
    st.lists(st.tuples(st.sampled_from("de"), st.sampled_from([A, B]), st.sampled_from(Outcome)))
)
def test_the_first_that_is_final_counts_else_the_last_that_held(said):
    verdicts = [
        Verdict(id_, each, outcome, reason=str(place))
        for place, (id_, each, outcome) in enumerate(said)
    ]
    chosen = {
        (each.definition_id, each.member.input_key): each for each in verdict.one_each(verdicts)
    }
    assert (
        len(chosen)
        == len(verdict.one_each(verdicts))
        == len({(id_, each.input_key) for id_, each, _ in said})
    )
    for (id_, key), found in chosen.items():
        about = [v for v in verdicts if (v.definition_id, v.member.input_key) == (id_, key)]
        final = [each for each in about if each.outcome in FINAL]
        assert found is (final[0] if final else about[-1])
