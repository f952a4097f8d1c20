"""Clients of a simulated cloud: plain HTTP with a token, and the official SDK."""

import contextlib

import httpx

from harness import PASSWORD, SECRET_KEY
from huaweicloudsdkcore.auth.credentials import BasicCredentials, GlobalCredentials
from huaweicloudsdkiam.v3 import IamClient
from huaweicloudsdkmodelarts.v1 import ModelArtsClient

from exporter.simulator import serve


def login(scope=None, password=PASSWORD, user="exporter"):
    """Return the body of a login."""
    named = {"name": user, "password": password, "domain": {"name": "OTC1"}}
    auth = {"identity": {"methods": ["password"], "password": {"user": named}}}
    if scope is not None:
        auth["scope"] = scope
    return {"auth": auth}


async def log_in(client, scope=None, **user):
    """Log in, with or without a scope."""
    return await client.post("/v3/auth/tokens", json=login(scope, **user))


@contextlib.asynccontextmanager
async def connected(cloud, scope=None):
    """Serve a cloud; yields a client with a token, with or without a scope."""
    async with (
        serve(cloud) as url,
        httpx.AsyncClient(base_url=url, trust_env=False) as client,
    ):
        token = (await log_in(client, scope)).headers["X-Subject-Token"]
        client.headers["X-Auth-Token"] = token
        yield client


def modelarts_sdk(url, project_id):
    """Return the official SDK's client of ModelArts, which signs its requests."""
    return (
        ModelArtsClient.new_builder()
        .with_credentials(BasicCredentials("AKCANARY", SECRET_KEY, project_id))
        .with_endpoints([str(url)])
        .build()
    )


def iam_sdk(url, account_id):
    """Return the official SDK's client of IAM, which signs its requests."""
    return (
        IamClient.new_builder()
        .with_credentials(GlobalCredentials("AKCANARY", SECRET_KEY, account_id))
        .with_endpoints([str(url)])
        .build()
    )
