# The base of both stages; Renovate brings a newer digest.
ARG BASE=docker.io/library/python:3.13-slim-bookworm@sha256:01f42367a0a94ad4bc17111776fd66e3500c1d87c15bbd6055b7371d39c124fb

FROM ${BASE} AS build
# The same sources make the same wheel and the same byte code.
ARG SOURCE_DATE_EPOCH=0
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH} \
    PYTHONHASHSEED=0
WORKDIR /src
COPY requirements/build.txt requirements/runtime.txt requirements/
RUN python3 -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r requirements/build.txt \
    && python3 -m venv /opt/exporter \
    && /opt/exporter/bin/pip install --no-cache-dir --no-compile --require-hashes -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY deploy/man deploy/man
COPY exporter exporter
RUN /opt/build/bin/python -m build --wheel --no-isolation --outdir /tmp/wheel \
    && /opt/exporter/bin/pip install --no-cache-dir --no-compile --no-deps --no-index /tmp/wheel/*.whl \
    && /opt/exporter/bin/python -m compileall -qf --invalidation-mode=unchecked-hash /opt/exporter/lib \
    && rm -rf /opt/exporter/lib/python*/site-packages/pip /opt/exporter/bin/pip*

FROM ${BASE}
ARG BASE
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="modelarts-exporter" \
      org.opencontainers.image.description="Prometheus exporter for ModelArts jobs, quotas and durations" \
      org.opencontainers.image.source="https://github.com/modelarts-exporter/modelarts-exporter" \
      org.opencontainers.image.documentation="https://github.com/modelarts-exporter/modelarts-exporter/blob/main/README.md" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${BASE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}"
COPY --from=build /opt/exporter /opt/exporter
ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MODELARTS_EXPORTER_REVISION="${REVISION}"
USER 65534:65534
EXPOSE 10198
# It reads the port from the exporter's command line.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s CMD ["/opt/exporter/bin/python", "-m", "exporter.health_check"]
ENTRYPOINT ["/opt/exporter/bin/modelarts-exporter"]
CMD ["--config.file=/etc/modelarts-exporter/modelarts.yml"]
