"""Texts of Django and of django-oauth-toolkit that our pages show and that their own translations lack.

Nothing reads this list but ``make messages``: it keeps these texts in our catalogue, which goes before theirs.
"""

from django.utils.translation import gettext_noop

DJANGO = [
    gettext_noop("After you’ve created a user, you’ll be able to edit more user options."),
    gettext_noop("Conflicting form data submitted. Please try again."),
    gettext_noop("Disable password-based authentication"),
    gettext_noop("Disabled"),
    gettext_noop("Enable password-based authentication"),
    gettext_noop("Enable password-based authentication for this user by setting a password."),
    gettext_noop("Enabled"),
    gettext_noop("Password-based authentication"),
    gettext_noop("Password-based authentication was disabled."),
    gettext_noop("Raw passwords are not stored, so there is no way to see the user’s password."),
    gettext_noop("Reset password"),
    gettext_noop("Set password"),
    gettext_noop("Set password: %s"),
    gettext_noop("This action will <strong>enable</strong> password-based authentication for this user."),
    gettext_noop(
        "Whether the user will be able to authenticate using a password or not. If disabled, they may still be able to "
        "authenticate using other backends, such as Single Sign-On or LDAP."
    ),
]
OAUTH = [
    gettext_noop("Allowed URIs list, space separated"),
    gettext_noop("authorization grant type"),
    gettext_noop("Authorization code"),
    gettext_noop("client ID"),
    gettext_noop("client type"),
    gettext_noop("Client credentials"),
    gettext_noop("Confidential"),
    gettext_noop("Device Code"),
    gettext_noop("Implicit"),
    gettext_noop("OpenID connect hybrid"),
    gettext_noop("Public"),
    gettext_noop("redirect URIs"),
    gettext_noop("redirect_uris cannot be empty with grant_type {grant_type}"),
    gettext_noop("Resource owner password-based"),
    gettext_noop("%(name)s URI validation error. %(cause)s: %(value)s"),
    gettext_noop("%(name)s URI Validation error. %(cause)s: %(value)s"),
]
