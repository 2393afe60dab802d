"""Stands in for twistd: runs pods until it is killed. `python -m test.local.runtime.host FOLDER MARK`"""

import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred

from test.local.runtime.support import DAEMON, make_runtime, pod_id, python, run


async def host(base: Path, mark: str) -> None:
    runtime = make_runtime(base)
    await runtime.start()
    for number in range(3):
        await run(runtime, pod_id(f"pod-{number}"), *python(DAEMON + "time.sleep(1000)"), MARK=mark)


def main() -> None:
    running = Deferred.fromCoroutine(host(Path(sys.argv[1]), sys.argv[2]))
    running.addErrback(lambda failure: failure.printTraceback())
    reactor.run()


if __name__ == "__main__":
    main()
