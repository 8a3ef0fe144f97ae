"""A server on loopback whose every answer takes the same time, as many at once as it has slots.

It speaks as much of the chat completions protocol as the client needs. One event loop and no threads: what it costs to
serve is small beside the latency, and writing the answer is part of the latency, so that a slot is held for exactly
that long.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from bilp_agent.llm import Message, Request
from bilp_agent.llm.scripted import ScriptedModel
from tests.bilp_agent.llm.servers import good

LATENCY, SLOTS = 0.2, 64  # seconds an answer takes; answers that the server works on at once


@contextmanager
def paced() -> Iterator[str]:
    """The scripted writer behind such a server, in a process of its own as any real one; its URL."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(there,))
    process.start()
    try:
        yield here.recv()
    finally:
        here.send(None)
        process.join()


def _serve(pipe: Connection) -> None:
    asyncio.run(_listen(pipe))


async def _listen(pipe: Connection) -> None:
    """Tell the port, and serve until the pipe says to stop."""
    slots, writer, loop = asyncio.Semaphore(SLOTS), ScriptedModel(), asyncio.get_running_loop()

    async def answer(content: bytes) -> bytes:
        async with slots:
            due = loop.time() + LATENCY
            messages = tuple(Message(m["role"], m["content"]) for m in json.loads(content)["messages"])
            body = good(writer.generate([Request(messages)])[0].text or "fine")[2]
            await asyncio.sleep(due - loop.time())
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body

    async def converse(reader: asyncio.StreamReader, stream: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                stream.write(await answer(await reader.readexactly(length)))
        except (asyncio.IncompleteReadError, ConnectionError):
            stream.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0, backlog=256)
    pipe.send(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
    await loop.run_in_executor(None, pipe.recv)
