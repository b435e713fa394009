"""The files around the code say what the code does."""

import re
import subprocess

import pytest
import yaml
from django.conf import settings

from booking_site.postgres.roles import SEALER, SITE

ROOT = settings.BASE_DIR
READ = re.compile(r"""(?:env\.\w+|os\.environ\.get)\(\s*["']([A-Z][A-Z_]+)["']""")
DOCUMENTED = re.compile(r"^(?:# )?([A-Z][A-Z_]+)=", re.MULTILINE)
INTERPOLATED = re.compile(r"\$\{([A-Z_]+)")


def variables_read() -> set[str]:
    apps = ("booking_site", "doctors", "patients", "scheduling", "appointments", "audit")
    files = [path for app in apps for path in (ROOT / app).rglob("*.py")]
    code = [path.read_text() for path in files if not {"tests", "testing"} & set(path.parts)]
    return set(READ.findall("\n".join(code)))


def test_each_variable_is_documented_and_each_documented_one_is_read():
    documented = DOCUMENTED.findall((ROOT / ".env.example").read_text())
    assert len(documented) == len(set(documented))
    read = variables_read()
    assert {"DATABASE_URL", "PORT", "API_REQUESTS_PER_MINUTE"} <= read  # the search finds what is there
    composed = set(INTERPOLATED.findall((ROOT / "docker-compose.yml").read_text()))
    assert set(documented) == read | composed


def test_the_readme_names_each_variable():
    readme = (ROOT / "README.md").read_text()
    assert [name for name in sorted(variables_read()) if f"`{name}`" not in readme] == []


@pytest.fixture
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_compose_waits_for_the_database_and_the_tables(compose):
    services = compose["services"]
    assert set(services) == {"database", "migrate", "web", "sealer"}
    assert services["database"]["image"] == "postgres:18"
    assert "pg_isready" in services["database"]["healthcheck"]["test"]
    assert services["database"]["volumes"] == ["database:/var/lib/postgresql"]
    assert services["migrate"]["depends_on"] == {"database": {"condition": "service_healthy"}}
    assert services["migrate"]["restart"] == "no"
    for name in ("web", "sealer"):
        assert services[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert "command" not in services["web"]  # gunicorn, as the image says


def test_compose_holds_no_secret(compose):
    for service in compose["services"].values():
        for name, value in service["environment"].items():
            if "PASSWORD" in name or "SECRET" in name or "AUDIT_KEY" in name:
                assert re.fullmatch(r"\$\{\w+:\?.*\}", value), name


@pytest.mark.parametrize(
    ("service", "account"),
    [
        ("migrate", "hospital:${POSTGRES_PASSWORD:?is not set}"),
        ("web", f"{SITE}:${{SITE_PASSWORD:?is not set}}"),
        ("sealer", f"{SEALER}:${{SEALER_PASSWORD:?is not set}}"),
    ],
)
def test_compose_gives_each_service_the_role_that_it_needs(compose, service, account):
    """And the key of the seals to none that serves."""
    environment = compose["services"][service]["environment"]
    assert environment["DATABASE_URL"] == f"postgresql://{account}@database:5432/hospital"
    assert ("AUDIT_KEY" in environment) == (service != "web")
    assert ("SITE_PASSWORD" in environment) == (service == "migrate")


def test_development_installs_what_the_site_runs_on():
    site, development = (
        set((ROOT / name).read_text().splitlines()) for name in ("requirements.txt", "requirements-dev.txt")
    )
    assert {line for line in site - development if not line.startswith("#")} == set()
    assert all("==" in line for line in site | development if not line.lstrip().startswith("#"))


def test_the_scripts_can_be_run():
    for name in (".ci/run", "manage.py"):
        assert (ROOT / name).stat().st_mode & 0o111, name
    subprocess.run(["bash", "-n", ".ci/run"], cwd=ROOT, check=True)


def test_the_version_is_the_same_everywhere():
    assert f'version = "{settings.VERSION}"' in (ROOT / "pyproject.toml").read_text()
    assert f"## [{settings.VERSION}]" in (ROOT / "CHANGELOG.md").read_text()


def test_what_the_security_notes_name_is_there():
    """A test that is gone defends nothing."""
    named = re.findall(r"`([\w/]+\.py)`", (ROOT / "SECURITY.md").read_text())
    assert len(named) > 10
    missing = [
        name for name in named if not (ROOT / name).is_file() and not (ROOT / "booking_site/tests" / name).is_file()
    ]
    assert missing == []
