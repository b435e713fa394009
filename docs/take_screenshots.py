"""Takes the pictures of ``docs/console.md`` anew, light and dark, over the demo hospital, and writes that page: all
that ``pictures.py`` lists.

    python docs/take_screenshots.py [NAME ...]      (make screenshots)

Needs the packages of development, and Chromium (CHROMIUM, or on the PATH). Serves a fresh demo hospital from a
temporary folder; both are gone when it ends. Without names all pictures are taken.
"""

import contextlib
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from pictures import NEWCOMER, PICTURES, TWICE, Picture
from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "console.md"
FOLDER = ROOT / "docs" / "console"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
HEIGHT = 800  # pixels, at least
TALLEST = 1600  # pixels; a list goes on
COLOURS = 64  # keep a picture of a page below 100 kB


@contextlib.contextmanager
def demo_hospital() -> Iterator[tuple[str, str, dict[str, tuple[str, str]]]]:
    """Its folder, its address, and user and password of each role."""
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
            yield folder, address, accounts
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)


# What no demo hospital has: somebody registered twice, with notes, and a user without a place of work.
BESIDE = f"""
from datetime import date
from django.contrib.auth.models import Group, User
from patients.models import Patient
of_both = {{"last_name": {TWICE.title()!r}, "dob": date(1961, 4, 30)}}
Patient.objects.create(first_name="Ida", phone="+44 20 7946 0958", notes="Hears better on the left.", **of_both)
Patient.objects.create(first_name="Ída", **of_both)
user = User.objects.create_user({NEWCOMER!r}, password=input(), is_staff=True)
user.groups.add(Group.objects.get(name="Reception"))
"""


def add_beside(folder: str) -> tuple[str, str]:
    """User and password of the newcomer."""
    password = secrets.token_urlsafe(12)
    subprocess.run(
        [sys.executable, "manage.py", "shell", "--command", BESIDE],
        cwd=ROOT,
        env=os.environ | {"VAR_DIR": f"{folder}/var", "LOCAL": "on", "HTTPS": "off"},
        input=password,
        text=True,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return NEWCOMER, password


def signed_in(browser: Browser, address: str, account: tuple[str, str] | None, picture: Picture) -> Page:
    locale = {"en": "en-GB", "de": "de-DE"}[picture.language]
    size = {"width": picture.width, "height": HEIGHT}
    page = browser.new_context(viewport=size, base_url=address, locale=locale, timezone_id="Europe/Lisbon").new_page()
    if account:
        page.goto("/")
        page.locator("#id_username").fill(account[0])
        page.locator("#id_password").fill(account[1])
        page.keyboard.press("Enter")
        page.locator("#logout-form").wait_for()
    return page


def take(page: Page, picture: Picture) -> None:
    page.goto(picture.way) if isinstance(picture.way, str) else picture.way(page)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        page.wait_for_load_state("networkidle")
        height = min(TALLEST, page.evaluate("document.documentElement.scrollHeight"))
        page.set_viewport_size({"width": picture.width, "height": max(height, HEIGHT)})
        page.wait_for_timeout(300)
        image = Image.open(BytesIO(page.screenshot())).convert("RGB")
        file = FOLDER / file_name(picture, scheme)
        image.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
        page.set_viewport_size({"width": picture.width, "height": HEIGHT})
    print(f"{picture.name}: {file.stat().st_size // 1024} kB", flush=True)


def file_name(picture: Picture, scheme: str) -> str:
    return f"{picture.name}{'-dark' if scheme == 'dark' else ''}.png"


def write_page() -> None:
    parts = [
        "# The console in pictures\n\nEvery page in light and in dark, over the fictional hospital that `make run` "
        "loads. `make screenshots` takes them, and writes this page, anew.\n"
    ]
    for one in PICTURES:
        shown = " | ".join(
            f"![{one.title}, {scheme}](console/{file_name(one, scheme)})" for scheme in ("light", "dark")
        )
        parts.append(f"## {one.title}\n\n{one.about}\n\n| light | dark |\n|---|---|\n| {shown} |\n")
    PAGE.write_text("\n".join(parts), encoding="utf-8")


def main(wanted: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    write_page()
    with demo_hospital() as (folder, address, accounts), sync_playwright() as playwright:
        accounts["Newcomer"] = add_beside(folder)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for picture in PICTURES:
            if not wanted or picture.name in wanted:
                page = signed_in(browser, address, accounts.get(picture.role), picture)
                take(page, picture)
                page.context.close()
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
