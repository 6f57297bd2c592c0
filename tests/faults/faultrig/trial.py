"""One run of one action under one fault, and the oracle that judges it.

A trial brings an endpoint into its starting state, sets the fault, acts as the user would, and waits until
the cluster is as after the fault-free run of the same action. Then the oracle: O1 children, O2 foreign fields
(part of the same snapshot), O3 status, O4 nothing deleted that both ends hold, O5 quiet, O6 request budget.
"""

import asyncio
import bisect
import contextlib
import copy
import itertools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from faultrig.account import HASTE, Account, Inventory
from faultrig.calls import Call
from faultrig.process import OperatorProcess
from faultrig.proxy import FaultProxy, Rule
from faultrig.snapshot import (
    FOREIGN,
    NAMESPACE,
    children,
    differences,
    endpoint,
    identities,
    snapshot,
)

from hyperpod_inference.api import conditions
from hyperpod_inference.controllers.caches import owner_selector
from hyperpod_inference.controllers.kinds import ENDPOINTS
from hyperpod_inference.kube.client import MERGE_PATCH, Client
from hyperpod_inference.kube.errors import ApiError, NotFound
from hyperpod_inference.kube.resources import DEPLOYMENTS, PERSISTENT_VOLUMES, SERVICES, Body

EXAMPLE = Path(__file__).parents[3] / "charts/hyperpod_charts/examples/llm-fallback.yaml"
HUGGING_FACE = {
    "modelSourceType": "huggingface",
    "s3Storage": None,
    "modelLocation": None,
    "huggingFaceModel": {"modelId": "org/model"},
}
CONVERGE = 120.0
"""Seconds within which a cluster must be as wanted; production's back-off is part of it."""
QUIET = 1.0
"""Seconds without a write that count as quiet."""
POLL = 0.15
"""Seconds between two looks: each is a request or more, on a machine that the operator under test shares."""
BUDGET = 3.0
"""Writes under a fault may be so many times those of the fault-free run, plus ten."""


class Failed(AssertionError):  # noqa: N818 - a verdict
    """The oracle's verdict."""


@dataclass
class Outcome:
    """What a trial cost: rate is the most requests within a second, memory the peak in MiB."""

    writes: int
    seconds: float
    rate: int
    memory: float


@dataclass
class Baseline:
    """The end of a fault-free run and its writes, in order."""

    end: dict[str, Any]
    writes: list[Call]
    inventory: Inventory | None = None
    asked: tuple[str, ...] = ()
    """The calls to AWS, in order."""

    def without_foreign(self, *made_again: str) -> "Baseline":
        """The same, but what was deleted and made again lost the annotation that somebody had put on it."""
        end = copy.deepcopy(self.end)
        for child in made_again:
            end["children"][child]["metadata"]["annotations"].pop(FOREIGN)
        return replace(self, end=end)


NO_HUGGING_FACE = {"huggingFaceModel": None}
STARTS = {"back": "huggingface", "deregister": "register"}
"""Actions that start from another endpoint than the plain example."""
ACTIONS = ("create", "scale", "change", "route", "rename", "delete")
REGISTERING = ("register", "deregister")
"""Actions with a certificate and a SageMaker endpoint, for a world with an account."""
_names = itertools.count(1)


@dataclass
class World:
    """A control plane, a client for the user's part, and the operators under test."""

    client: Client
    directory: Path
    baselines: dict[str, Baseline]
    bug: str = ""
    account: Account | None = None
    outcomes: list[Outcome] = field(default_factory=list)

    async def act(self, action: str, name: str) -> None:
        """What the user does."""
        if action in ("create", "huggingface", "autoscale", "register"):
            await self.client.apply(example(name, action), "user")
            return
        if action in ("delete", "deregister"):
            await self.client.delete(ENDPOINTS, name, NAMESPACE)
            return
        specs: dict[str, Any] = {
            "scale": {"replicas": 3},
            "change": {"worker": {"image": "vllm/vllm-openai:v0.11.0"}},
            "route": {"invocationEndpoint": "v1/completions"},
            "rename": {"modelSourceConfig": HUGGING_FACE},
            "back": {"modelSourceConfig": {**example(name)["spec"]["modelSourceConfig"], **NO_HUGGING_FACE}},
        }
        await self.client.patch(ENDPOINTS, name, NAMESPACE, {"spec": specs[action]}, MERGE_PATCH)

    async def baseline(self, action: str) -> Baseline:
        """The fault-free run of an action, once per session."""
        if action not in self.baselines:
            async with self.trial(action) as trial:
                await self.act(action, trial.name)
                end = await trial.settled()
                await trial.quiet()
                if end["endpoint"] is not None:
                    assert end["endpoint"]["status"]["deploymentStatus"]["status"] == []
                held = self.account.inventory(trial.name) if self.account else None
                asked = tuple(self.account.calls) if self.account else ()
                self.baselines[action] = Baseline(end, trial.writes(), held, asked)
        return self.baselines[action]

    def trial(self, action: str, **operator: Any) -> "Trial":
        """A new trial: `async with world.trial("scale") as trial`."""
        return Trial(self, action, f"f{next(_names):04d}x", operator)

    async def run(self, action: str, *rules: Rule, budget: float = BUDGET, **operator: Any) -> Outcome:
        """A whole trial whose fault consists of rules alone."""
        baseline = await self.baseline(action)
        async with self.trial(action, **operator) as trial:
            trial.proxy.rules += rules
            await self.act(action, trial.name)
            return await trial.judged(baseline, budget=budget)


@dataclass
class Trial:
    """One endpoint, one proxy, one operator; everything is cleaned up at its end."""

    world: World
    action: str
    name: str
    options: dict[str, Any]

    async def __aenter__(self) -> "Trial":
        self.client = self.world.client
        if self.world.account is not None:
            self.world.account.empty()
        self.proxy = await FaultProxy(self.client.config).__aenter__()
        self.proxy.rules += self.options.pop("rules", ())
        self.operators: list[OperatorProcess] = []
        self.operator = self.start()
        await self.watching()
        if self.action not in ("create", "autoscale", "register"):
            await self._prepare()
        if self.world.account is not None:
            self.world.account.begin()
        self.start_uids = identities(await children(self.client, self.name), self.name)
        self.first, self.began = len(self.proxy.calls), time.monotonic()
        return self

    async def __aexit__(self, *_: object) -> None:
        for each in self.operators:
            each.kill()
        await self.proxy.__aexit__()
        await clean(self.client, self.name)

    def start(self, **options: Any) -> OperatorProcess:
        """Start an operator, by default behind this trial's proxy."""
        given = {"server": self.proxy.url, "bug": self.world.bug} | self.options | options
        if self.world.account is not None:
            given["environ"] = self.world.account.environ() | given.get("environ", {})
            given["constants"] = HASTE | given.get("constants", {})
        self.operator = OperatorProcess(directory=self.world.directory, namespace=NAMESPACE, **given).start()
        self.operators.append(self.operator)
        return self.operator

    def restart_soon(self) -> None:
        """Kill the operator from inside a request, and start its successor."""
        self.operator.kill()
        self.start()

    async def watching(self, since: int = 0) -> None:
        """Until the operator follows every kind it needs, so that a fault meets a running operator.

        since: count only what was asked from the so-manyeth call on.
        """
        needed = {"inferenceendpointconfigs", "deployments", "services", "pods", "persistentvolumes"}

        async def all_watched() -> bool:
            return needed <= {call.resource for call in self.proxy.calls[since:] if call.watch}

        await eventually(all_watched, self.explain)

    async def _prepare(self) -> None:
        await self.world.act(STARTS.get(self.action, "create"), self.name)
        await self.settled()
        mark = {"metadata": {"annotations": {FOREIGN: "yes"}}}
        for resource in (DEPLOYMENTS, SERVICES):
            await self.client.patch(resource, self.name, NAMESPACE, mark, MERGE_PATCH)
        await self.quiet()

    async def settled(self) -> dict[str, Any]:
        """The snapshot once everything follows the spec and stays the same."""
        before: dict[str, Any] | None = None
        same = 0
        async with asyncio.timeout(CONVERGE):
            while same < 3:
                await asyncio.sleep(POLL)
                now = await snapshot(self.client, self.name)
                same = same + 1 if now == before and await self._followed() else 0
                before = now
        assert before is not None
        return before

    async def _followed(self) -> bool:
        body = await endpoint(self.client, self.name)
        if body is None:
            return True
        if (body.get("status") or {}).get("observedGeneration") != body["metadata"]["generation"]:
            return False
        if body["spec"].get("endpointName"):
            said = conditions.find(body["status"].get("conditions", ()), conditions.ENDPOINT_REGISTERED)
            if said is None or said["status"] != "True":
                return False
        try:
            deployment = await self.client.get(DEPLOYMENTS, self.name, NAMESPACE)
        except NotFound:
            return False
        seen = deployment.get("status") or {}
        wanted = deployment["spec"]["replicas"]
        return bool(
            seen.get("observedGeneration") == deployment["metadata"]["generation"]
            and seen.get("updatedReplicas") == wanted
        )

    async def quiet(self, seconds: float = QUIET) -> None:
        """Until no write was made for so long."""

        async def still() -> bool:
            made = [call.at for call in self.proxy.calls if call.write]
            return not made or time.monotonic() - made[-1] >= seconds

        await eventually(still, lambda: f"still writing: {self.explain()}")

    def seconds(self) -> float:
        """Since the trial proper began."""
        return time.monotonic() - self.began

    def rate(self) -> int:
        """The most requests within one second."""
        times = [call.at for call in self.proxy.calls[self.first :]]
        return max((bisect.bisect(times, at + 1.0) - nth for nth, at in enumerate(times)), default=0)

    @property
    def operators_started(self) -> int:
        """How many operators this trial needed; one, unless the row kills them."""
        return len(self.operators)

    def writes(self) -> list[Call]:
        """The operator's writes since the trial proper began."""
        return self.proxy.writes(self.first)

    async def judged(
        self,
        baseline: Baseline,
        *,
        budget: float = BUDGET,
        replaced: tuple[str, ...] = (),
        seconds: float = CONVERGE,
    ) -> Outcome:
        """The oracle; raises `Failed` with what differs. `replaced`: children that the user deleted."""
        got: dict[str, Any] = {}

        async def converged() -> bool:
            nonlocal got
            got = await snapshot(self.client, self.name, baseline.end)
            return got == baseline.end

        await eventually(
            converged,
            lambda: "O1-O3: " + "\n".join(differences(baseline.end, got)) + f"\n{self.explain()}",
            seconds,
        )
        converged_after = self.seconds()
        await self.quiet()
        if not await converged():
            raise Failed("O5: it did not stay: " + "\n".join(differences(baseline.end, got)))
        await self._nothing_replaced(replaced)
        await self._in_aws(baseline)
        allowed = budget * len(baseline.writes) + 10
        if len(self.writes()) > allowed:
            raise Failed(f"O6: {len(self.writes())} writes, {allowed} allowed\n{self.explain()}")
        memory = max((each.peak() for each in self.operators), default=0.0)
        outcome = Outcome(len(self.writes()), converged_after, self.rate(), memory)
        self.world.outcomes.append(outcome)
        return outcome

    async def _in_aws(self, baseline: Baseline) -> None:
        """O7: AWS holds the same, and never held two for the one endpoint."""
        account = self.world.account
        if account is None:
            return

        async def same() -> bool:
            return account.inventory(self.name) == baseline.inventory

        def apart() -> str:
            return "\n".join(differences(baseline.inventory, account.inventory(self.name)))

        await eventually(same, lambda: f"O7: {apart()}\n{self.explain()}")
        if any(count > 1 for count in account.most.values()):
            raise Failed(f"O7: at some moment there were {account.most}")

    async def at_rest(self) -> None:
        """Until the operator, just started, has looked at the endpoint and has nothing left to do."""

        async def nothing_left() -> bool:
            looked, waiting, working = await self.operator.counted(
                'controller_runtime_reconcile_time_seconds_count{controller="inferenceendpointconfig"}',
                'workqueue_depth{controller="inferenceendpointconfig",name="inferenceendpointconfig"}',
                'controller_runtime_active_workers{controller="inferenceendpointconfig"}',
            )
            return looked > 0 and not waiting and not working

        await eventually(nothing_left, self.explain)

    async def is_as(self, baseline: Baseline) -> bool:
        """Whether the cluster is as at the end of the fault-free run."""
        return await snapshot(self.client, self.name, baseline.end) == baseline.end

    async def also_clean(self, name: str) -> None:
        """Remove another endpoint that the row made."""
        await clean(self.client, name)

    async def _nothing_replaced(self, allowed: tuple[str, ...]) -> None:
        end = identities(await children(self.client, self.name), self.name)
        replaced = [each for each, uid in end.items() if self.start_uids.get(each, uid) != uid]
        replaced = [each for each in replaced if each not in allowed]
        if replaced:
            raise Failed(f"O4: deleted and made again: {', '.join(replaced)}")

    def explain(self) -> str:
        """The last requests and the last words of the operators."""
        lately = [
            f"{call.method} {call.resource}/{call.name} {call.subresource}" for call in self.writes()[-12:]
        ]
        logs = [
            "\n".join(each.log.read_text().splitlines()[-12:]) for each in self.operators if each.log.exists()
        ]
        return "\n".join(["writes:", *lately, "logs:", *logs])


def example(name: str, start: str = "create") -> Body:
    """The endpoint that an action starts with."""
    body: Body = yaml.safe_load(EXAMPLE.read_text())
    body["metadata"] = {"name": name, "namespace": NAMESPACE}
    # No scheduler of that name: pods stay pending, without a word, the same in every run.
    body["spec"] |= {"replicas": 1, "kubernetes": {"schedulerName": "nobody"}}
    scaling = body["spec"].pop("autoScalingSpec")
    if start == "autoscale":
        body["spec"]["autoScalingSpec"] = scaling
    secured = body["spec"].pop("tlsConfig")  # without AWS it takes a second of every process to find that out
    if start == "register":
        body["spec"] |= {"tlsConfig": secured, "endpointName": name}
    if start == "huggingface":
        body["spec"]["modelSourceConfig"] = {k: v for k, v in HUGGING_FACE.items() if v is not None}
    return body


async def clean(client: Client, name: str) -> None:
    """Remove an endpoint and what the garbage collector does not."""
    try:
        await client.patch(ENDPOINTS, name, NAMESPACE, {"metadata": {"finalizers": None}}, MERGE_PATCH)
        await client.delete(ENDPOINTS, name, NAMESPACE)
    except NotFound:
        pass
    for volume in (
        await client.list(PERSISTENT_VOLUMES, label_selector=owner_selector(NAMESPACE, name))
    ).items:
        with contextlib.suppress(NotFound):
            await client.delete(PERSISTENT_VOLUMES, volume["metadata"]["name"])


async def eventually(
    check: Callable[[], Awaitable[bool]], why: Callable[[], str], seconds: float = CONVERGE
) -> None:
    """Poll, within bounds, until the check holds; API errors count as not yet."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                try:
                    if await check():
                        return
                except ApiError:
                    pass
                await asyncio.sleep(POLL)
    except TimeoutError:
        raise Failed(f"not within {seconds:g} s: {why()}") from None
