"""Who may call an inference gateway."""

from typing import Annotated, Literal

from pydantic import Field

from hyperpod_inference.api.base import Items, Rule, Value

HttpsUrl = Annotated[str, Field(pattern=r"^https://.+")]


class RequiredClaim(Value):
    """A claim that a token must carry."""

    name: Annotated[str, Field(max_length=253)]
    """Name of the claim."""
    value_type: Literal["String", "StringArray"] = "String"
    """Type of the claim."""
    values: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=1024)], ...],
        Field(strict=False, min_length=1, max_length=128),
    ]
    """Values of which one must be there."""


class RemoteJwks(Value):
    """The issuer's keys."""

    uri: HttpsUrl
    """URL of the key set."""


class JwtProvider(Value):
    """Whose tokens are accepted."""

    audiences: Annotated[Items[str], Field(max_length=8)] | None = None
    """Audiences of which one must be in the token."""
    issuer: HttpsUrl
    """Issuer of the tokens."""
    name: str
    """Name of the provider."""
    remote_jwks: Annotated[RemoteJwks, Field(alias="remoteJWKS")]
    """The issuer's keys."""
    required_claims: Annotated[Items[RequiredClaim], Field(max_length=16)] | None = None
    """Claims that must be in the token."""

    rules = (
        Rule(
            cel=(
                "(has(self.audiences) && size(self.audiences) > 0)"
                " || (has(self.requiredClaims) && size(self.requiredClaims) > 0)"
            ),
            message="any token of this issuer would be accepted: add audiences, requiredClaims or both",
            field="audiences",
            holds=lambda provider: bool(provider.audiences or provider.required_claims),
        ),
    )


class JwtAuth(Value):
    """Authentication by JSON Web Tokens."""

    provider: JwtProvider
    """Whose tokens are accepted."""


class GatewayAuth(Value):
    """Who may call; health routes stay open."""

    jwt: JwtAuth | None = None
    """Authentication by JSON Web Tokens."""
