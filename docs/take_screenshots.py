"""Takes the pictures of ``docs/console.md`` anew: every page of the console, light and dark, over the demo hospital.

    python docs/take_screenshots.py [NAME ...]      (make screenshots)

Needs the packages of development, and Chromium (CHROMIUM, or on the PATH). Serves a fresh demo hospital from a
temporary folder; both are gone when it ends. Without names all pictures are taken.
"""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "console"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
SIZE = {"width": 1280, "height": 800}
TALLEST = 1600  # pixels; a list goes on
COLOURS = 64  # keep a picture of a page below 100 kB

Way = str | Callable[[Page], None]  # an address, or how to get there


def first(link: str, then: str = "") -> Callable[[Page], None]:
    """The first link on a page whose address matches; ``then`` is added to where it leads."""

    def go(page: Page) -> None:
        addresses = page.eval_on_selector_all("#content a[href]", "all => all.map(one => one.getAttribute('href'))")
        found = next(address for address in addresses if re.search(link, address))
        page.goto(found + then)

    return go


def after(address: str, *ways: Callable[[Page], None]) -> Callable[[Page], None]:
    def go(page: Page) -> None:
        page.goto(address)
        for way in ways:
            way(page)

    return go


def typed(*texts: str) -> Callable[[Page], None]:
    """Book: each text typed into the field that has the focus, and the first of what is offered chosen."""

    def go(page: Page) -> None:
        for text in texts:
            page.keyboard.type(text)
            page.locator("[role=option]:visible").first.wait_for()
            before = page.evaluate("document.activeElement.id")
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Enter")
            page.wait_for_function("before => document.activeElement.id !== before", arg=before)
        page.keyboard.press("2")
        page.locator("[data-held]").first.wait_for()

    return go


APPOINTMENTS = "/admin/appointments/appointment/"
APPOINTMENT = r"/appointments/appointment/[0-9a-f-]{36}/change/"
PATIENTS = "/admin/patients/patient/"
PATIENT = r"/patients/patient/[0-9a-f-]{36}/(\?.*)?$"
LATER = f"{APPOINTMENTS}?day=tomorrow&status__exact=booked"
# role, name of the picture, how to get there
PAGES: list[tuple[str, str, Way]] = [
    ("Reception", "today", "/admin/"),
    ("Reception", "today-list", "/admin/?view=list"),
    ("Reception", "day-sheet", after("/admin/", first(r"/admin/today/.*sheet"))),
    ("Reception", "booking", after(f"{APPOINTMENTS}add/", typed("llewel", "cardio"))),
    ("Reception", "walk-in", "/admin/walk-in/"),
    ("Reception", "appointments", APPOINTMENTS),
    ("Reception", "appointment", after(LATER, first(APPOINTMENT))),
    ("Reception", "move", after(LATER, first(r"/move/"))),
    ("Reception", "cancel", after(LATER, first(r"/cancel/"))),
    ("Reception", "slip", after(LATER, first(r"/slip/"))),
    ("Reception", "patients", f"{PATIENTS}?q=llewelyn+price"),
    ("Reception", "patient", after(f"{PATIENTS}?q=llewelyn+price", first(PATIENT))),
    ("Reception", "merge", after(f"{PATIENTS}?q=llewelyn+price", first(PATIENT), first(r"/merge/"))),
    ("Reception", "new-times", f"{APPOINTMENTS}worklist/"),
    ("Scheduler", "week", "/admin/scheduling/week/?doctor=DOC-0005"),
    ("Scheduler", "schedules", "/admin/scheduling/schedule/"),
    ("Scheduler", "schedule", "/admin/scheduling/schedule/add/"),
    ("Scheduler", "closures", "/admin/scheduling/closure/"),
    ("Scheduler", "slots", "/admin/scheduling/availableslot/"),
    ("Scheduler", "doctors", "/admin/doctors/doctor/"),
    ("Scheduler", "numbers", "/admin/reports/?report=no_shows"),
    ("Clinician", "today-of-a-clinician", "/admin/"),
    ("Auditor", "audit", "/admin/audit/auditlog/"),
    ("Administrator", "users", "/admin/auth/user/"),
    ("Administrator", "user", after("/admin/auth/user/", first(r"/auth/user/\d+/change/"))),
]


@contextlib.contextmanager
def demo_hospital() -> Iterator[tuple[str, dict[str, tuple[str, str]]]]:
    """Its address, and user and password of each role."""
    with socket.socket() as probe, tempfile.TemporaryDirectory(prefix="pictures-") as folder:
        os.chmod(folder, 0o755)  # started by root, the database runs as another user
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        process = subprocess.Popen(
            [sys.executable, "manage.py", "serve"],
            cwd=ROOT,
            env=os.environ | {"VAR_DIR": f"{folder}/var", "PORT": str(port), "LOCAL": "on", "HTTPS": "off"},
            stdout=subprocess.PIPE,
            text=True,
        )
        said = ""
        for line in process.stdout:
            said += line
            if "Stop with Ctrl-C" in line:
                break
        accounts = {role: (user, word) for user, word, role in re.findall(r"^  (demo-\S+) +(\S+) +(\w+)$", said, re.M)}
        address = f"http://127.0.0.1:{port}"
        urllib.request.urlopen(f"{address}/health", timeout=60).close()
        try:
            yield address, accounts
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


def take(page: Page, name: str, way: Way) -> None:
    page.goto(way) if isinstance(way, str) else way(page)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_load_state("networkidle")
        height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
        page.set_viewport_size({"width": SIZE["width"], "height": max(height, SIZE["height"])})
        page.wait_for_timeout(300)
        picture = Image.open(BytesIO(page.screenshot())).convert("RGB")
        file = PICTURES / f"{name}{'-dark' if scheme == 'dark' else ''}.png"
        picture.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
        page.set_viewport_size(SIZE)
    print(f"{name}: {file.stat().st_size // 1024} kB")


def main(wanted: list[str]) -> None:
    PICTURES.mkdir(exist_ok=True)
    with demo_hospital() as (address, accounts), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for role, (user, password) in accounts.items():
            pages = [(name, way) for of, name, way in PAGES if of == role and (not wanted or name in wanted)]
            if not pages:
                continue
            page = browser.new_context(
                viewport=SIZE, base_url=address, locale="en-GB", timezone_id="Europe/Lisbon"
            ).new_page()
            page.goto("/")
            page.get_by_label("Username").fill(user)
            page.get_by_label("Password").fill(password)
            page.keyboard.press("Enter")
            page.get_by_role("button", name="Log out").wait_for()
            for name, way in pages:
                take(page, name, way)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
