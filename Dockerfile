# Tunebot in an image: `docker build -t tunebot .`; the README's `docker run` line starts it. Podman and buildah keep the
# health check only with `--format docker`. A folder that is mounted on /data instead of a volume must belong to user 10001.
#
# requirements.lock pins every package by hash, also setuptools, which builds our own wheel. Renew it after a change of
# the dependencies in pyproject.toml, or to use newer versions:
#   uv export --upgrade --no-dev --group build --no-emit-project --no-header --quiet --output-file requirements.lock
# The base image is named by its tag, so that a new build gets Debian's security updates. To pin it as well, name its digest:
#   docker build --build-arg BASE=python:3.12-slim-bookworm@sha256:... -t tunebot .
# `.ci/image` builds this file without a Docker daemon, on a base made from Debian's packages, and runs the result.

ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/tunebot
WORKDIR /src
# The dependencies come first: after a change of our own code their layer is used again.
COPY requirements.lock .
RUN /opt/tunebot/bin/pip install --no-compile --only-binary=:all: --require-hashes -r requirements.lock
COPY . .
# setuptools from the lock builds the wheel: --no-build-isolation uses it, and --no-index lets pip fetch nothing else.
# The running bot needs neither pip nor setuptools.
RUN /opt/tunebot/bin/pip install --no-compile --no-deps --no-build-isolation --no-index . \
 && /opt/tunebot/bin/pip check \
 && /opt/tunebot/bin/pip uninstall --yes pip setuptools \
 && /opt/tunebot/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/tunebot/lib

FROM ${BASE}
# The user id is fixed: a volume's files keep their owner, and Kubernetes can check that it is not root.
RUN useradd --no-log-init --uid 10001 --user-group --home-dir /data --no-create-home --shell /usr/sbin/nologin tunebot \
 && install -d -o 10001 -g 10001 -m 0750 /data
COPY --from=build /opt/tunebot /opt/tunebot
ENV PATH=/opt/tunebot/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TUNEBOT_DB=/data/tunebot.db \
    PORT=3000
WORKDIR /data
VOLUME /data
EXPOSE 3000
USER 10001:10001
STOPSIGNAL SIGTERM
# http.client and not urllib: it uses no proxy, so this request never leaves the container.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["python3", "-c", "\
import http.client, os, sys; \
host = (os.environ.get('HOST') or '127.0.0.1').split(',')[0].strip(); \
host = {'0.0.0.0': '127.0.0.1', '::': '::1'}.get(host, host); \
health = http.client.HTTPConnection(host, int(os.environ.get('PORT') or 3000), timeout=4); \
health.request('GET', '/livez'); \
sys.exit(health.getresponse().status != 200)"]
CMD ["tunebot", "run"]
