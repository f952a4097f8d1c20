"""The fields of job lists that the references name; any other is news to the project."""

from __future__ import annotations

import re

from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

import msgspec

from ...cloud.assumption import Verdict, undecided, verdict
from ...cloud.call import Call
from ...cloud.session import Session


Fields: TypeAlias = Mapping[str, "Fields | None"]
"""Names of fields, with those inside; None where any may be."""

_SAMPLE: Final = 50
_MAX_SHOWN: Final = 10
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z_]{0,40}")


def _fields(names: str, **nested: Fields) -> Fields:
    return {**dict.fromkeys(names.split()), **nested}


_V1_LISTING: Final = _fields(
    "is_success error_code error_message error_msg job_total_count job_count_limit quotas",
    jobs=_fields(
        "job_id job_name version_id status create_time duration job_desc version_count "
        "user service_url train_url resource_id remaining_duration workspace_id"
    ),
)
_V2_SEARCH: Final = _fields(
    "total count limit offset sort_by order group_by workspace_id ai_project error_code "
    "error_msg",
    items=_fields(
        "kind algorithm endpoints tasks",
        metadata=_fields(
            "id name workspace_id description create_time user_name annotations ai_project "
            "labels tags training_experiment_reference"
        ),
        status=_fields(
            "phase secondary_phase duration start_time node_count_metrics tasks "
            "task_statuses running_records"
        ),
        spec=_fields(
            "log_export_path is_hosted_log volumes schedule_policy runtime_type auto_stop custom_metrics "
            "notification asset_model",
            resource=_fields(
                "policy flavor_id flavor_name node_count pool_id pool_name pool_info "
                "main_container_allocated_resources main_container_customized_flavor",
                flavor_detail=_fields(
                    "flavor_type billing",
                    flavor_info=_fields("max_num cpu gpu npu memory disk"),
                ),
            ),
        ),
    ),
)

_decoder: Final = msgspec.json.Decoder(dict[str, object])


async def v1_fields_are_known(path: str, session: Session) -> Verdict:
    """Test the newest jobs at `path` of v1."""
    query = f"order=desc&page=1&per_page={_SAMPLE}&sortBy=create_time"
    call = Call(
        api=path.replace("-", "_"),
        url=session.url("v1", f"{path}?{query}"),
        expected="a job list",
        action="modelarts:trainJob:list",
    )
    return await _fields_are_known(call, _V1_LISTING, session)


async def v2_fields_are_known(session: Session) -> Verdict:
    """Test the newest jobs of v2."""
    body = {"offset": 0, "limit": _SAMPLE, "sort_by": "create_time", "order": "desc"}
    call = Call(
        api="training_job_searches",
        url=session.url("v2", "training-job-searches"),
        expected="a job list",
        action="modelarts:trainJob:list",
        method="POST",
        body=msgspec.json.encode(body),
    )
    return await _fields_are_known(call, _V2_SEARCH, session)


async def _fields_are_known(call: Call, known: Fields, session: Session) -> Verdict:
    content = (await session.fetch(call, _decoder)).content
    if not content.get("jobs") and not content.get("items"):
        return undecided("no jobs")
    unknown = sorted(set(_unknown(content, known, "")))
    if not unknown:
        return verdict(True, "all fields known")
    shown = [name for name in unknown if name][:_MAX_SHOWN]
    hidden = len(unknown) - len(shown)
    more = [f"{hidden} that are not shown"] if hidden else []
    return verdict(False, f"never seen before: {', '.join([*shown, *more])}")


def _unknown(content: object, known: Fields, place: str) -> Iterator[str]:
    """Yield the places of unknown fields; an empty one if its name may reveal something."""
    if isinstance(content, list):
        for item in content:
            yield from _unknown(item, known, place)
    elif isinstance(content, dict):
        for name, value in content.items():
            if name not in known:
                yield f"{place}{name}" if _NAME.fullmatch(name) else ""
            elif (inner := known[name]) is not None:
                yield from _unknown(value, inner, f"{place}{name}.")
