"""Who calls: a bearer token, found by its SHA-256, and the scopes that it has."""

import hashlib
from typing import Annotated

from database import SessionOfRequest
from fastapi import HTTPException, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from models import AccessToken, Client
from sqlalchemy import func, select
from sqlalchemy.orm import joinedload

bearer = HTTPBearer()


async def caller(
    needed: SecurityScopes,
    credentials: Annotated[HTTPAuthorizationCredentials, Security(bearer)],
    session: SessionOfRequest,
) -> Client:
    digest = hashlib.sha256(credentials.credentials.encode()).hexdigest()
    query = (
        select(AccessToken)
        .where(AccessToken.digest == digest, AccessToken.expires_at > func.now())
        .options(joinedload(AccessToken.client))
    )
    token = (await session.scalars(query)).one_or_none()
    if token is None:
        raise HTTPException(401, "The access token is unknown or has expired.")
    if not set(needed.scopes) <= set(token.client.scopes.split()):
        raise HTTPException(403, "The access token lacks a scope.")
    return token.client


def needs(scope: str) -> Client:
    return Security(caller, scopes=[scope])
