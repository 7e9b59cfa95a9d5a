# Tunebot in an image: `docker build -t tunebot .`, then
# `docker run --env-file tunebot.env -v tunebot:/data -p 3000:3000 tunebot`. Podman and buildah keep the health check only
# with `--format docker`. A folder that is mounted on /data instead of a volume has to belong to user 10001.
#
# requirements.lock pins every dependency by hash. After a change of the dependencies in pyproject.toml, or to take
# newer versions, renew it by
#   uv export --upgrade --no-emit-project --no-header --quiet --output-file requirements.lock

ARG BASE=python:3.12-slim-bookworm

FROM ${BASE} AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /opt/tunebot
WORKDIR /src
# The dependencies come first, so that a change of our own code leaves their layer alone.
COPY requirements.lock .
RUN /opt/tunebot/bin/pip install --no-compile --only-binary=:all: --require-hashes -r requirements.lock
COPY . .
# The dependencies were checked by hash above; what pip itself brought along is of no use to a running bot.
RUN /opt/tunebot/bin/pip install --no-compile --no-deps . \
 && /opt/tunebot/bin/pip check \
 && /opt/tunebot/bin/pip uninstall --yes pip setuptools \
 && /opt/tunebot/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/tunebot/lib

FROM ${BASE}
# A fixed number, so that a volume's files keep their owner and Kubernetes can see that it is not root.
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
# http.client rather than urllib: it knows no proxies, so this question never leaves the container.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 CMD ["python3", "-c", "\
import http.client, os, sys; \
health = http.client.HTTPConnection('127.0.0.1', int(os.environ.get('PORT') or 3000), timeout=4); \
health.request('GET', '/healthz'); \
sys.exit(health.getresponse().status != 200)"]
CMD ["tunebot", "run"]
