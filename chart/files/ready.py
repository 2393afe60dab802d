"""Waits until an operator is ready: HOST PORT SECONDS. It ends with 1 when the time is over."""

import sys
import time
import urllib.error
import urllib.request

host, port, seconds = sys.argv[1:]
url = f"http://[{host}]:{port}/readyz" if ":" in host else f"http://{host}:{port}/readyz"
end = time.monotonic() + float(seconds)
while True:
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            print(reply.read().decode())
        break
    except OSError as error:  # not there yet, or not ready; what is missing is in the answer
        missing = error.read().decode() if isinstance(error, urllib.error.HTTPError) else ""
        print(error, missing, flush=True)
    if time.monotonic() >= end:
        sys.exit(1)
    time.sleep(1)
