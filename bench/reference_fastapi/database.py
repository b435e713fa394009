"""The engine, a session for each request, and ``python -m database`` to make the tables."""

import asyncio
import os
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends
from models import Base
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

# Of each of two workers: enough for 32 clients, without a queue.
engine = create_async_engine(os.environ["REFERENCE_DATABASE_URL"], pool_size=16, max_overflow=4)
Session = async_sessionmaker(engine, expire_on_commit=False)


async def session() -> AsyncIterator[AsyncSession]:
    async with Session() as opened:
        yield opened


SessionOfRequest = Annotated[AsyncSession, Depends(session)]


async def make_tables() -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE EXTENSION IF NOT EXISTS btree_gist"))
        await connection.run_sync(Base.metadata.create_all)


if __name__ == "__main__":
    asyncio.run(make_tables())
