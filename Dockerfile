# The one image of the product: operator, trader and venue simulator, told apart by the command that is run.
# `--target simulator` makes a smaller one that holds the simulator alone.
#
# It is built without a network. `tests/cluster/image` (make image) first puts into build/image/:
#   wheels/  the locked dependencies for this image's Python, and requirements.txt with their hashes
#   app/     the project's own wheel
#   simulator.txt  the locked dependencies of the simulator's own image
#   compile/  mypy and what it needs for this Python, compile.txt with their hashes, and in source/ what is compiled
# BASE may be any glibc image whose python3 has that version and the venv module; COMPILER is the same with a C compiler
# and Python's headers.
ARG BASE=python:3.13-slim
ARG COMPILER=python:3.13

FROM ${BASE} AS builder
RUN python3 -m venv /opt/installer && python3 -m venv --without-pip /opt/venv

# Dependencies: a layer that changes with the lock file alone.
FROM builder AS dependencies
COPY build/image/wheels /wheels
RUN /opt/installer/bin/pip --python /opt/venv/bin/python install --no-cache-dir --no-index --find-links /wheels \
      --require-hashes --no-compile --quiet -r /wheels/requirements.txt \
 # byte code that is never checked against file times: the root file system is read-only, and start-up is faster
 # (but for the blocking half of the Kubernetes client: 20 MB that nothing here imports)
 && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash \
      -x 'site-packages/kubernetes/client/(api|models)/' /opt/venv/lib

# The project: a small layer of its own, so that a change of code builds and loads in seconds.
FROM dependencies AS application
COPY build/image/app /app-wheel
RUN /opt/installer/bin/pip --python /opt/venv/bin/python install --no-cache-dir --no-index --no-deps --no-compile \
      --quiet --target /opt/app /app-wheel/*.whl \
 && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/app

# The kernel as machine code: its modules' `.so` files, to lie beside their sources. A layer that changes with the kernel alone.
FROM ${COMPILER} AS kernel
COPY --from=dependencies /opt/installer /opt/installer
COPY --from=dependencies /opt/venv /opt/venv
COPY build/image/compile/wheels /compile-wheels
RUN /opt/installer/bin/pip --python /opt/venv/bin/python install --no-cache-dir --no-index --find-links /compile-wheels \
      --require-hashes --no-compile --quiet -r /compile-wheels/compile.txt
COPY build/image/compile/source /source
RUN /opt/venv/bin/python /source/trader/compile_kernel.py --cache /tmp/compiled /opt/kernel

# The simulator alone, for whoever wants a venue and nothing else: six dependencies, no operator. The venue keeps all in
# memory and writes nothing, so it runs as any user on a read-only root.
FROM builder AS simulator-dependencies
COPY build/image/wheels /wheels
COPY build/image/simulator.txt /simulator.txt
RUN /opt/installer/bin/pip --python /opt/venv/bin/python install --no-cache-dir --no-index --find-links /wheels \
      --require-hashes --no-compile --quiet -r /simulator.txt \
 && /opt/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib

FROM application AS simulator-application
RUN rm -rf /opt/app/mm_operator /opt/app/bin/mm-operator /opt/app/bin/kubectl-mm

FROM ${BASE} AS simulator
LABEL org.opencontainers.image.title="MM-Rebuild venue simulator" \
      org.opencontainers.image.description="A Binance venue on one port, spot or USD-M futures, with faults on request" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=simulator-dependencies /opt/venv /opt/venv
COPY --from=simulator-application /opt/app /opt/app
ENV PATH=/opt/app/bin:/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/opt/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /
EXPOSE 9443
ENTRYPOINT ["mm-trader", "simulate", "--host", "0.0.0.0"]

FROM ${BASE}
LABEL org.opencontainers.image.title="MM-Rebuild" \
      org.opencontainers.image.description="Stage by stage release of market-making traders on Kubernetes" \
      org.opencontainers.image.licenses="Apache-2.0"
# a name for the user, since some libraries look it up
RUN printf 'mm:x:10001:10001:MM-Rebuild:/nonexistent:/usr/sbin/nologin\n' >>/etc/passwd \
 && printf 'mm:x:10001:\n' >>/etc/group
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=application /opt/app /opt/app
COPY --from=kernel /opt/kernel /opt/app
ENV PATH=/opt/app/bin:/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/opt/app \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# what cannot be loaded here must not be found out by a trader
RUN ["/opt/venv/bin/python", "-c", "from mm_trader.kernel import COMPILED; assert COMPILED"]
USER 10001:10001
WORKDIR /
# No entry point: a pod names mm-operator or mm-trader, which then is process 1 and gets the signals itself.
CMD ["mm-trader", "--help"]
