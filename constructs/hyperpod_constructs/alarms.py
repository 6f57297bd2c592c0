"""The alerts of the charts' PrometheusRule as alarms of CloudWatch: the same names, bounds and runbooks.

What each says and how long it waits is read from `hyperpod_charts.rules`; here stands only how CloudWatch
asks the question. A spell is counted in whole periods of five minutes.
"""

import math
import re
from collections.abc import Sequence
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from hyperpod_charts import rules
from hyperpod_constructs.acknowledge import HIPAA, NIST_R4, NIST_R5, acknowledge
from hyperpod_constructs.monitoring import EndpointMetrics
from hyperpod_constructs.operator_metrics import FIVE_MINUTES, OperatorMetrics

RUNBOOKS: Final = "docs/alerts.md"
ABOVE: Final = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD
BELOW: Final = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD
_HOUR: Final = Duration.hours(1)
_RULES: Final = {rule["alert"]: rule for rule in rules.alerts()}
_MINUTES: Final = {"m": 1, "h": 60}


class InferenceAlarms(Construct):
    """Alarms for endpoints, and one for the operator.

    Three of them, and the operator's, watch what the operator tells CloudWatch. Slow first bytes and a full
    cache are seen where a collector writes the endpoints' own metrics there.

    Args:
        endpoints: those to watch.
        cluster_name: the operator's `EKS_CLUSTER_NAME`; default not set.
        actions: what an alarm does; default nothing but to show.
        runbooks: where `docs/alerts.md` of this project is read, as the address of a wiki; default that name.

    Attributes:
        alarms: by the alert's name; those of endpoints by `ALERT NAMESPACE/NAME`.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        endpoints: Sequence[EndpointMetrics],
        cluster_name: str | None = None,
        actions: Sequence[cloudwatch.IAlarmAction] = (),
        runbooks: str = RUNBOOKS,
    ) -> None:
        super().__init__(scope, construct_id)
        self._runbooks = runbooks
        self.alarms: dict[str, cloudwatch.AlarmBase] = {}
        for endpoint in endpoints:
            self._of_endpoint(endpoint, cluster_name)
        leaders = OperatorMetrics(cluster_name).leaders()
        breaching = cloudwatch.TreatMissingData.BREACHING  # who does not lead tells nothing
        self._alarm("HyperPodOperatorLeaderless", leaders, 1, compare=BELOW, missing=breaching)
        for alarm in self.alarms.values():
            alarm.add_alarm_action(*actions)

    def _of_endpoint(self, endpoint: EndpointMetrics, cluster_name: str | None) -> None:
        told = endpoint.state(cluster_name)
        not_ready = cloudwatch.MathExpression(
            expression="IF(ready < 1 AND wanted > 0, 1, 0)",
            using_metrics={"ready": told.ready(), "wanted": told.desired_replicas()},
            label="not ready",
            period=FIVE_MINUTES,
        )
        full = cloudwatch.MathExpression(
            expression=f"IF(usage > {rules.CACHE_FULL} AND waiting > 0, 1, 0)",
            using_metrics={"usage": endpoint.kv_cache_usage(), "waiting": endpoint.waiting_requests()},
            label="full",
            period=FIVE_MINUTES,
        )
        self._alarm("HyperPodEndpointNotReady", not_ready, 0, endpoint)
        self._alarm("HyperPodEndpointOnFallback", told.fallback_replicas(), 0, endpoint)
        self._burn("HyperPodFirstByteBurn", endpoint)
        self._alarm("HyperPodKVCacheFull", full, 0, endpoint)
        days = told.certificate_days_left()
        self._alarm("HyperPodCertificateNearExpiry", days, rules.CERTIFICATE_DAYS, endpoint, compare=BELOW)

    def _alarm(
        self,
        alert: str,
        metric: cloudwatch.IMetric,
        bound: float,
        endpoint: EndpointMetrics | None = None,
        *,
        compare: cloudwatch.ComparisonOperator = ABOVE,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        self.alarms[_key(alert, endpoint)] = cloudwatch.Alarm(
            self,
            _id(alert, endpoint),
            metric=metric,
            threshold=bound,
            comparison_operator=compare,
            evaluation_periods=periods(_RULES[alert]["for"]),
            alarm_description=self._says(alert, endpoint),
            treat_missing_data=missing,
        )

    def _burn(self, alert: str, endpoint: EndpointMetrics) -> None:
        """Both windows burn: the short one alone would be noise, the long one alone would not end."""
        where = Construct(self, _id(alert, endpoint))
        budget = rules.BURN * 100 * (1 - rules.OBJECTIVE)
        windows = [
            cloudwatch.Alarm(
                where,
                name,
                metric=endpoint.slow_first_bytes(rules.SLOW_MILLISECONDS, period=period),
                threshold=round(budget, 6),
                comparison_operator=ABOVE,
                evaluation_periods=1,
                alarm_description=f"{alert}: a part of it",
                treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
            )
            for name, period in (("Short", FIVE_MINUTES), ("Long", _HOUR))
        ]
        for each in windows:
            acknowledge(each, "CloudWatchAlarmAction", _PART, HIPAA, NIST_R4, NIST_R5)
        burning = [cloudwatch.AlarmRule.from_alarm(each, cloudwatch.AlarmState.ALARM) for each in windows]
        self.alarms[_key(alert, endpoint)] = cloudwatch.CompositeAlarm(
            where,
            "Both",
            alarm_rule=cloudwatch.AlarmRule.all_of(*burning),
            alarm_description=self._says(alert, endpoint),
        )

    def _says(self, alert: str, endpoint: EndpointMetrics | None) -> str:
        rule = _RULES[alert]
        who = f" {endpoint.namespace}/{endpoint.name}" if endpoint else ""
        severity, summary = rule["labels"]["severity"], rule["annotations"]["summary"]
        anchor = rule["annotations"]["runbook"].rpartition("#")[2]
        return f"{alert}{who} ({severity}): {summary} Runbook: {self._runbooks}#{anchor}"


_PART: Final = "A part of a composite alarm, which acts when both parts are in alarm."


def periods(spell: str) -> int:
    """How many periods of CloudWatch a rule's `for` is, as `15m` or `1h`; at least one."""
    found = re.fullmatch(r"(\d+)([mh])", spell)
    if found is None:
        raise ValueError(f"a spell is minutes or hours, as 15m: got {spell}")
    return math.ceil(int(found[1]) * _MINUTES[found[2]] / FIVE_MINUTES.to_minutes())


def _key(alert: str, endpoint: EndpointMetrics | None) -> str:
    return f"{alert} {endpoint.namespace}/{endpoint.name}" if endpoint else alert


def _id(alert: str, endpoint: EndpointMetrics | None) -> str:
    return f"{alert}-{endpoint.namespace}-{endpoint.name}" if endpoint else alert
