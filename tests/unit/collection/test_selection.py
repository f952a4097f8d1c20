"""Which of the listed projects are collected, and why the others are not."""

from collections import Counter
from dataclasses import replace

import pytest

from harness import password_auth
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.cloud.discovery.project_rows import ListedProject
from exporter.cloud.discovery.workspaces import Workspace
from exporter.collection.discovery import selection as selecting
from exporter.collection.discovery.selection import Fate, unmatched_patterns
from exporter.config import (
    Cloud,
    Configuration,
    Discovery,
    NamedProject,
    Project,
    ProjectSettings,
    Shard,
    for_shard,
    shard_key,
)


def cloud(name="otc", region="eu-de", **discovery):
    """Return a cloud that discovers its projects, with these settings."""
    return Cloud(
        name=name,
        region=region,
        iam_url="https://iam",
        modelarts_url="https://modelarts",
        auth=password_auth(),
        discovery=Discovery(**discovery),
    )


OTC = cloud()
VISION = ListedProject("eu-de_vision", "1")
SPEECH = ListedProject("eu-de_speech", "2")


def named_project(name="vision", cloud=OTC, project_name="eu-de_vision", **settings):
    """Return a configured project that is known only by its name in the cloud."""
    return NamedProject(
        project_name=project_name,
        name=name,
        cloud=cloud,
        settings=ProjectSettings(**settings),
    )


def configuration(*clouds, projects=(), named=()):
    """Return a configuration of these clouds and projects."""
    return Configuration(clouds=clouds, projects=projects, named_projects=named)


def select(configured, lists, workspaces=None):
    """Select projects, by default without workspaces."""
    return selecting.select(configured, lists, workspaces or {})


def fates(selection, name="otc"):
    """Return the fate of each project, by ID."""
    return {
        decision.listed.project_id: decision.fate
        for decision in selection.decisions[name]
    }


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        (VISION, Fate.COLLECTED),
        (ListedProject("eu-de", "1"), Fate.COLLECTED),
        (ListedProject("MOS", "1"), Fate.OTHER_REGION),
        (ListedProject("eu-de1_x", "1"), Fate.OTHER_REGION),
        (ListedProject("eu-nl_x", "1", is_enabled=False), Fate.OTHER_REGION),
        (ListedProject("", "1"), Fate.NAMELESS),
        (ListedProject("eu-de_x", "1", is_enabled=False), Fate.DISABLED),
        (ListedProject("eu-de_x_sandbox", "1"), Fate.EXCLUDED),
        (ListedProject("eu-de_X_sandbox", "1"), Fate.EXCLUDED),
        (ListedProject("eu-de_x_SANDBOX", "1"), Fate.COLLECTED),
        (ListedProject("eu-de_sandbox2", "1"), Fate.COLLECTED),
    ],
)
def test_the_fate_of_one_project(listed, expected):
    """The region is checked first, then patterns of whole names."""
    found = select(configuration(cloud(exclude=("*_sandbox",))), {"otc": [listed]})

    assert fates(found) == {"1": expected}
    assert bool(found.projects) is (expected is Fate.COLLECTED)
    assert found.counts("otc") == {fate: int(fate is expected) for fate in Fate}


def test_only_what_is_included():
    """A project that no pattern matches is left out."""
    discovering = cloud(include=("eu-de_v*", "eu-de_x?"))
    found = select(configuration(discovering), {"otc": [VISION, SPEECH]})

    assert fates(found) == {"1": Fate.COLLECTED, "2": Fate.EXCLUDED}
    assert unmatched_patterns(discovering, [VISION, SPEECH]) == ("eu-de_x?",)


def test_a_discovered_project_has_the_prefix_and_the_defaults():
    """Patterns match the name without the prefix."""
    defaults = ProjectSettings(workspace_id="7", labels=(("team", "unknown"),))
    discovering = cloud(include=("eu-de_v*",), name_prefix="x-", defaults=defaults)
    (found,) = select(configuration(discovering), {"otc": [VISION]}).projects

    assert found == Project(
        name="x-eu-de_vision",
        cloud=discovering,
        project_id="1",
        workspace_id="7",
        labels=(("team", "unknown"),),
        is_discovered=True,
    )


def test_a_configured_project_is_not_collected_twice():
    """The ID identifies it; another project of its name is left out."""
    mine = Project(name="mine", cloud=OTC, project_id="1")
    other = Project(name="eu-de_speech", cloud=OTC, project_id="9")
    found = select(
        configuration(OTC, projects=(mine, other)), {"otc": [VISION, SPEECH]}
    )

    assert fates(found) == {"1": Fate.CONFIGURED, "2": Fate.CONFLICT}
    assert found.projects == (mine, other)


def test_a_nameless_project_that_is_configured():
    """A configured project needs no name in the list."""
    mine = Project(name="mine", cloud=OTC, project_id="1")
    found = select(
        configuration(OTC, projects=(mine,)), {"otc": [replace(VISION, name="")]}
    )

    assert fates(found) == {"1": Fate.CONFIGURED}


def test_two_clouds_of_one_account():
    """Each takes its own region; in the same region, the first one takes a project."""
    everything = [VISION, SPEECH, ListedProject("eu-nl_vision", "3")]
    first, second, third = cloud("a"), cloud("b", "eu-nl"), cloud("c")
    found = select(
        configuration(first, second, third), dict.fromkeys("abc", everything)
    )

    assert [(each.cloud.name, each.project_id) for each in found.projects] == [
        ("a", "2"),
        ("a", "1"),
        ("b", "3"),
    ]
    assert fates(found, "b") == {
        "1": Fate.CONFIGURED,
        "2": Fate.CONFIGURED,
        "3": Fate.COLLECTED,
    }
    assert set(fates(found, "c").values()) == {Fate.CONFIGURED}


def test_the_limit_takes_the_first_by_name():
    """Projects that are left out for other reasons do not count towards the limit."""
    listed = [
        ListedProject(f"eu-de_{letter}", str(number))
        for number, letter in enumerate("dbac")
    ]
    found = select(
        configuration(cloud(max_projects=2, exclude=("*_a",))), {"otc": listed}
    )

    assert [project.name for project in found.projects] == ["eu-de_b", "eu-de_c"]
    assert fates(found)["0"] is Fate.OVER_LIMIT


def test_a_project_name_is_looked_up():
    """A project is found by name in its cloud's list, even without discovery."""
    plain = replace(OTC, discovery=None)
    named = named_project(cloud=plain, workspace_id="7")
    found = select(configuration(plain, named=(named,)), {"otc": [SPEECH, VISION]})

    assert found.missing == ()
    assert found.projects == (
        Project(name="vision", cloud=plain, project_id="1", workspace_id="7"),
    )


def test_a_named_project_is_not_discovered_again():
    """Once its ID is known, a named project is not discovered as well."""
    named = named_project()
    found = select(configuration(OTC, named=(named,)), {"otc": [VISION]})

    assert [project.name for project in found.projects] == ["vision"]
    assert fates(found) == {"1": Fate.CONFIGURED}


def test_a_named_project_that_is_configured_by_its_id():
    """A project given by both name and ID is a duplicate; another workspace is not."""
    mine = Project(name="mine", cloud=OTC, project_id="1")
    named = [
        named_project(f"vision-{workspace_id}", workspace_id=workspace_id)
        for workspace_id in ("0", "7")
    ]
    found = select(
        configuration(OTC, projects=(mine,), named=tuple(named)), {"otc": [VISION]}
    )

    assert [project.name for project in found.projects] == ["mine", "vision-7"]
    (missing,) = found.missing
    assert missing.project is named[0]
    assert "mine" in missing.failure.problem


@pytest.mark.parametrize(
    ("lists", "problem", "near"),
    [
        ({}, "not known yet", ()),
        (
            {"otc": [SPEECH, replace(VISION, name="eu-de_visions")]},
            "no such project",
            1,
        ),
        ({"otc": [replace(VISION, is_enabled=False)]}, "no such project", 0),
    ],
)
def test_a_project_name_that_is_not_listed(lists, problem, near):
    """The failure says so, and has the most similar names."""
    named = named_project()
    (missing,) = select(configuration(OTC, named=(named,)), lists).missing

    assert missing.project is named
    assert problem in missing.failure.problem
    assert missing.near_names[:1] == (("eu-de_visions",) if near else ())


def test_what_is_not_listed_yet_has_no_decisions():
    """No list is not an empty list."""
    found = select(configuration(OTC), {})

    assert (found.projects, found.decisions) == ((), {})


NAMES = st.sampled_from(["", "MOS", "eu-de", "eu-de_a", "eu-de_b", "eu-nl_a", "eu-de1"])
ROWS = st.lists(
    st.builds(ListedProject, NAMES, st.sampled_from("123456"), st.booleans()),
    max_size=6,
    unique_by=lambda each: each.project_id,
)
DISCOVERIES = st.none() | st.builds(
    Discovery,
    include=st.sampled_from([("*",), ("*_a",), ()]),
    exclude=st.sampled_from([(), ("*_b",)]),
    max_projects=st.integers(1, 3),
    name_prefix=st.sampled_from(["", "x-"]),
)
CLOUDS = st.tuples(
    *(
        st.builds(
            lambda discovery, region, name=name: replace(
                OTC, name=name, region=region, discovery=discovery
            ),
            DISCOVERIES,
            st.sampled_from(["eu-de", "eu-nl"]),
        )
        for name in "ab"
    )
)


@given(
    data=st.data(), clouds=CLOUDS, lists=st.dictionaries(st.sampled_from("ab"), ROWS)
)
@pytest.mark.slow
def test_every_row_has_one_fate_and_no_project_is_collected_twice(data, clouds, lists):
    """Any configuration and any lists, in any order of their rows."""
    ids = data.draw(st.lists(st.sampled_from("123"), unique=True, max_size=2))
    projects = tuple(
        Project(name=f"eu-de_{letter}", cloud=clouds[0], project_id=project_id)
        for letter, project_id in zip("ax", ids, strict=False)
    )
    named = data.draw(st.sampled_from([(), ("eu-de_b",), ("eu-nl_a",)]))
    configured = configuration(
        *clouds,
        projects=projects,
        named=tuple(named_project(name, clouds[1], name) for name in named),
    )
    found = select(configured, lists)
    shuffled = {
        name: data.draw(st.permutations(lists[name])) for name in reversed(lists)
    }

    assert select(configured, shuffled) == found
    assert found.projects[: len(projects)] == projects
    discovered = [each for each in found.projects if each.is_discovered]
    for project in discovered:
        same_id = [
            each for each in found.projects if each.project_id == project.project_id
        ]
        same_name = [each for each in found.projects if each.name == project.name]
        assert same_id == same_name == [project]
    for each in clouds:
        decided = found.decisions.get(each.name)
        assert (decided is not None) is (
            each.name in lists and each.discovery is not None
        )
        if decided is not None and each.discovery is not None:
            listed = [decision.listed for decision in decided]
            assert Counter(listed) == Counter(lists[each.name])
            own = [project for project in discovered if project.cloud == each]
            assert len(own) == found.counts(each.name)[Fate.COLLECTED]
            assert len(own) <= each.discovery.max_projects
    resolved = len(found.projects) - len(projects) - len(discovered)
    assert resolved + len(found.missing) == len(named)


IDS = st.sampled_from([f"{number}" for number in range(12)])
LISTS = st.lists(
    st.builds(
        ListedProject,
        st.sampled_from(["eu-de", *(f"eu-de_{letter}" for letter in "abcdefgh")]),
        IDS,
    ),
    unique_by=lambda each: each.project_id,
)


@given(
    LISTS,
    LISTS,
    st.sets(IDS, max_size=4),
    st.sets(st.sampled_from("abcxyz"), max_size=4),
    st.sets(IDS, max_size=3),
    st.integers(1, 5),
    st.integers(1, 8),
)
def test_shards_select_each_project_once(
    first, second, configured, named, divided, limit, number
):
    """Together, the shards collect what one process would."""
    clouds = (cloud("one", max_projects=limit), cloud("two", name_prefix="x-"))
    whole = Configuration(
        clouds=clouds,
        projects=tuple(
            Project(name=f"c{one}", cloud=clouds[0], project_id=one)
            for one in configured - divided
        ),
        divided_projects=tuple(
            Project(name=f"d{one}", cloud=clouds[0], project_id=one, workspace_id="all")
            for one in divided
        ),
        named_projects=tuple(
            named_project(f"n{one}", clouds[0], f"eu-de_{one}") for one in named
        ),
    )
    lists = {"one": first, "two": second}
    workspaces = {one: [Workspace(f"w{n}", f"{n}") for n in "123"] for one in divided}
    alone = select(whole, lists, workspaces)
    parts = [
        select(for_shard(whole, Shard(index, number)), lists, workspaces)
        for index in range(number)
    ]

    def sorted_names(projects):
        return sorted(each.name for each in projects)

    assert sorted_names(alone.projects) == sorted_names(
        each for part in parts for each in part.projects
    )
    assert sorted_names(each.project for each in alone.missing) == sorted_names(
        each.project for part in parts for each in part.missing
    )
    for index, part in enumerate(parts):
        own = {each.name for each in (*part.projects, *part.unavailable)}
        assert part.counts("one") == alone.counts("one")
        assert part.divided == alone.divided
        assert not own & part.elsewhere.keys()
        assert index not in part.elsewhere.values()
        assert len(own) + len(part.elsewhere) == len(
            (*alone.projects, *alone.unavailable)
        )


def test_a_project_keeps_its_shard():
    """A project keeps its shard when it is renamed, discovered or configured."""
    discovered = select(configuration(OTC), {"otc": [VISION]}).projects
    renamed = select(
        configuration(OTC), {"otc": [replace(VISION, name="eu-de_other")]}
    ).projects
    by_id = Project(name="mine", cloud=OTC, project_id="1")
    missing = select(configuration(OTC, named=[named_project()]), {}).unavailable
    found = select(configuration(OTC, named=[named_project()]), {"otc": [VISION]})

    assert {shard_key(each) for each in (*discovered, *renamed, by_id)} == {"1/0"}
    assert {shard_key(each) for each in (*missing, *found.projects)} == {"vision"}


@given(st.lists(st.uuids(), min_size=1000, max_size=1000, unique=True))
@settings(max_examples=5)
def test_from_three_shards_to_four_moves_a_quarter(ids):
    """Projects only move to the new shard, and shards have about equal shares."""
    keys = [f"{each.hex}/0" for each in ids]
    before = [Shard(0, 3).owner(key) for key in keys]
    after = [Shard(0, 4).owner(key) for key in keys]
    moved = [new for old, new in zip(before, after, strict=True) if old != new]

    assert set(moved) == {3}
    assert 0.19 < len(moved) / len(keys) < 0.31
    assert all(0.26 < before.count(index) / len(keys) < 0.41 for index in range(3))
