"""From a command to a running program: fork, set up, exec."""

import fcntl
import os
import resource
import signal
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from typing import NamedTuple, NoReturn

from isoproxy.local.runtime.supervisor import linux

_PIPE_SIZE = 16 * 1024  # bytes; all pipes of a user share a budget, which the relay needs more than we do
_SIGNALS = [number for number in signal.valid_signals() if number not in (signal.SIGKILL, signal.SIGSTOP)]
_OOM_SCORE = b"1000"  # as a kubelet has it for pods without a memory request: they go before twistd goes
_UMASK = 0o022
_MOST_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def allow_many_files() -> None:
    """Raise this process's own limit: it holds a pipe for each program."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MOST_FILES, _MOST_FILES))


class CannotSpawn(Exception):
    """There is no such program; the message says so to the user."""


class Spawned(NamedTuple):
    """`output` is the reading end of its stdout and stderr (None: /dev/null); `verdict` of the pipe that
    closes, empty, at the exec, or brings the reason why there was none. Both do not block."""

    pid: int
    output: int | None
    verdict: int


def spawn(
    argv: list[str], env: Mapping[str, str], *, folder: str, working_directory: str = "", files: int, keep_output: bool
) -> Spawned:
    """Fork a child that becomes the program, in a session and process group of its own. Raises CannotSpawn.

    To its own descendants the program is what the first process of a container is to them: it adopts
    orphans, and what is left of them when it ends is the supervisor's to kill. No program of a pod can gain
    rights that the supervisor has not, so that there is none it could not kill.
    """
    directory = os.path.join(folder, working_directory)
    program = _find(argv[0], env.get("PATH", os.defpath))
    with ExitStack() as ours, ExitStack() as childs:  # the ends of pipes that stay here, and those that go
        verdict = _pipe(ours, childs)
        output = _pipe(ours, childs) if keep_output else (None, _null(childs, os.O_WRONLY))
        supervisor = os.getpid()
        # A signal that comes between fork and exec must find its way to the program: until then it is pending.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            pid = os.fork()
            if pid == 0:
                _become(program, argv, env, directory, files, output[1], verdict[1], supervisor)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        ours.pop_all()
    return Spawned(pid, output[0], verdict[0])


def _find(name: str, path: str) -> str:
    if "/" in name:
        return name
    for folder in path.split(os.pathsep):
        program = os.path.join(folder, name)
        if folder and os.access(program, os.X_OK) and os.path.isfile(program):
            return program
    raise CannotSpawn(f'the command "{name}" was not found on PATH')


def _pipe(ours: ExitStack, childs: ExitStack) -> tuple[int, int]:
    out, into = os.pipe2(os.O_CLOEXEC)
    ours.callback(os.close, out)
    childs.callback(os.close, into)
    os.set_blocking(out, False)
    with suppress(OSError):  # then it keeps the default size
        fcntl.fcntl(into, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
    return out, into


def _null(stack: ExitStack, flags: int) -> int:
    null = os.open(os.devnull, flags)
    stack.callback(os.close, null)
    return null


def _become(
    program: str,
    argv: list[str],
    env: Mapping[str, str],
    directory: str,
    files: int,
    output: int,
    verdict: int,
    supervisor: int,
) -> NoReturn:
    """In the child: never returns."""
    try:
        os.setsid()
        linux.die_with_parent(signal.SIGKILL)
        if os.getppid() != supervisor:
            os._exit(127)  # it died before that call
        linux.adopt_orphans()
        linux.give_up_privileges_for_good()
        _be_first_when_memory_runs_out()
        os.umask(_UMASK)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, _MOST_FILES))
        null = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((null, 0), (output, 1), (output, 2)):
            os.dup2(source, target)  # dup2 also lets them through the exec; all others are close-on-exec
        os.chdir(directory)
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.execve(program, argv, env)
    except FileNotFoundError as error:
        what = "working directory" if error.filename == directory else "command"
        os.write(verdict, f'the {what} "{error.filename}" does not exist'.encode()[:512])
    except BaseException as error:
        os.write(verdict, f"the command {argv[0]!r} cannot be run: {error}".encode()[:512])
    finally:
        os._exit(127)


def _be_first_when_memory_runs_out() -> None:
    with suppress(OSError):  # a convenience only
        score = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
        os.write(score, _OOM_SCORE)
