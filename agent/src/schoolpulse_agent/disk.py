"""The disk as a seam: the real one, and one in memory for when the real one is full, read-only or gone."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from pathlib import Path
from typing import Callable, Protocol

from schoolpulse_agent.errors import SpoolInUse

_FILE_MODE = 0o600


class Disk(Protocol):
    """What the spool asks of a disk. Every method may raise OSError."""

    def names(self, folder: Path) -> list[str]:
        """The names in `folder`, sorted; none where there is no such folder."""
        ...

    def read(self, path: Path) -> bytes:
        """All of a file."""
        ...

    def read_at(self, path: Path, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset`."""
        ...

    def write_at(self, path: Path, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`, making the file if need be; durable when it returns."""
        ...

    def replace(self, path: Path, data: bytes) -> None:
        """Put `data` in the place of the whole file, all or nothing; durable when it returns."""
        ...

    def delete(self, path: Path) -> None:
        """Delete a file; one that is not there is as good as deleted."""
        ...

    def make_folder(self, folder: Path) -> None:
        """Make `folder` and its parents."""
        ...

    def delete_folder(self, folder: Path) -> None:
        """Delete an empty folder."""
        ...

    def lock(self, path: Path) -> Callable[[], None]:
        """Hold `path` against other processes until the returned function is called.

        Raises:
            SpoolInUse: another process holds it.
        """
        ...


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


class SystemDisk:
    """The machine's file system. No file stays open between calls: a batch comes every half minute."""

    def names(self, folder: Path) -> list[str]:
        """The names in `folder`, sorted."""
        try:
            return sorted(path.name for path in folder.iterdir())
        except FileNotFoundError:
            return []

    def read(self, path: Path) -> bytes:
        """All of a file."""
        return path.read_bytes()

    def read_at(self, path: Path, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset`."""
        handle = os.open(path, os.O_RDONLY)
        try:
            return os.pread(handle, size, offset)
        finally:
            os.close(handle)

    def write_at(self, path: Path, offset: int, data: bytes) -> None:
        """Write and fsync; a new file's name is made durable too."""
        is_new = not path.exists()
        handle = os.open(path, os.O_RDWR | os.O_CREAT, _FILE_MODE)
        try:
            rest = memoryview(data)
            while rest:
                written = os.pwrite(handle, rest, offset)
                rest, offset = rest[written:], offset + written
            os.fsync(handle)
        finally:
            os.close(handle)
        if is_new:
            _sync_folder(path.parent)

    def replace(self, path: Path, data: bytes) -> None:
        """Write beside, fsync, rename over."""
        beside = path.with_name(path.name + ".new")
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()
        self.write_at(beside, 0, data)
        beside.replace(path)
        _sync_folder(path.parent)

    def delete(self, path: Path) -> None:
        """Delete a file."""
        with contextlib.suppress(FileNotFoundError):
            path.unlink()

    def make_folder(self, folder: Path) -> None:
        """Make `folder` and its parents."""
        if not folder.is_dir():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _sync_folder(folder.parent)

    def delete_folder(self, folder: Path) -> None:
        """Delete an empty folder."""
        folder.rmdir()

    def lock(self, path: Path) -> Callable[[], None]:
        """An flock, which the kernel takes back however the process ends."""
        handle = os.open(path, os.O_RDWR | os.O_CREAT, _FILE_MODE)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise SpoolInUse(
                f"another agent already works in {path.parent}",
                hint="stop it first, or give this one its own [agent] state_dir",
            ) from None
        return lambda: os.close(handle)


class MemoryDisk:
    """Files in memory; what is written here ends with the process."""

    def __init__(self) -> None:
        self.files: dict[Path, bytearray] = {}

    def names(self, folder: Path) -> list[str]:
        """The names of files and folders in `folder`, sorted."""
        depth = len(folder.parts)
        return sorted({path.parts[depth] for path in self.files if folder in path.parents})

    def read(self, path: Path) -> bytes:
        """All of a file."""
        return bytes(self._file(path))

    def read_at(self, path: Path, offset: int, size: int) -> bytes:
        """At most `size` bytes from `offset`."""
        return bytes(self._file(path)[offset : offset + size])

    def write_at(self, path: Path, offset: int, data: bytes) -> None:
        """Write all of `data` at `offset`."""
        file = self.files.setdefault(path, bytearray())
        file.extend(bytes(max(0, offset - len(file))))
        file[offset : offset + len(data)] = data

    def replace(self, path: Path, data: bytes) -> None:
        """Put `data` in the place of the whole file."""
        self.files[path] = bytearray(data)

    def delete(self, path: Path) -> None:
        """Delete a file."""
        self.files.pop(path, None)

    def make_folder(self, folder: Path) -> None:
        """Folders need no making here."""

    def delete_folder(self, folder: Path) -> None:
        """Nor deleting."""

    def lock(self, path: Path) -> Callable[[], None]:  # noqa: ARG002  # no other process sees this memory
        """Nobody else can come."""
        return lambda: None

    def _file(self, path: Path) -> bytearray:
        try:
            return self.files[path]
        except KeyError:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path)) from None
