"""Warnings about valid but unlikely settings, and the regions they are based on."""

import pytest

from hypothesis import given
from hypothesis import strategies as st

from exporter.collectors.registry import REGISTRY
from exporter.config import load


REGION_OTC = "provider: otc, region: eu-de"
PROJECT = "name: a, project_id: 0123456789abcdef0123456789abcdef"


def loaded(folder, cloud=REGION_OTC, project=PROJECT, **environment):
    """Load a file with one cloud and one project of these keys, a line each."""
    file = folder / "modelarts.yml"
    file.write_text(
        f"clouds:\n  c: {{auth: {{ecs_agency: {{}}}}, {cloud}}}\n"
        f"projects:\n- {{cloud: c, {project}}}\n"
    )
    return load(str(file), environment, REGISTRY.names)


@pytest.mark.parametrize(
    ("cloud", "expected"),
    [
        (
            "provider: otc, region: eu-ed",
            'region: "eu-ed" is not a known region of otc; did you mean "eu-de"?',
        ),
        (
            "provider: otc, region: mars",
            'region: "mars" is not a known region of otc',
        ),
        (
            "provider: huaweicloud, region: cn-norht-4",
            (
                'region: "cn-norht-4" is not a known region of huaweicloud; '
                'did you mean "cn-north-4"?'
            ),
        ),
        (
            "provider: otc, region: cn-north-4",
            'region: "cn-north-4" is a region of huaweicloud; is the provider right?',
        ),
        (
            "provider: huaweicloud, region: eu-de",
            'region: "eu-de" is a region of otc; is the provider right?',
        ),
        (
            "provider: otc, region: eu-nl",
            "region: ModelArts is not known to be offered in this region",
        ),
        (
            f"{REGION_OTC}, iam_url: https://iam.example.com/v3",
            (
                "iam_url: has a path; the API's own, such as /v3/auth/tokens, are "
                "added to it"
            ),
        ),
        (
            f"{REGION_OTC}, discovery: {{include: ['eu-nl_*']}}",
            "discovery.include[0]: matches no project of this cloud's region",
        ),
        (
            f"{REGION_OTC}, discovery: {{exclude: [vision]}}",
            "discovery.exclude[0]: matches no project of this cloud's region",
        ),
    ],
)
def test_likely_errors_of_clouds(tmp_path, cloud, expected):
    """A warning has line, key and what is probably meant; the file can be used."""
    (warning,) = loaded(tmp_path, cloud).warnings

    assert warning.text("f") == f"f:2: clouds.c.{expected}"


@pytest.mark.parametrize(
    ("project_id", "expected"),
    [
        ("eu-de_vision", "looks like the name of a project; give it as project_name"),
        ("eu-de", "looks like the name of a project; give it as project_name"),
        (
            "0123456789ABCDEF0123456789ABCDEF",
            "not 32 hexadecimal digits in lower case, as the IDs of projects are",
        ),
        (
            "0123456789abcdef",
            "not 32 hexadecimal digits in lower case, as the IDs of projects are",
        ),
    ],
)
def test_likely_errors_of_projects(tmp_path, project_id, expected):
    """A project ID that cannot be one is probably a name, or cut off."""
    (warning,) = loaded(tmp_path, project=f"name: a, project_id: {project_id}").warnings

    assert warning.text("f") == f"f:4: projects[0].project_id: {expected}"


@pytest.mark.parametrize(
    "cloud",
    [
        REGION_OTC,
        "provider: huaweicloud, region: cn-north-4",
        "provider: huaweicloud, region: eu-west-101",
        "iam_url: https://a:8443, modelarts_url: https://b/, region: anywhere",
        f"{REGION_OTC}, iam_url: https://iam.example.com/",
        "provider: otc, region: eu-ch2, modelarts_url: https://b",
        (
            f"{REGION_OTC}, discovery: "
            "{include: ['*', 'eu-de_*', '*_vision', 'e?-de', eu-de, 'eu-de*']}"
        ),
    ],
)
def test_no_warnings(tmp_path, cloud):
    """Usual settings have no warnings."""
    assert loaded(tmp_path, cloud).warnings == ()


def test_warnings_do_not_show_the_environment(tmp_path):
    """Warnings contain no values from the environment."""
    found = loaded(tmp_path, "provider: otc, region: '${X}'", X="canary")

    assert "canary" not in str(found.warnings)
    assert "${X}" in found.warnings[0].message


@given(rest=st.from_regex(r"[a-z0-9_]{0,8}", fullmatch=True), data=st.data())
@pytest.mark.slow
def test_a_pattern_that_matches_is_not_warned_of(tmp_path_factory, rest, data):
    """A pattern made from a project's name is never taken for one of another region."""
    name = data.draw(st.sampled_from(["eu-de", f"eu-de_{rest}"]))
    start, end = sorted(
        data.draw(st.tuples(st.integers(0, len(name)), st.integers(0, len(name))))
    )
    pattern = f"{name[:start]}*{name[end:]}"
    cloud = f"{REGION_OTC}, discovery: {{include: ['{pattern}']}}"

    assert loaded(tmp_path_factory.getbasetemp(), cloud).warnings == ()


@pytest.mark.parametrize(
    ("provider", "region", "iam", "modelarts"),
    [
        (
            "otc",
            "eu-de",
            "iam.eu-de.otc.t-systems.com",
            "modelarts.eu-de.otc.t-systems.com",
        ),
        (
            "huaweicloud",
            "cn-north-4",
            "iam.cn-north-4.myhuaweicloud.com",
            "modelarts.cn-north-4.myhuaweicloud.com",
        ),
        (
            "huaweicloud",
            "ap-southeast-1",
            "iam.ap-southeast-1.myhuaweicloud.com",
            "modelarts.ap-southeast-1.myhuaweicloud.cn",
        ),
        (
            "huaweicloud",
            "eu-west-101",
            "iam.eu-west-101.myhuaweicloud.eu",
            "modelarts.eu-west-101.myhuaweicloud.eu",
        ),
        (
            "huaweicloud",
            "tr-west-1",
            "iam.myhuaweicloud.com",
            "modelarts.tr-west-1.myhuaweicloud.com",
        ),
    ],
)
def test_endpoints(tmp_path, provider, region, iam, modelarts):
    """The endpoints of each region, regular or not, are found by its name."""
    (cloud,) = loaded(tmp_path, f"provider: {provider}, region: {region}").clouds

    assert cloud.iam_url == f"https://{iam}"
    assert cloud.modelarts_url == f"https://{modelarts}"


def test_switzerland(tmp_path):
    """Swiss Open Telekom Cloud has a different IAM host."""
    keys = "provider: otc, region: eu-ch2, modelarts_url: https://modelarts.example.com"
    (cloud,) = loaded(tmp_path, keys).clouds

    assert cloud.iam_url == "https://iam-pub.eu-ch2.sc.otc.t-systems.com"
