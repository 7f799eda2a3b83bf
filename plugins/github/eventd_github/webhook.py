"""The door: checks a delivery's signature and makes an event of it.

GitHub sends what it signed as JSON, or as a form with the JSON in its field
``payload``; the signature covers the body as it came, in both cases.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Any
from urllib.parse import parse_qs

import msgspec

from eventd import Emitter, Event, Logger, Request, Response, Webhook
from eventd.errors import MalformedInput, NotAllowed, UnsupportedFormat

from .attributes import source_of, subject_of
from .types import EVENT_TYPES, PREFIX

__all__ = ["GitHub", "sign"]

#: Webhooks that GitHub adds later are welcome; what is not a name is not from GitHub.
NAME = re.compile(r"[a-z0-9_]{1,64}")

#: A delivery's id is a UUID; other senders of the same form may have their own.
DELIVERY = re.compile(r"[!-~]{1,128}")

CLASSES: dict[str, type[Event]] = {cls.type: cls for cls in EVENT_TYPES}


def sign(secret: str, body: bytes) -> str:
    """The ``X-Hub-Signature-256`` of a body."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class GitHub(Webhook):
    """``POST /hooks/github``: answered with 204 when the event is durable."""

    path = "/hooks/github"

    class Config(msgspec.Struct):
        """The keys of ``[source:github]``."""

        #: The webhook's secret, as it was typed in at GitHub; better ``file:PATH`` or ``credential:NAME``.
        secret: str = ""
        #: The secret before, while GitHub is being told the new one.
        previous_secret: str = ""

    def __init__(self, config: Config, log: Logger) -> None:
        self._secrets = [secret for secret in (config.secret, config.previous_secret) if secret]
        self._log = log

    def start(self) -> None:
        """Tell once where nothing can come in yet."""
        if not self._secrets:
            self._log.info("%s refuses everything until [source:github] has a secret", self.path)

    def receive(self, request: Request, emit: Emitter) -> Response | None:
        """Check one delivery and emit it.

        :raises ClientError: with the answer that the sender gets.
        """
        if request.method != "POST":
            return Response(405, "GitHub's webhooks are sent by POST\n", [("Allow", "POST")])
        self._check_signature(request)
        webhook = _header(request, "X-GitHub-Event", NAME)
        delivery = _header(request, "X-GitHub-Delivery", DELIVERY)
        payload = _payload(request)
        emit.emit(_event(webhook, delivery, payload))
        if webhook == "ping":
            self._log.info("a webhook of %s points here", source_of(payload))
        return None

    def _check_signature(self, request: Request) -> None:
        """:raises NotAllowed: when the body is not signed by the secret."""
        if not self._secrets:
            raise NotAllowed("no webhook is expected", hint="set secret in [source:github]")
        signature = (request.header("X-Hub-Signature-256") or "").encode("utf-8", "replace")
        if not signature:
            raise NotAllowed("X-Hub-Signature-256 is missing", hint="set the webhook's secret at GitHub")
        # All are compared, so that the time taken does not tell which one was close.
        fits = [hmac.compare_digest(sign(secret, request.body).encode(), signature) for secret in self._secrets]
        if not any(fits):
            raise NotAllowed("X-Hub-Signature-256 does not fit the body", hint="the secret is another one at GitHub")


def _header(request: Request, name: str, form: re.Pattern[str]) -> str:
    value = request.header(name)
    if value is None or not form.fullmatch(value):
        raise MalformedInput(f"{name} is missing" if value is None else f"{name} is not one that GitHub sends")
    return value


def _payload(request: Request) -> dict[str, Any]:
    """The delivery's JSON object, from either kind of body."""
    media_type = (request.header("Content-Type") or "").partition(";")[0].strip().lower()
    if media_type == "application/json":
        text: bytes | str = request.body
    elif media_type == "application/x-www-form-urlencoded":
        text = _form_field(request.body)
    else:
        raise UnsupportedFormat(
            f"{media_type or 'a body of no type'} is not what GitHub sends",
            hint="choose application/json as the webhook's content type",
        )
    try:
        payload = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:  # msgspec.DecodeError is a ValueError
        raise MalformedInput(f"the payload is not JSON: {error}") from None
    if not isinstance(payload, dict):
        raise MalformedInput("the payload is not a JSON object")
    return payload


def _form_field(body: bytes) -> str:
    try:
        fields = parse_qs(body.decode("ascii"), strict_parsing=True, errors="strict", max_num_fields=16)
    except ValueError as error:
        raise MalformedInput(f"the form cannot be read: {error}") from None
    if len(fields.get("payload", [])) != 1:
        raise MalformedInput("the form has no field called payload, or several")
    return fields["payload"][0]


def _event(webhook: str, delivery: str, payload: dict[str, Any]) -> Event:
    attributes = {"id": delivery, "source": source_of(payload), "subject": subject_of(webhook, payload)}
    given = {name: value for name, value in attributes.items() if value is not None}
    name = PREFIX + webhook
    return CLASSES.get(name, Event)(name, payload, datacontenttype="application/json", **given)
