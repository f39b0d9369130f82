"""What a party answers over HTTPS: owners share, serve and stop models, clients query them."""

from __future__ import annotations

import json
import math
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from trine._version import __version__
from trine.cluster.messages import Query
from trine.cluster.models import Models, SharedModel
from trine.cluster.scheduler import Scheduler
from trine.cluster.server import ROLE
from trine.cluster.wire import (
    COST_HEADER,
    check_model_name,
    error_to_json,
    is_identifier,
    status_code,
    unpack_model,
)
from trine.errors import AccessDeniedError, BusyError, InputError, ProtocolError, TrineError
from trine.mpc import accept
from trine.net.certificates import CLIENT, OWNER
from trine.net.mesh import Mesh
from trine.nn.infer import pack_weights
from trine.nn.plan import Plan

__all__ = ["build_app"]

MAX_MODEL_BYTES = 1 << 30
MAX_JSON_BYTES = 1 << 16
# What a payload has besides 8 bytes an element: two seeds at most.
SEED_BYTES = 32
RETRY_AFTER = "1"

Handler = Callable[[Request], Awaitable[Response]]


def build_app(mesh: Mesh, models: Models, scheduler: Scheduler) -> Starlette:
    """The ASGI application of one party; see :mod:`trine.cluster.wire` for its routes."""
    party = mesh.party

    async def health(request: Request) -> Response:
        return JSONResponse({"party": party, "version": __version__, "missing": mesh.missing()})

    async def list_models(request: Request) -> Response:
        return JSONResponse({"models": models.names()})

    async def describe(request: Request) -> Response:
        return JSONResponse(_model(models, request).status().to_json())

    async def share(request: Request) -> Response:
        name = check_model_name(request.path_params["name"])
        identifier = request.query_params.get("share")
        if not is_identifier(identifier):
            raise InputError("a sharing is named by 32 hexadecimal digits: ?share=...")
        text, payload = unpack_model(await _body(request, MAX_MODEL_BYTES))
        plan = Plan.from_json(text)
        weights = pack_weights(plan, accept(party, payload, plan.tensors))
        models.add(SharedModel(name, str(identifier), plan, weights))
        return Response(status_code=201)

    async def serve(request: Request) -> Response:
        model = _model(models, request)
        scheduler.serve(model, _num_requests(await _body(request, MAX_JSON_BYTES)))
        return Response(status_code=204)

    async def stop(request: Request) -> Response:
        scheduler.stop(_model(models, request))
        return Response(status_code=204)

    async def query(request: Request) -> Response:
        asked = Query(
            request.path_params["id"],
            request.path_params["name"],
            request.query_params.get("share", ""),
            _count(request.query_params.get("batch", "")),
        )
        model = models.get(asked.model, asked.share)
        model.check_open()
        shape = (asked.batch, *model.plan.forms[0].shape)
        payload = await _body(request, SEED_BYTES + 8 * math.prod(shape))
        (x,) = accept(party, payload, [shape])
        answer = await scheduler.answer(asked, x)
        headers = {COST_HEADER: answer.cost.to_header()}
        return Response(answer.part, media_type="application/octet-stream", headers=headers)

    def report(request: Request, error: Exception) -> Response:
        assert isinstance(error, TrineError)
        headers = {"retry-after": RETRY_AFTER} if isinstance(error, BusyError) else None
        return JSONResponse(error_to_json(error, party), status_code(error), headers)

    def report_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        content = {"error": "ProtocolError", "message": error.detail, "party": party}
        return JSONResponse(content, error.status_code, error.headers)

    def report_bug(request: Request, error: Exception) -> Response:
        return report(request, TrineError(f"party {party} failed inside; its log says more"))

    anyone, owner, client = (OWNER, CLIENT), (OWNER,), (CLIENT,)
    return Starlette(
        routes=[  # looked through in this order
            Route("/v1/models/{name}/queries/{id}", _for(client, query), methods=["POST"]),
            Route("/healthz", health),
            Route("/v1/models", _for(anyone, list_models)),
            Route("/v1/models/{name}", _for(anyone, describe)),
            Route("/v1/models/{name}", _for(owner, share), methods=["PUT"]),
            Route("/v1/models/{name}", _for(owner, stop), methods=["DELETE"]),
            Route("/v1/models/{name}/serve", _for(owner, serve), methods=["POST"]),
        ],
        exception_handlers={TrineError: report, HTTPException: report_http, Exception: report_bug},
    )


def _for(roles: tuple[str, ...], handler: Handler) -> Handler:
    """Let only these roles in."""

    async def guarded(request: Request) -> Response:
        role = request.scope[ROLE]
        if role not in roles:
            raise AccessDeniedError(f"this is for {' and '.join(roles)}; the certificate says {role}")
        return await handler(request)

    return guarded


def _model(models: Models, request: Request) -> SharedModel:
    return models.get(request.path_params["name"], request.query_params.get("share"))


async def _body(request: Request, limit: int) -> bytes:
    """The request's body; memory is taken for no more than ``limit`` bytes of it."""
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > limit:
                raise ProtocolError(f"the body has more than the {limit} bytes that are allowed here")
    except ClientDisconnect as error:
        raise ProtocolError("the client went away in the middle of its request") from error
    return bytes(body)


def _num_requests(body: bytes) -> int | None:
    try:
        content: Any = json.loads(body)
        number = content["num_requests"]
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InputError('the body must be {"num_requests": a number or null}') from error
    if number is not None and (type(number) is not int or number < 1):
        raise InputError(f"num_requests is a positive integer or null, not {number!r:.50}")
    return number


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise InputError(f"?batch= must be the number of inputs, not {text!r:.50}")
    return int(text)
