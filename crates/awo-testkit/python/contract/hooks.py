"""What the description cannot tell a stranger: which orders there are, and where a repository is."""

import os
import random

import schemathesis
from schemathesis.core.parameters import ParameterLocation
from schemathesis.generation import GenerationMode

ORDERS = os.environ["AWO_CONTRACT_ORDERS"].split()
REPOSITORY = os.environ["AWO_CONTRACT_REPOSITORY"]

# Orders that calls of this run have made: what follows from these is left as it is.
made = set()


def is_meant_to_fit(case, location):
    component = case.meta.components.get(location) if case.meta else None
    return component is not None and component.mode == GenerationMode.POSITIVE


@schemathesis.hook
def before_call(context, case, kwargs):
    operation = case.operation.definition.raw["operationId"]
    # The orders that were there at the beginning stay, so that there are some of each status.
    if operation != "delete_order" and is_meant_to_fit(case, ParameterLocation.PATH):
        path = case.path_parameters
        if "id" in path and path["id"] not in made:
            case.path_parameters = {**path, "id": random.Random(case.id).choice(ORDERS)}
    if is_meant_to_fit(case, ParameterLocation.BODY) and isinstance(case.body, dict):
        if "repository_url" in case.body:
            case.body = {**case.body, "repository_url": REPOSITORY}
        if case.body.get("agent_work_order_id") is not None:
            case.body = {**case.body, "agent_work_order_id": case.path_parameters["id"]}


@schemathesis.hook
def after_call(context, case, response):
    if case.operation.definition.raw["operationId"] == "create_order" and response.status_code == 201:
        made.add(response.json()["agent_work_order_id"])
