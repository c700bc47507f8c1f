# The image that runs Footsteps: the packages of the runtime lock and the wheel. docs/operate.md says how to run it.
FROM python:3.11-slim AS build
WORKDIR /build
RUN python -m venv /opt/footsteps
COPY requirements.txt requirements-dev.txt ./
RUN /opt/footsteps/bin/pip install --no-cache-dir --compile --require-hashes -r requirements.txt
# Of the lock of development only the tool that builds the wheel.
RUN awk '/^[^ ]/ {is_tool = /^setuptools==/} is_tool' requirements-dev.txt > build.txt \
 && pip install --no-cache-dir --require-hashes -r build.txt
COPY pyproject.toml README.md ./
COPY assets assets
COPY ml ml
COPY pipelines pipelines
RUN pip wheel --no-build-isolation --no-deps --wheel-dir dist . \
 && /opt/footsteps/bin/pip install --no-cache-dir --compile --no-deps dist/footsteps-*.whl

FROM python:3.11-slim
# The number is fixed so that a folder of the host can be given to the user.
RUN useradd --create-home --uid 10001 footsteps \
 && install --directory --owner=footsteps --group=footsteps --mode=0700 /data
COPY --from=build /opt/footsteps /opt/footsteps
ENV PATH=/opt/footsteps/bin:$PATH FOOTSTEPS_DATA_ROOT=/data
USER footsteps
WORKDIR /home/footsteps
VOLUME /data
HEALTHCHECK --interval=30s --timeout=10s --start-period=180s --retries=3 \
 CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:3000/server_info', timeout=8)"]
CMD ["footsteps", "up", "--port", "3000"]
