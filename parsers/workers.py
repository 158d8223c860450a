"""Chunks of captions parsed by several processes, answered in the order in which they came."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, NamedTuple

from dataengine.errors import DataEngineError
from dataengine.parsers.parser import Parser
from dataengine.records import ParsedCaption
from dataengine.torch_guard import keep_torch_out
from dataengine.vocab import Vocabulary

CHUNKS_AHEAD = 2
"""Chunks a worker that are read before the first is written: one in work, one that waits. They bound the memory."""

MAX_CHARACTERS = 4_000_000
"""Of captions in a chunk, give or take one."""

Encode = Callable[[Sequence[str], Iterable[ParsedCaption]], Any]


class Chunk(NamedTuple):
    """Some rows: ids, captions, and the source of each."""

    ids: list[str]
    captions: list[str]
    sources: list[str | None]


def make_chunks(rows: Iterable[tuple[str, str, str | None]], num_rows: int) -> Iterator[Chunk]:
    """Yield (id, caption, source) rows in chunks of `num_rows`, of fewer where captions are very long."""
    chunk, num_characters = Chunk([], [], []), 0
    for row_id, caption, source in rows:
        chunk.ids.append(row_id)
        chunk.captions.append(caption)
        chunk.sources.append(source)
        num_characters += len(caption)
        if len(chunk.ids) == num_rows or num_characters >= MAX_CHARACTERS:
            yield chunk
            chunk, num_characters = Chunk([], [], []), 0
    if chunk.ids:
        yield chunk


class ChunkParser:
    """Parses chunks and encodes the answers."""

    def __init__(self, parser: Parser, encode: Encode) -> None:
        self._parser = parser
        self._encode = encode

    def __call__(self, chunk: Chunk) -> Any:
        """Return the chunk's parsed captions, encoded."""
        return self._encode(chunk.ids, self._parser.parse_many(chunk.captions, chunk.sources))


def parse_chunks(
    parser: Parser, encode: Encode, chunks: Iterable[Chunk], num_workers: int
) -> Generator[Any, None, None]:
    """Yield each chunk parsed and encoded, in order: in this process, or in `num_workers` others if more than one.

    Raises DataEngineError where a worker dies, which is what happens to it when memory runs out.
    """
    if num_workers <= 1:
        yield from map(ChunkParser(parser, encode), chunks)
        return
    # Spawned and not forked: pyarrow has threads by now, and locks that a thread holds stay locked in a fork.
    pool = ProcessPoolExecutor(
        num_workers,
        multiprocessing.get_context("spawn"),
        _set_up_worker,
        (parser.vocab, parser.graph, encode),
    )
    try:
        yield from _in_order(pool, chunks, num_workers * CHUNKS_AHEAD)
    except BrokenProcessPool as error:
        raise DataEngineError(
            "a worker process died, most likely for want of memory; give fewer --workers and run the command again"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(pool: ProcessPoolExecutor, chunks: Iterable[Chunk], num_ahead: int) -> Iterator[Any]:
    pending: deque[Future[Any]] = deque()
    for chunk in chunks:
        pending.append(pool.submit(_parse_chunk, chunk))
        if len(pending) > num_ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


# ------------------------------------------------------------------------------------------------- inside a worker

_chunk_parsers: list[ChunkParser] = []
"""The worker's one."""


def _set_up_worker(vocab: Vocabulary, graph: bool, encode: Encode) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    keep_torch_out()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _chunk_parsers.append(ChunkParser(Parser(vocab, graph=graph), encode))


def _leave_with_parent() -> None:
    """End this process when its parent is gone, also where the parent was killed: nobody takes the answers any more."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _parse_chunk(chunk: Chunk) -> Any:
    return _chunk_parsers[0](chunk)
