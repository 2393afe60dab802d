# The image of isoproxy: operator and proxies alike. Built where there is a registry; the tests, which have none, build it
# on Debian's Python (test/cluster/images/built.py), and hold it to one that they make without an engine (ours.py).
#
#   docker build --build-arg VERSION=0.1.0 --build-arg REVISION=$(git rev-parse HEAD) -t isolation-proxy .

ARG PYTHON=3.11-slim

FROM python:${PYTHON} AS build
WORKDIR /src
COPY requirements requirements
RUN python3 -m venv /build && /build/bin/pip install --no-compile --no-deps --only-binary :all: --require-hashes -r requirements/lock-dev.txt
RUN python3 -m venv --without-pip /opt/isoproxy && /build/bin/pip --python /opt/isoproxy/bin/python3 \
    install --no-compile --no-deps --only-binary :all: --require-hashes -r requirements/lock.txt
COPY . .
RUN /build/bin/python3 -m build --wheel --no-isolation --outdir /dist && /build/bin/pip --python /opt/isoproxy/bin/python3 \
    install --no-compile --no-deps --no-index /dist/*.whl
# Whatever happens to the times of files, what is compiled stays of use; and the root is read-only when it runs. What pip has
# loaded of the packages is there already, compiled in another way: hence --force.
RUN /opt/isoproxy/bin/python3 -m compileall -q -f --invalidation-mode unchecked-hash /opt/isoproxy/lib

FROM python:${PYTHON}
COPY --from=build /opt/isoproxy /opt/isoproxy
ENV PATH=/opt/isoproxy/bin:/usr/local/bin:/usr/bin:/bin
# For the moment that credentials are files: every pod has it, and it is memory.
ENV TMPDIR=/dev/shm
# In a layer above the plugins, for it counts only if it is younger than they are.
RUN ["python3", "-c", "from twisted.plugin import IPlugin, getPlugins; list(getPlugins(IPlugin))"]
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="isoproxy" \
      org.opencontainers.image.description="Gives every TCP connection a Kubernetes pod of its own." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
USER 65532:65532
WORKDIR /
EXPOSE 9090 8080 8081
ENTRYPOINT ["twistd", "--nodaemon", "--pidfile=", "isoproxy"]
