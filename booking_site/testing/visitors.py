"""Somebody with a browser before a served site: cookies, forms and redirects over real HTTP, without a window.

    python -m booking_site.testing.visitors

makes, in the database of the environment, one account of each role (``factories.staff``) and a client of the API, whose
token it prints.
"""

import urllib.error
import urllib.parse
import urllib.request
from typing import Any

PASSWORD = "correct horse battery"  # as factories have it


class Visitor:
    """``cookies`` are kept by host, not by port: a session begun at one server is sent to another on this machine."""

    def __init__(self) -> None:
        keeper = urllib.request.HTTPCookieProcessor()
        self.cookies = keeper.cookiejar
        self.browser = urllib.request.build_opener(keeper)

    def get(self, address: str) -> tuple[int, str, str]:
        """Status, text, and where it has led to."""
        return self._open(address, None)

    def post(self, address: str, **form: Any) -> tuple[int, str, str]:
        [csrf] = [cookie.value for cookie in self.cookies if cookie.name == "csrftoken"]
        return self._open(address, urllib.parse.urlencode({**form, "csrfmiddlewaretoken": csrf}).encode())

    def sign_in(self, site: str, name: str, password: str = PASSWORD) -> bool:
        page = f"{site}/admin/login/"
        self.get(page)
        return self.post(page, username=name, password=password, next="/admin/")[2] == f"{site}/admin/"

    def is_in(self, site: str) -> bool:
        """Whether the console opens without asking who that is."""
        status, _, led_to = self.get(f"{site}/admin/")
        return (status, led_to) == (200, f"{site}/admin/")

    def _open(self, address: str, body: bytes | None) -> tuple[int, str, str]:
        request = urllib.request.Request(address, body, {"Accept": "text/html"})
        try:
            with self.browser.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode(), answer.url
        except urllib.error.HTTPError as answer:
            return answer.code, answer.read().decode(), answer.url


def main() -> None:
    import django

    django.setup()
    from django.conf import settings
    from django.contrib.auth.models import Group

    from booking_site.api.clients import issue_token, register
    from booking_site.testing.factories import staff

    for role in Group.objects.values_list("name", flat=True):
        staff(role)
    client, _ = register("Another client", list(settings.SCOPES), 0)
    print(issue_token(client, days=1)[0])


if __name__ == "__main__":
    main()
