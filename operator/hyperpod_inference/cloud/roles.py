"""IAM: roles with their policies, and the OIDC provider of a cluster."""

import json
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hyperpod_inference.cloud.errors import Exists, Missing, translated
from hyperpod_inference.cloud.session import Session

Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Role:
    """A role: who may assume it and what it may do. inline: policy name to document."""

    arn: str
    name: str
    trust: Document
    attached: tuple[str, ...] = ()
    inline: Mapping[str, Document] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)


class Iam:
    """The calls; each blocks, and raises CloudError."""

    def __init__(self, session: Session) -> None:
        self._client = session.client("iam")
        self._sts = session.client("sts")

    def caller(self) -> tuple[str, str]:
        """Account and ARN of whoever calls."""
        with translated("sts:GetCallerIdentity"):
            answer = self._sts.get_caller_identity()
        return answer["Account"], answer["Arn"]

    def principal(self, caller: str) -> str:
        """The role or user whose policies count for a caller's ARN; '' for root and federated users.

        A session's ARN has lost the path of its role, so the role is asked.
        """
        kind, _, rest = caller.rpartition(":")[2].partition("/")
        if kind == "user":
            return caller
        if kind != "assumed-role":
            return ""
        with translated("iam:GetRole"):
            return str(self._client.get_role(RoleName=rest.partition("/")[0])["Role"]["Arn"])

    def knows_issuer(self, issuer: str) -> bool:
        """Whether an OIDC provider of the account stands for the issuer (given without https://)."""
        with translated("iam:ListOpenIDConnectProviders"):
            listed = self._client.list_open_id_connect_providers()["OpenIDConnectProviderList"]
        return any(each["Arn"].partition("oidc-provider/")[2] == issuer for each in listed)

    def role(self, name: str) -> Role | None:
        """The role with its policies, or None. `name` may be an ARN, with or without a path."""
        name = name.rpartition("/")[2]
        try:
            with translated("iam:GetRole"):
                body = self._client.get_role(RoleName=name)["Role"]
        except Missing:
            return None
        with translated("iam:ListAttachedRolePolicies"):
            attached = self._client.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
        with translated("iam:ListRolePolicies"):
            inline = self._client.list_role_policies(RoleName=name)["PolicyNames"]
        return Role(
            arn=body["Arn"],
            name=name,
            trust=_document(body["AssumeRolePolicyDocument"]),
            attached=tuple(each["PolicyArn"] for each in attached),
            inline={policy: self._inline(name, policy) for policy in inline},
            tags={tag["Key"]: tag["Value"] for tag in body.get("Tags") or ()},
        )

    def create(self, role: Role) -> str:
        """Create the role, or complete one that an earlier try left half made; returns its ARN."""
        try:
            with translated("iam:CreateRole"):
                answer = self._client.create_role(
                    RoleName=role.name,
                    AssumeRolePolicyDocument=json.dumps(role.trust, sort_keys=True),
                    Tags=[{"Key": key, "Value": value} for key, value in role.tags.items()],
                )
            arn = str(answer["Role"]["Arn"])
        except Exists:
            self.set_trust(role.name, role.trust)
            found = self.role(role.name)
            arn = found.arn if found else ""
        self._add(role.name, role.attached, role.inline)
        return arn

    def set_trust(self, name: str, trust: Document) -> None:
        """Replace who may assume the role."""
        with translated("iam:UpdateAssumeRolePolicy"):
            self._client.update_assume_role_policy(
                RoleName=name, PolicyDocument=json.dumps(trust, sort_keys=True)
            )

    def delete(self, name: str) -> None:
        """Delete the role with its inline policies; managed ones are detached. Gone already is fine."""
        role = self.role(name)
        if role is None:
            return
        self._strip(name, role.attached, role.inline)
        with translated("iam:DeleteRole"):
            self._client.delete_role(RoleName=name)

    def restore(self, role: Role) -> None:
        """Make a role that exists what it was: its trust and policies. Gone meanwhile is fine."""
        found = self.role(role.name)
        if found is None:
            return
        if found.trust != role.trust:
            self.set_trust(role.name, role.trust)
        self._strip(role.name, set(found.attached) - set(role.attached), found.inline.keys() - role.inline)
        self._add(role.name, set(role.attached) - set(found.attached), {
            name: document for name, document in role.inline.items() if found.inline.get(name) != document
        })  # fmt: skip

    def denied(self, principal: str, actions: Iterable[str], resource: str) -> tuple[set[str], set[str]]:
        """Which actions on a resource IAM says the principal may not take; and for which it cannot say.

        IAM evaluates the policies of the role or user, its boundary and the organization's. It does not see
        session policies, policies of the resource itself, and what depends on the request.
        """
        with translated("iam:SimulatePrincipalPolicy"):
            pages = self._client.get_paginator("simulate_principal_policy").paginate(
                PolicySourceArn=principal, ActionNames=sorted(actions), ResourceArns=[resource]
            )
            results = [each for page in pages for each in page["EvaluationResults"]]
        refused = [each for each in results if each["EvalDecision"] != "allowed"]
        unsure = {each["EvalActionName"] for each in refused if each.get("MissingContextValues")}
        return {each["EvalActionName"] for each in refused} - unsure, unsure

    def _strip(self, name: str, attached: Iterable[str], inline: Iterable[str]) -> None:
        for policy in attached:
            with translated("iam:DetachRolePolicy"):
                self._client.detach_role_policy(RoleName=name, PolicyArn=policy)
        for policy in inline:
            with translated("iam:DeleteRolePolicy"):
                self._client.delete_role_policy(RoleName=name, PolicyName=policy)

    def _add(self, name: str, attached: Iterable[str], inline: Mapping[str, Document]) -> None:
        for policy in attached:
            with translated("iam:AttachRolePolicy"):
                self._client.attach_role_policy(RoleName=name, PolicyArn=policy)
        for policy, document in inline.items():
            with translated("iam:PutRolePolicy"):
                self._client.put_role_policy(
                    RoleName=name, PolicyName=policy, PolicyDocument=json.dumps(document, sort_keys=True)
                )

    def _inline(self, role: str, policy: str) -> Document:
        with translated("iam:GetRolePolicy"):
            answer = self._client.get_role_policy(RoleName=role, PolicyName=policy)
        return _document(answer["PolicyDocument"])


def _document(value: Any) -> Document:
    """botocore decodes policy documents itself; a double may hand out text."""
    return dict(json.loads(urllib.parse.unquote(value)) if isinstance(value, str) else value)
