"""One list does not remove a project, and a removed project does not stay forever."""

from dataclasses import replace

from examples import examples
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from exporter.cloud.discovery.project_rows import ListedProject
from exporter.collection.discovery.known_projects import KnownProjects


VISION = ListedProject("eu-de_vision", "1")
SPEECH = ListedProject("eu-de_speech", "2")
OTHER = ListedProject("eu-nl_vision", "3")


def after(*lists):
    """Return what is known after these lists."""
    known = KnownProjects("eu-de")
    for listed in lists:
        known = known.after(listed)
    return known


def collectable(known):
    """Return the projects that can be collected."""
    return {
        each
        for each in known.projects or ()
        if each.name and each.is_enabled and each.is_in("eu-de")
    }


def test_the_first_list_is_trusted_even_if_it_is_empty():
    """The first list is trusted even if it is empty: the user may have no role."""
    assert after().projects is None
    assert after([]).projects == ()
    assert not after([]).doubted


def test_a_project_is_dropped_when_two_lists_lack_it():
    """One list is not enough; a list that has the project again starts over."""
    both, one = [VISION, SPEECH], [SPEECH]

    assert collectable(after(both, one)) == {VISION, SPEECH}
    assert collectable(after(both, one, one)) == {SPEECH}
    assert collectable(after(both, one, both, one)) == {VISION, SPEECH}


def test_a_disabled_or_nameless_project_is_missing():
    """The project is collected until a second list, and then shown as what it is."""
    for gone in (replace(VISION, is_enabled=False), replace(VISION, name="")):
        listed = [gone, SPEECH]

        assert collectable(after([VISION, SPEECH], listed)) == {VISION, SPEECH}
        assert after([VISION, SPEECH], listed, listed).projects == tuple(sorted(listed))


def test_a_new_name_counts_at_once():
    """A rename takes effect at once: the ID identifies the project."""
    renamed = replace(VISION, name="eu-de_sight")

    assert collectable(after([VISION], [renamed])) == {renamed}


def test_a_project_that_was_created_again():
    """A project that was created again replaces the old one of its name."""
    again = replace(VISION, project_id="9")

    assert collectable(after([VISION], [again])) == {again}


def test_three_lists_without_a_usable_project_are_not_trusted():
    """The fourth such list is trusted, and removes everything."""
    for nothing in ([], [OTHER], [replace(VISION, is_enabled=False)]):
        for number in (1, 2, 3):
            known = after([VISION], *[nothing] * number)
            assert collectable(known) == {VISION}
            assert known.doubted == number
        known = after([VISION], *[nothing] * 4)
        assert known.projects == tuple(nothing)
        assert not known.doubted


def test_doubt_ends_with_a_list_that_is_not_empty():
    """Lists that were not trusted do not count as missing the projects."""
    known = after([VISION, SPEECH], [], [], [SPEECH])

    assert not known.doubted
    assert collectable(known) == {VISION, SPEECH}


ROWS = st.lists(
    st.builds(
        ListedProject,
        st.sampled_from(["eu-de", "eu-de_a", "eu-de_b", "eu-nl_a", "MOS", ""]),
        st.sampled_from("1234"),
        st.sampled_from([True, True, False]),
    ),
    max_size=4,
    unique_by=lambda each: each.project_id,
)


def usable(listed):
    """Return the collectable projects of a list, by ID."""
    return {
        each.project_id: each
        for each in listed
        if each.name and each.is_enabled and each.is_in("eu-de")
    }


class KnownProjectsMachine(RuleBasedStateMachine):
    """
    Lists in any order, against a model that looks back at all of them.

    The model remembers the lists that were trusted; the last two decide.
    """

    def __init__(self):
        super().__init__()
        self.known = KnownProjects("eu-de")
        self.trusted = []
        self.unbelieved = 0

    @rule(listed=ROWS, times=st.integers(1, 5))
    def list_projects(self, listed, times):
        """A list arrives, perhaps more than once."""
        for _ in range(times):
            had_some = bool(self._expected())
            self.known = self.known.after(listed)
            if usable(listed) or not had_some:
                self.trusted.append(listed)
                self.unbelieved = 0
            elif self.unbelieved == 3:
                self.trusted = [listed]
                self.unbelieved = 0
            else:
                self.unbelieved += 1

    @precondition(lambda self: self.trusted)
    @rule()
    def list_the_same_again(self):
        """A list that repeats often enough is final."""
        listed = self.trusted[-1]
        self.list_projects(listed, 2)
        if usable(listed):
            assert self.known.projects == tuple(sorted(listed))
            assert not self.known.missing

    def _expected(self):
        if not self.trusted:
            return {}
        last, before = usable(self.trusted[-1]), {}
        if len(self.trusted) > 1:
            before = usable(self.trusted[-2])
        names = {each.name for each in last.values()}
        kept = {
            key: each
            for key, each in before.items()
            if key not in last and each.name not in names
        }
        return {**kept, **last}

    @invariant()
    def knows_what_the_model_knows(self):
        """The projects, the doubt and the first list agree with the model."""
        assert collectable(self.known) == set(self._expected().values())
        assert self.known.doubted == self.unbelieved
        assert (self.known.projects is None) is (not self.trusted)
        ids = [each.project_id for each in self.known.projects or ()]
        assert len(ids) == len(set(ids))


TestKnownProjects = KnownProjectsMachine.TestCase
TestKnownProjects.settings = settings(
    max_examples=examples(100), stateful_step_count=30, deadline=None
)
