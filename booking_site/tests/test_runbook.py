"""What the runbook says can be done as it stands: its SQL, its commands, the names in its alerts, its links."""

import os
import re
import shlex
import subprocess

import pytest
import yaml
from django.conf import settings
from django.core.management import get_commands, load_command_class

from booking_site.testing.clusters import Cluster, scratch

TEXT = (settings.BASE_DIR / "docs" / "runbook.md").read_text()


def blocks(kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


def statements() -> list[str]:
    return [statement.strip() for block in blocks("sql") for statement in block.split(";") if statement.strip()]


def test_its_sql_runs():
    assert len(statements()) > 15
    with scratch() as folder:
        cluster = Cluster(folder / "one")
        cluster.start()
        try:
            for statement in statements():
                cluster.execute(statement.replace(":pid", "0"))
            assert cluster.execute("SHOW log_statement") == [("none",)]
        finally:
            cluster.stop()


COMMANDS = re.findall(r"python manage\.py ([a-z_]+)([^`\n]*)", TEXT)


@pytest.mark.parametrize(("name", "rest"), COMMANDS)
def test_its_commands_are_there(name, rest):
    app = get_commands()[name]
    command = load_command_class(app, name) if isinstance(app, str) else app
    parser = command.create_parser("manage.py", name)
    known = {option for action in parser._actions for option in action.option_strings}
    given = {word.split("=")[0] for word in shlex.split(rest) if word.startswith("--")}
    assert given <= known
    if "..." not in rest:
        command.called_from_command_line = True
        parser.called_from_command_line = True
        parser.parse_args(shlex.split(rest.replace("CLIENT_ID", "id")))


def test_its_alerts_ask_for_what_is_measured():
    from booking_site.monitoring.metrics import FIGURES, REGISTRY

    known = {sample.name for metric in REGISTRY.collect() for sample in metric.samples} | set(FIGURES)
    known |= {metric.name + ending for metric in REGISTRY.collect() for ending in ("_total", "_bucket")}
    known |= {"hospital_database_up", "hospital_audit_unsealed_seconds"}
    scraped, watched = map(yaml.safe_load, blocks("yaml"))
    assert scraped["scrape_configs"][0]["job_name"] == "hospital"
    rules = watched["groups"][0]["rules"]
    names = {name for rule in rules for name in re.findall(r"hospital_\w+", rule["expr"])}
    assert len(names) > 6
    assert names <= known
    assert {rule["labels"]["severity"] for rule in rules} == {"page", "ticket"}


def test_its_links_lead_somewhere():
    lines = re.findall(r"^#+ (.*)$", TEXT, re.MULTILINE)
    headings = {re.sub(r"[^\w -]", "", line).lower().replace(" ", "-") for line in lines}
    assert {target for target in re.findall(r"\]\(#([^)]+)\)", TEXT) if target not in headings} == set()


def test_its_first_look_works(server):
    [script] = [block for block in blocks("bash") if "curl" in block]
    answer = subprocess.run(
        ["bash", "-euc", script], env=os.environ | {"SITE": server}, capture_output=True, text=True, check=True
    )
    assert answer.stdout.count('"status": "ok"') == 2
