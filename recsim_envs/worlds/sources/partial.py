"""`PartialFile`: the beginning of a download, which outlives the process that was writing it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path


class PartialFile:
    """`<name>.part`, and beside it in `<name>.part.json` which file of the server's it is the beginning of.

    It is gone on with only where the server can say that its file is still the same (RFC 9110, sections 13.1.5 and
    14.2: If-Range with a strong ETag or a date); otherwise it is begun anew.
    """

    def __init__(self, path: Path, url: str) -> None:
        self.path = path
        self._url = url
        self._note = path.with_name(f"{path.name}.json")

    @property
    def size(self) -> int:
        """Bytes there are."""
        return self.path.stat().st_size if self.path.exists() else 0

    def headers(self) -> dict[str, str]:
        """What to ask for: the rest if the file is still the same, or everything where there is no beginning."""
        version = self._version()
        if not version or not self.size:
            return {}
        return {"Range": f"bytes={self.size}-", "If-Range": version}

    def start(self, headers: Mapping[str, str]) -> None:
        """Begin anew with the file that a response is about."""
        self.clear()
        etag = headers.get("ETag", "")
        strong = etag if etag and not etag.startswith("W/") else ""
        version = strong or headers.get("Last-Modified", "")
        self._note.write_text(json.dumps({"url": self._url, "version": version}), "utf-8")

    def continues(self, headers: Mapping[str, str]) -> bool:
        """Whether a response brings what comes right after the bytes there are."""
        return headers.get("Content-Range", "").startswith(f"bytes {self.size}-")

    def is_whole(self, headers: Mapping[str, str]) -> bool:
        """Whether a response to a range beyond the file's end (416) says that the bytes there are are all of it."""
        return headers.get("Content-Range") == f"bytes */{self.size}"

    def clear(self) -> None:
        """Throw away what there is."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def finish(self, target: Path) -> None:
        """Move the whole file to where it belongs."""
        self.path.replace(target)
        self._note.unlink(missing_ok=True)

    def _version(self) -> str:
        try:
            note = json.loads(self._note.read_text("utf-8"))
            return str(note["version"]) if note["url"] == self._url else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""
