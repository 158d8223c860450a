"""The plan's scratch database: groups a stream of rows by image with flat memory, however the files are ordered.

SQLite on the driver's local disk does the external sorting. It holds the rows as they come, the identity keys that tell
when two data sets show the same image, and how many pictures carry the same alt-text. Nothing here outlives the plan.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, Self

from dataengine.identity import normalise_url
from dataengine.records import CaptionRecord
from dataengine.staged import caption_hash, dump_record, hash_64

_SCHEMA = """
CREATE TABLE rows (seq INTEGER PRIMARY KEY, uid TEXT NOT NULL, rank INTEGER NOT NULL, is_image INTEGER NOT NULL, address INTEGER, payload TEXT NOT NULL);
CREATE TABLE keys (key INTEGER NOT NULL, seq INTEGER NOT NULL);
CREATE TABLE captions (hash INTEGER NOT NULL, uid TEXT NOT NULL);
CREATE TABLE aliases (uid TEXT PRIMARY KEY, root TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE repeated (hash INTEGER PRIMARY KEY, num_images INTEGER NOT NULL);
CREATE TABLE roots (uid TEXT PRIMARY KEY, shard INTEGER) WITHOUT ROWID;
CREATE TABLE pins (uid TEXT PRIMARY KEY, shard INTEGER NOT NULL, pinned INTEGER NOT NULL) WITHOUT ROWID;
"""
_BATCH = 5000
_CACHE_KB = 64 << 10
"""Pages that SQLite keeps in memory; its own 2 MB make building an index over millions of rows several times slower."""


class PlanDatabase:
    """Rows in, merged records out, a shard at a time. Use as a context manager; its file has no name once it is open."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)
        # A crash costs only this scratch file, so durability is traded for speed.
        self._db.executescript(
            f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA temp_store=FILE; PRAGMA cache_size=-{_CACHE_KB};{_SCHEMA}"
        )
        path.unlink()  # the system frees its room when this process ends, however it ends
        self._pending: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        self._sequence = 0
        self._first_free = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    # ------------------------------------------------------------------------------------------------------- writing

    def add(self, record: CaptionRecord, rank: int) -> None:
        """Store a source's row; `rank` is its source's precedence, lower wins."""
        self._sequence += 1
        is_image = record.url is not None or record.local is not None or bool(record.texts)
        address = None if record.url is None else hash_64(normalise_url(record.url))
        self._insert("rows", (self._sequence, record.uid, rank, is_image, address, dump_record(record)))
        for key in record.same_as:
            self._insert("keys", (hash_64(key), self._sequence))
        for text in record.texts:
            if text.kind == "alt":
                self._insert("captions", (caption_hash(text.original), record.uid))

    def add_pins(self, pins: Iterable[tuple[str, int, bool]]) -> None:
        """Store where an earlier plan put each uid, and whether it was pinned there."""
        for pin in pins:
            self._insert("pins", pin)

    def resolve(self) -> Counter[tuple[str, str]]:
        """Find which rows are the same image. Returns (dataset merged, dataset it merged into) -> number of images."""
        self._flush()
        self._forget_keys_of_strangers()
        aliases = _union(self._edges())
        self._db.executemany("INSERT INTO aliases VALUES (?, ?)", aliases.items())
        self._db.executescript("""
            INSERT INTO repeated SELECT hash, COUNT(DISTINCT uid) FROM captions GROUP BY hash HAVING COUNT(DISTINCT uid) > 1;
            CREATE TABLE repeats AS SELECT COALESCE(aliases.root, captions.uid) AS uid, hash, num_images
                FROM captions JOIN repeated USING (hash) LEFT JOIN aliases USING (uid);
            DROP TABLE captions;
            CREATE INDEX repeats_uid ON repeats (uid);
            INSERT INTO roots SELECT COALESCE(aliases.root, rows.uid), NULL FROM rows LEFT JOIN aliases USING (uid)
                GROUP BY 1 HAVING MAX(is_image);
            CREATE INDEX aliases_root ON aliases (root);
        """)
        return Counter((_dataset(uid), _dataset(root)) for uid, root in aliases.items())

    def assign(self, shard_size: int, first_free: int = 0) -> tuple[list[int], list[int]]:
        """Give every image a shard: the one it has, or a new one. Returns (earlier shards, new shards).

        New shards are cut in uid order, `shard_size` images each, numbered from `first_free` or after the highest in use.
        """
        self._first_free = first_free
        self._db.execute("UPDATE roots SET shard = (SELECT shard FROM pins WHERE pins.uid = roots.uid)")
        earlier = [row[0] for row in self._db.execute("SELECT DISTINCT shard FROM pins ORDER BY shard")]
        return earlier, self._cut("shard IS NULL", shard_size)

    def move(self, uids: Iterable[str], shard_size: int) -> list[int]:
        """Give images that must leave their shard new ones. Returns the new shards."""
        self._db.executemany("UPDATE roots SET shard = -1 WHERE uid = ?", ((uid,) for uid in uids))
        return self._cut("shard = -1", shard_size)

    # ------------------------------------------------------------------------------------------------------- reading

    def num_unmatched_rows(self) -> int:
        """Return the rows that are only side information (a hash, machine labels) of an image no file lists."""
        query = (
            "SELECT COUNT(*) FROM rows LEFT JOIN aliases USING (uid) "
            "WHERE COALESCE(aliases.root, rows.uid) NOT IN (SELECT uid FROM roots)"
        )
        return int(self._db.execute(query).fetchone()[0])

    def num_images_by_dataset(self) -> dict[str, int]:
        """Return how many images each data set's rows describe, before merging."""
        query = (
            "SELECT substr(uid, 1, length(uid) - 17) AS dataset, COUNT(DISTINCT uid) FROM rows "
            "LEFT JOIN aliases USING (uid) WHERE COALESCE(aliases.root, rows.uid) IN (SELECT uid FROM roots) "
            "GROUP BY dataset"
        )
        return dict(self._db.execute(query))

    def rows_of(self, shard: int) -> Iterator[tuple[str, list[str]]]:
        """Yield (uid, the rows about its image in their order of precedence) of one shard, in uid order."""
        query = (
            "SELECT roots.uid, rows.payload FROM roots "
            "JOIN rows ON rows.uid = roots.uid OR rows.uid IN (SELECT uid FROM aliases WHERE root = roots.uid) "
            "WHERE roots.shard = ? ORDER BY roots.uid, rows.rank, rows.seq"
        )
        for uid, group in groupby(self._db.execute(query, (shard,)), key=itemgetter(0)):
            yield uid, [payload for _, payload in group]

    def repeats_of(self, shard: int) -> dict[int, int]:
        """Return caption hash -> pictures that carry it, for the captions of one shard that more than one carries."""
        query = "SELECT DISTINCT hash, num_images FROM roots JOIN repeats USING (uid) WHERE shard = ? ORDER BY hash"
        return dict(self._db.execute(query, (shard,)))

    # ------------------------------------------------------------------------------------------------------- inside

    def _insert(self, table: str, row: tuple[Any, ...]) -> None:
        self._pending[table].append(row)
        if len(self._pending[table]) >= _BATCH:
            self._write(table)

    def _write(self, table: str) -> None:
        rows = self._pending.pop(table, [])
        if rows:
            places = ", ".join("?" * len(rows[0]))
            self._db.executemany(f"INSERT INTO {table} VALUES ({places})", rows)

    def _flush(self) -> None:
        for table in list(self._pending):
            self._write(table)
        self._db.execute("CREATE INDEX keys_key ON keys (key, seq)")
        self._db.execute("CREATE INDEX rows_uid ON rows (uid, address)")

    def _forget_keys_of_strangers(self) -> None:
        """Forget what a row with a known id and another URL says of identity: it may be about another picture."""
        query = "SELECT uid FROM rows GROUP BY uid HAVING MIN(address) <> MAX(address)"
        for (uid,) in self._db.execute(query).fetchall():
            query = "SELECT seq, address FROM rows WHERE uid = ? AND address NOT NULL ORDER BY rank, seq"
            (_, first), *others = self._db.execute(query, (uid,)).fetchall()
            strangers = [(seq,) for seq, address in others if address != first]
            self._db.executemany("DELETE FROM keys WHERE seq = ?", strangers)

    def _edges(self) -> Iterator[tuple[int, str, int, str]]:
        """Yield (rank, uid, rank, uid) for rows that share an identity key, the one of precedence first."""
        query = (
            "SELECT DISTINCT key, rank, uid FROM keys JOIN rows USING (seq) "
            "WHERE key IN (SELECT key FROM keys GROUP BY key HAVING COUNT(*) > 1) ORDER BY key, rank, uid"
        )
        for _, group in groupby(self._db.execute(query), key=itemgetter(0)):
            (_, first_rank, first), *others = group
            yield from ((first_rank, first, rank, uid) for _, rank, uid in others if uid != first)

    def _cut(self, condition: str, shard_size: int) -> list[int]:
        query = (
            "SELECT 1 + MAX(COALESCE((SELECT MAX(shard) FROM roots), -1), COALESCE((SELECT MAX(shard) FROM pins), -1))"
        )
        start = max(self._first_free, int(self._db.execute(query).fetchone()[0]))
        self._db.execute(
            "UPDATE roots SET shard = cut.shard FROM (SELECT uid AS cut_uid, "
            f"? + (ROW_NUMBER() OVER (ORDER BY uid) - 1) / ? AS shard FROM roots WHERE {condition}) AS cut "
            "WHERE roots.uid = cut.cut_uid",
            (start, shard_size),
        )
        self._db.execute("CREATE INDEX IF NOT EXISTS roots_shard ON roots (shard)")
        query = "SELECT DISTINCT shard FROM roots WHERE shard >= ? ORDER BY shard"
        return [row[0] for row in self._db.execute(query, (start,))]


def _union(edges: Iterable[tuple[int, str, int, str]]) -> dict[str, str]:
    """Return uid -> root over all edges; the root is the member of the best rank. Memory grows with the overlaps only."""
    parents: dict[str, tuple[int, str]] = {}

    def find(node: tuple[int, str]) -> tuple[int, str]:
        while (parent := parents.get(node[1], node)) != node:
            node = parent
        return node

    for first_rank, first, rank, uid in edges:
        winner, loser = sorted((find((first_rank, first)), find((rank, uid))))
        if winner != loser:
            parents[loser[1]] = winner
    return {uid: find(parent)[1] for uid, parent in parents.items()}


def _dataset(uid: str) -> str:
    return uid.rsplit("-", 1)[0]
