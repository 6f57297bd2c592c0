"""SageMakerEndpointRegistrations: a model, a configuration and an endpoint in SageMaker for each.

What is wanted and which step comes next, `render.sagemaker_endpoint` says; here it is done. Before anything
is made it is noted on the registration, so that a crash or a lost answer leaves nothing behind that nobody
knows. Every step can be repeated.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from hyperpod_inference.api import conditions, names
from hyperpod_inference.api.meta import ObjectMeta
from hyperpod_inference.api.parse import InvalidResource, parse
from hyperpod_inference.api.registration import SageMakerEndpointRegistration
from hyperpod_inference.api.settings import OperatorSettings
from hyperpod_inference.cloud.errors import CloudError, Exists, Missing, NoCredentials, is_passing, told
from hyperpod_inference.controllers import sagemaker_work
from hyperpod_inference.controllers.aws import Aws, OpenAws
from hyperpod_inference.controllers.controller import Result
from hyperpod_inference.controllers.finalizers import confirm, finalizers
from hyperpod_inference.controllers.kinds import REGISTRATIONS
from hyperpod_inference.controllers.sagemaker_work import Entry
from hyperpod_inference.controllers.statuses import StatusWriter
from hyperpod_inference.kube.client import MERGE_PATCH, Client
from hyperpod_inference.kube.errors import NotFound
from hyperpod_inference.kube.events import EventRecorder
from hyperpod_inference.kube.resources import Body
from hyperpod_inference.kube.store import Key, Store
from hyperpod_inference.render.sagemaker_endpoint import (
    RETRY,
    TAG_OWNER,
    Seen,
    Step,
    Wanted,
    arn_beside,
    inventory,
    next_step,
    noted,
    owns,
    wanted_of,
)
from hyperpod_inference.status.registration import (
    CONFLICT,
    FAILED,
    SUCCESS,
    Told,
    registration_status,
    was_created,
)

logger = logging.getLogger(__name__)

POLL = 15.0
"""Seconds between two looks at an endpoint that SageMaker is changing."""
RECHECK = 600.0
"""Seconds between two looks at one that is as wanted."""
SETTLING = timedelta(seconds=30)
"""How long SageMaker may not show yet what it was asked to create."""
REGION = "The operator does not know its region: set AWS_REGION for it."


@dataclass(frozen=True, kw_only=True)
class RegistrationReconciler:
    """Makes SageMaker hold what a registration asks for. Tells on it how that went."""

    client: Client
    store: Store
    settings: OperatorSettings
    statuses: StatusWriter
    recorder: EventRecorder
    aws: OpenAws
    now: Callable[[], datetime]
    uids: dict[Key, str] = field(default_factory=dict)

    async def __call__(self, key: Key) -> Result:
        """Reconcile one. Raises ApiError, and CloudError for what AWS itself may do in a moment."""
        body = self.store.get(*key)
        if body is None:
            self.statuses.forget(self.uids.pop(key, ""))
            return Result()
        self.uids[key] = body["metadata"]["uid"]
        if body["metadata"].get("deletionTimestamp"):
            return await self._finalize(body)
        try:
            registration = cast(SageMakerEndpointRegistration, parse(body, tolerant=True))
        except InvalidResource as invalid:
            problems = " ".join(str(each) for each in invalid.problems)
            await self._say(body, "Failed", conditions.INVALID_SPEC, f"The spec cannot be used: {problems}")
            return Result()
        if not self.settings.region:
            await self._say(body, "Failed", conditions.AWS_UNAVAILABLE, REGION)
            return Result(requeue_after=RECHECK)
        try:
            return await self._keep(body, registration)
        except CloudError as error:
            soon = is_passing(error) or isinstance(error, Exists | Missing)
            words = told(error, self.settings.execution_role_arn)
            await self._say(body, "InProgress" if soon else "Failed", conditions.AWS_UNAVAILABLE, words)
            if soon:
                raise
            return Result(requeue_after=RETRY.total_seconds())

    async def _keep(self, body: Body, registration: SageMakerEndpointRegistration) -> Result:
        wanted, made = wanted_of(registration), inventory(body["metadata"].get("annotations"))
        aws = await asyncio.to_thread(self.aws)
        seen = await asyncio.to_thread(aws.sagemaker.describe, wanted.endpoint)
        tags: Mapping[str, str] = {}
        if seen is not None and not owns(wanted, seen, tags):
            tags = await asyncio.to_thread(sagemaker_work.tags, aws, seen)
        step = next_step(
            wanted,
            seen,
            owned=seen is None or owns(wanted, seen, tags),
            tried=wanted.entry in made,
            now=self.now(),
        )
        if step in (Step.CREATE, Step.UPDATE, Step.REPLACE):
            body = await self._note(body, (*made, wanted.entry))
        host = registration.spec.load_balancer_host_name
        about: dict[str, Any] = {"seen": seen, "host": host}
        match step:
            case Step.LEAVE:
                await self._say(body, "Failed", CONFLICT, _conflict(wanted, seen, tags), host=host)
                return Result(requeue_after=RETRY.total_seconds())
            case Step.CREATE:
                await asyncio.to_thread(sagemaker_work.create, aws, wanted)
                words = f"SageMaker creates endpoint {wanted.endpoint}; that takes some minutes."
                await self._say(body, "InProgress", conditions.PROGRESSING, words, **about)
            case Step.UPDATE:
                await asyncio.to_thread(sagemaker_work.update, aws, wanted, seen)
                words = f"SageMaker updates endpoint {wanted.endpoint}; it serves as before meanwhile."
                await self._say(body, "InProgress", conditions.PROGRESSING, words, **about)
            case Step.REPLACE:
                await asyncio.to_thread(aws.sagemaker.delete, wanted.endpoint)
                words = f"Endpoint {wanted.endpoint}, which SageMaker could not create, is made anew."
                await self._say(body, "InProgress", conditions.PROGRESSING, words, **about)
            case Step.WAIT:
                words = f"SageMaker says of endpoint {wanted.endpoint}: {seen.status if seen else ''}."
                await self._say(body, "InProgress", conditions.PROGRESSING, words, **about)
            case Step.PAUSE:
                await self._say(body, "Failed", FAILED, _failure(wanted, seen), **about)
                return Result(requeue_after=RETRY.total_seconds())
            case Step.TIDY:
                return await self._tidy(body, wanted, made, aws, about)
        return Result(requeue_after=POLL)

    async def _tidy(
        self, body: Body, wanted: Wanted, made: tuple[Entry, ...], aws: Aws, about: Mapping[str, Any]
    ) -> Result:
        """All is as wanted: remove the revisions and the names of before."""
        words = f"Endpoint {wanted.endpoint} is in service in SageMaker."
        await self._say(body, "Completed", SUCCESS, words, **about)
        others = [entry for entry in made if entry != wanted.entry]
        left = await asyncio.to_thread(sagemaker_work.remove, aws, body, others, wanted.endpoint)
        if wanted.entry not in made or len(left) < len(others):
            await self._note(body, (*left, wanted.entry))
        return Result(requeue_after=POLL if left else RECHECK)

    async def _finalize(self, body: Body) -> Result:
        """Remove what was made in SageMaker, in order, then let the registration go."""
        if names.FINALIZER not in (body["metadata"].get("finalizers") or ()):
            return Result()
        made, deleted = inventory(body["metadata"].get("annotations")), body["metadata"]["deletionTimestamp"]
        if made:
            try:
                aws = await asyncio.to_thread(self.aws)
                left = await asyncio.to_thread(sagemaker_work.remove, aws, body, made)
            except CloudError as error:
                if isinstance(error, NoCredentials) and not self._was_seen(body):
                    left = []  # there never were any: nothing can have been made
                else:
                    words = f"Not deleted yet. {told(error, self.settings.execution_role_arn)}"
                    outcome = "InProgress" if is_passing(error) or isinstance(error, Exists) else "Failed"
                    await self._say(body, outcome, conditions.AWS_UNAVAILABLE, words, phase="Deletion")
                    raise
            # SageMaker may not show yet what it was asked to create a moment ago.
            settling = not self._was_seen(body) and self.now() - datetime.fromisoformat(deleted) < SETTLING
            if left or settling:
                words = "SageMaker deletes the endpoint; then its configuration and model go."
                await self._say(body, "InProgress", conditions.DELETING, words, phase="Deletion")
                return Result(requeue_after=POLL)
        with contextlib.suppress(NotFound):
            await self._note(body, (), present=False)
        return Result()

    async def _note(self, body: Body, entries: Iterable[Entry], *, present: bool = True) -> Body:
        """Write the inventory, and the finalizer, without which nothing is made; only over what was seen.

        Raises Conflict where the cache is behind: what an old spec asks for must not be made.
        """
        metadata, value = body["metadata"], noted(entries)
        live = await confirm(self.client, REGISTRATIONS, body)
        wanted = finalizers(live, present=present)
        held = (live["metadata"].get("annotations") or {}).get(names.ANNOTATION_MADE, "")
        if held == value and sorted(wanted) == sorted(live["metadata"].get("finalizers") or []):
            return live
        patch = {
            "metadata": {
                "finalizers": wanted,
                "annotations": {names.ANNOTATION_MADE: value or None},
                "uid": metadata["uid"],
                "resourceVersion": live["metadata"]["resourceVersion"],
            }
        }
        return await self.client.patch(
            REGISTRATIONS, metadata["name"], metadata["namespace"], patch, MERGE_PATCH
        )

    def _was_seen(self, body: Body) -> bool:
        """Whether SageMaker has ever shown the endpoint."""
        return bool(self.statuses.previous(body).get("endpoint"))

    async def _say(
        self,
        body: Body,
        outcome: str,
        reason: str,
        message: str,
        *,
        phase: str = "",
        seen: Seen | None = None,
        host: str = "",
    ) -> None:
        """Write the status, and an Event when the state became another one."""
        previous = self.statuses.previous(body)
        phase = phase or ("Update" if _was_updated(previous, outcome) else "Creation")
        said = Told(
            phase=phase,
            outcome=outcome,
            reason=reason,
            message=message,
            arns=_arns(seen) if seen and reason != CONFLICT else None,
            modified=seen.modified if seen else None,
            host=host,
        )
        metadata = ObjectMeta.model_validate(body["metadata"], extra="ignore")
        status = registration_status(metadata, said, previous, self.now())
        if await self.statuses.write(body, status) and status["state"] != previous.get("state"):
            kind: Literal["Normal", "Warning"] = "Warning" if outcome == "Failed" else "Normal"
            await self.recorder.record(body, kind, status["state"], message)


def _was_updated(previous: Mapping[str, Any], outcome: str) -> bool:
    """Whether what happens is an update: the endpoint was in service before, or an update ends now."""
    if outcome == "Completed":
        return str(previous.get("state", "")).startswith("Update")
    return was_created(previous)


def _arns(seen: Seen) -> tuple[str, str, str]:
    configuration = seen.configuration
    return (
        seen.arn,
        arn_beside(seen.arn, "endpoint-config", configuration),
        arn_beside(seen.arn, "model", configuration),
    )


def _conflict(wanted: Wanted, seen: Seen | None, tags: Mapping[str, str]) -> str:
    configuration = seen.configuration if seen else ""
    owner = f" of {tags[TAG_OWNER]}" if tags.get(TAG_OWNER) else ""
    return (
        f"SageMaker has an endpoint {wanted.endpoint}{owner} (configuration {configuration}) that this"
        " registration did not make; it is left alone. Choose another name for the SageMaker endpoint, or"
        " delete that one."
    )


def _failure(wanted: Wanted, seen: Seen | None) -> str:
    why = (seen.failure if seen else "").rstrip(".") or "it gives no reason"
    status = seen.status if seen else ""
    minutes = int(RETRY.total_seconds() // 60)
    return (
        f"SageMaker failed: endpoint {wanted.endpoint} is {status}, and it says: {why}. Mend that; it is"
        f" tried again after {minutes} minutes, or at once when the spec changes."
    )
