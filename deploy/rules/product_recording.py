"""What the alerts about notebooks, services, Lite Servers and events look at."""

from __future__ import annotations

from typing import Final

from deploy.rules.holding import PROCESS, held, held_rule, of_project
from deploy.rules.rule import Group, Record, RuleFile
from deploy.rules.values import Values


_PRODUCTS: Final = "notebook|service|lite_server|scheduled_event"
_PRODUCTS_HELD: Final = "project_kind_api_version:modelarts_products_up:held"
_COMMENT: Final = """
    What the alerts about notebooks, services, Lite Servers and scheduled events look at. Made
    as modelarts-recording.yml, with the same rules for what cannot be collected.
"""


def product_recording(values: Values) -> RuleFile:
    """Return the file."""
    group = Group("modelarts-products-recording", tuple(_products(values)))
    return RuleFile("modelarts-products-recording.yml", _COMMENT, (group,))


def _held_product(kind: str) -> str:
    return f'{_PRODUCTS_HELD}{{kind="{kind}"}}'


def _products(values: Values) -> list[Record]:
    keys, api_keys = "job, project", "job, project, api_version"
    stopped = "modelarts_notebook_storage_bytes{phase="
    return [
        held_rule(_PRODUCTS_HELD, _PRODUCTS, values),
        held(
            "project_status:modelarts_notebooks:last",
            of_project("modelarts_notebooks"),
            _held_product("notebook"),
            keys,
        ),
        held(
            "project:modelarts_notebooks_without_auto_stop:sum",
            "sum without (flavor, pool, auto_stop) "
            f'({of_project("""modelarts_running_notebooks{auto_stop="off"}""")})',
            _held_product("notebook"),
            keys,
        ),
        held(
            "project:modelarts_notebook_stopped_storage_bytes:sum",
            f"""sum without (phase, category) ({of_project(stopped + '"stopped"}')})""",
            _held_product("notebook"),
            keys,
        ),
        held(
            "project:modelarts_notebook_oldest_stopped_timestamp_seconds:min",
            f"min without (phase, {PROCESS}) "
            '(modelarts_notebook_oldest_created_timestamp_seconds{phase="stopped"})',
            _held_product("notebook"),
            keys,
        ),
        held(
            "project_status:modelarts_services:sum",
            f"sum without (type) ({of_project('modelarts_services')})",
            _held_product("service"),
            api_keys,
        ),
        held(
            "project_status:modelarts_service_oldest_transition_timestamp_seconds:min",
            f"min without (type, {PROCESS}) (modelarts_service_oldest_transition_timestamp_seconds)",
            _held_product("service"),
            api_keys,
        ),
        held(
            "project_status:modelarts_lite_servers:sum",
            f"sum without (flavor, charging) ({of_project('modelarts_lite_servers')})",
            _held_product("lite_server"),
            keys,
        ),
        held(
            "project_pool:modelarts_next_scheduled_event_timestamp_seconds:min",
            f"""min without ({PROCESS}) (modelarts_next_scheduled_event_timestamp_seconds{{pool!=""}})
        and on (job, project, pool)
        (
          modelarts_active_nodes{{pool!=""}} > 0
          or
          modelarts_pool_workloads{{type="train", status="running"}} > 0
        )""",
            _held_product("scheduled_event"),
            "job, project",
        ),
        held(
            "project_state:modelarts_scheduled_events:sum",
            f"sum without (type) ({of_project('modelarts_scheduled_events')})",
            _held_product("scheduled_event"),
            keys,
        ),
    ]
