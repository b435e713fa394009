"""The settings of the tests: the real ones, less what would only slow them down.

Nobody needs a second factor, unless a test says so.
"""

from booking_site.settings import *  # noqa: F403

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
MIDDLEWARE = ["booking_site.testing.canaries.Errors", *MIDDLEWARE]  # noqa: F405
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
WHITENOISE_USE_FINDERS = True  # static files as they lie in the source: nothing has to be collected first
MFA_ROLES = env.list("MFA_ROLES", default=[])  # noqa: F405
