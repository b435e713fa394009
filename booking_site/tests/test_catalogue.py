"""The catalogue of each language: complete, in step with the texts in the code, and compiled. GNU gettext reads it."""

import gettext
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

LOCALE = settings.LOCALE_PATHS[0]
OTHERS = [code for code, _ in settings.LANGUAGES if code != settings.LANGUAGE_CODE]
needs_gettext = pytest.mark.skipif(
    not all(map(shutil.which, ("xgettext", "msgmerge", "msgfmt", "msgattrib"))),
    reason="no GNU gettext on this machine (Debian: apt-get install gettext)",
)
pytestmark = pytest.mark.parametrize("language", OTHERS)


def catalogue(language: str, root: Path = LOCALE) -> Path:
    return root / language / "LC_MESSAGES" / "django.po"


def run(*command) -> str:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=True).stdout


def entries(compiled: Path) -> dict:
    with compiled.open("rb") as file:
        return gettext.GNUTranslations(file)._catalog


@needs_gettext
def test_catalogue_has_every_text_translated_and_none_by_guess(language):
    for left in ("--untranslated", "--only-fuzzy"):
        assert run("msgattrib", left, "--no-obsolete", catalogue(language)) == ""


@needs_gettext
def test_catalogue_keeps_the_placeholders_of_the_texts(language):
    run("msgfmt", "--check-format", "--check-header", "--output-file=/dev/null", catalogue(language))


@needs_gettext
def test_catalogue_is_compiled(language, tmp_path):
    run("msgfmt", f"--output-file={tmp_path / 'new.mo'}", catalogue(language))
    assert entries(tmp_path / "new.mo") == entries(catalogue(language).with_suffix(".mo"))


@needs_gettext
def test_catalogue_is_in_step_with_the_code(language, tmp_path):
    """What ``make messages`` does, in a copy."""
    shutil.copytree(
        settings.BASE_DIR,
        tmp_path / "site",
        ignore=shutil.ignore_patterns(".*", "var", "node_modules", "*.pyc", "fonts", "static"),
    )
    before = run("msgcat", "--no-location", catalogue(language))
    copied = catalogue(language, tmp_path / "site" / LOCALE.relative_to(settings.BASE_DIR))
    subprocess.run(
        [
            *("make", "--silent", "--old-file=.venv/.packages", "messages"),
            *(f"BIN={Path(sys.executable).parent}", f"LANGUAGES={language}"),
        ],
        cwd=tmp_path / "site",
        check=True,
        capture_output=True,
    )
    assert run("msgcat", "--no-location", copied) == before, "run: make messages"
