"""Removes a folder with all that is in it, whatever a program has made of it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from isoproxy.local.runtime.supervisor.complaints import complain


def remove(path: str) -> None:
    """Remove a folder with all that is in it; as `removing`, in one go."""
    for _ in removing(path):
        pass


def removing(path: str) -> Iterator[None]:
    """Remove a folder bit by bit, so that a large one holds up nobody. What cannot be removed is left, and told."""
    try:
        yield from _Removal(path).steps()
    except FileNotFoundError:
        pass
    except Exception as error:  # it must cost no more than this folder
        complain(f"{path!r} is left behind: {error!r}")


class _Removal:
    """One folder, and how far it has been emptied.

    shutil.rmtree cannot serve: it calls itself for each level, with a descriptor and a frame of Python for each, and a
    program may have made more levels than there are of either; it goes on until it is done; and it leaves what lost its
    rights. Here each folder found is moved up to the top one, under a number, and emptied in its turn: so no path is
    long, two folders are open at most, and no list is kept of what is to come.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._mark = f".{os.urandom(8).hex()}-"  # what we have moved; nobody else has such names
        self._moved = 0
        self._obstacle: OSError | None = None  # the first

    def steps(self) -> Iterator[None]:
        """Raises the error that has left something behind, at the end."""
        try:
            with _opened(self._path) as top:
                yield from self._empty(top, top)
                done = 0
                while done < self._moved:
                    done += 1
                    yield from self._remove_moved(f"{self._mark}{done}", top)
        except NotADirectoryError:  # a link, or a file, in its place
            os.unlink(self._path)
            return
        if self._obstacle is not None:
            raise self._obstacle
        os.rmdir(self._path)

    def _remove_moved(self, name: str, top: int) -> Iterator[None]:
        try:
            with _opened(name, top) as folder:
                yield from self._empty(folder, top)
            os.rmdir(name, dir_fd=top)
        except FileNotFoundError:
            pass  # somebody else was faster
        except OSError as error:
            self._obstacle = self._obstacle or error
        yield

    def _empty(self, folder: int, top: int) -> Iterator[None]:
        """Remove the files of a folder, and move the folders in it to the top one."""
        with os.scandir(folder) as entries:
            for entry in entries:
                try:
                    if not entry.is_dir(follow_symlinks=False):
                        os.unlink(entry.name, dir_fd=folder)
                    elif not entry.name.startswith(self._mark):
                        self._move(entry.name, folder, top)
                except FileNotFoundError:
                    pass
                except OSError as error:
                    self._obstacle = self._obstacle or error
                yield

    def _move(self, name: str, folder: int, top: int) -> None:
        with suppress(OSError), _opened(name, folder):
            pass  # only what is writable may be moved
        os.rename(name, f"{self._mark}{self._moved + 1}", src_dir_fd=folder, dst_dir_fd=top)
        self._moved += 1


@contextmanager
def _opened(name: str, within: int | None = None) -> Iterator[int]:
    """A descriptor of a folder whose rights a program may have taken away. Raises OSError, also for a link to one."""
    place = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=within)
    try:
        with suppress(OSError):
            os.chmod(f"/proc/self/fd/{place}", 0o700)  # there is no chmod of Linux that follows no link
        folder = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place)
    finally:
        os.close(place)
    try:
        yield folder
    finally:
        os.close(folder)
