"""What a user may say about fetching pictures. Plain data: importing it costs nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dataengine import __version__
from dataengine.errors import ConfigError

MAX_PILLOW_AREA = 178_956_970
"""Pixels above which Pillow refuses a picture whatever is asked of it (twice `Image.MAX_IMAGE_PIXELS`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOptions:
    """How addresses are asked for and how pictures are stored. Raises ConfigError that lists every bad value."""

    image_size: int = 384
    """Pixels of the shorter side of a stored picture; smaller originals keep their size."""
    encode_quality: int = 90
    """JPEG quality, 1 to 100."""
    min_image_size: int = 64
    """Pixels of the shorter side under which a picture is refused (`too_small`)."""
    max_aspect_ratio: float = 5.0
    """Longer over shorter side above which a picture is refused (`aspect`)."""
    max_image_area: int = 100_000_000
    """Pixels above which a picture is refused by its header, before it is decoded (`bomb`)."""
    extract_exif: bool = True
    """Store the original's EXIF fields in the ledger and beside the picture."""
    thread_count: int = 32
    """Addresses asked for at the same time by one shard."""
    timeout_s: float = 10.0
    """Seconds that a connection may take to open, and a server may keep silent."""
    deadline_s: float = 30.0
    """Seconds one address may take in all: redirects, retries and pauses included."""
    max_bytes: int = 32 * 2**20
    """Bytes of a body, or of a local file, above which it is refused (`too_large`)."""
    max_redirects: int = 5
    retries: int = 2
    """Further attempts after a cause that can heal."""
    backoff_s: float = 0.5
    """Pause before the first retry; each further one is twice as long. A longer Retry-After of the server counts."""
    contact: str | None = None
    """Address or URL of whoever runs this, put into the User-Agent; some hosts refuse clients without one."""
    user_agent: str | None = None
    """The whole User-Agent, in place of `dataengine/VERSION (+CONTACT)`."""
    user_agent_token: str = "dataengine"
    """The name by which an X-Robots-Tag header may address this program alone."""
    disallowed_directives: tuple[str, ...] = ("noai", "noimageai", "noindex", "noimageindex")
    """X-Robots-Tag directives that make a picture `opt_out`; empty to ignore the header."""
    mirrors: tuple[tuple[str, str], ...] = ()
    """(prefix, replacement): an address that starts with a prefix is asked for at its replacement, the first that fits.
    The ledger keeps the address; `final_url` says where the picture came from."""

    def __post_init__(self) -> None:
        mistakes = [
            f"{name} is {getattr(self, name)!r}, must be {low:g}{f' to {high:g}' if high < math.inf else ' or more'}"
            for name, low, high in _RANGES
            if not low <= getattr(self, name) <= high
        ]
        mistakes += [
            f"{name} is {getattr(self, name)!r}, must be printable ASCII on one line"
            for name in ("contact", "user_agent", "user_agent_token")
            if not _is_header_text(getattr(self, name) or "")
        ]
        if mistakes:
            raise ConfigError("fetch options: " + "; ".join(mistakes))

    def mirrored(self, url: str) -> str:
        """Return where `url` is asked for: at a mirror, or at itself."""
        for prefix, replacement in self.mirrors:
            if url.startswith(prefix):
                return replacement + url.removeprefix(prefix)
        return url

    def shaping(self) -> dict[str, float | None]:
        """Return the options that decide which pictures are stored and how they look; None is no bound."""
        values = {name: getattr(self, name) for name in _SHAPING}
        return {name: None if math.isinf(value) else value for name, value in values.items()}

    @property
    def user_agent_header(self) -> str:
        """The User-Agent that every request carries."""
        if self.user_agent is not None:
            return self.user_agent
        return f"dataengine/{__version__} ({f'+{self.contact}' if self.contact else 'image data set builder'})"


_SHAPING = ("image_size", "encode_quality", "min_image_size", "max_aspect_ratio", "max_image_area", "max_bytes")
_RANGES = (
    ("image_size", 16, 16_384),
    ("encode_quality", 1, 100),
    ("min_image_size", 1, 16_384),
    ("max_aspect_ratio", 1, math.inf),
    ("max_image_area", 1, MAX_PILLOW_AREA),
    ("thread_count", 1, 1024),
    ("timeout_s", 0.01, 3600),
    ("deadline_s", 0.01, 86_400),
    ("max_bytes", 1, 2**31),
    ("max_redirects", 0, 20),
    ("retries", 0, 20),
    ("backoff_s", 0, 3600),
)


def _is_header_text(text: str) -> bool:
    return text.isascii() and (text.isprintable() or not text)
