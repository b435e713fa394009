"""All settings, from the environment. ``.env.example`` says what each variable means.

A local installation keeps a secret key of its own under VAR_DIR, answers to localhost and speaks plain HTTP. That is
what an installation without DATABASE_URL is; ``make run`` says LOCAL=on, so that it works over any server.
Every other installation is a deployment: it refuses to start without a SECRET_KEY, and expects HTTPS.
"""

import contextlib
import hmac
import importlib.util
import ipaddress
import os
import secrets
import tempfile
from pathlib import Path

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from booking_site.database import database, patience_for

VERSION = "0.1.0"
BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")

DEBUG = env.bool("DEBUG", default=False)
VAR_DIR = (BASE_DIR / env.str("VAR_DIR", default="var")).resolve()
DATABASE_URL = env.str("DATABASE_URL", default="")
LOCAL = env.bool("LOCAL", default=not DATABASE_URL)
HTTPS = env.bool("HTTPS", default=not LOCAL and not DEBUG)


def _secret_key() -> str:
    given = env.str("SECRET_KEY", default="")
    if given:
        if not DEBUG and (len(given) < 32 or len(set(given)) < 8 or "change" in given or "insecure" in given):
            raise ImproperlyConfigured(
                "SECRET_KEY is a placeholder or too short. Make one: "
                "python -c 'import secrets; print(secrets.token_urlsafe(50))'"
            )
        return given
    if not (LOCAL or DEBUG):
        raise ImproperlyConfigured(
            "SECRET_KEY is not set. Make one: python -c 'import secrets; print(secrets.token_urlsafe(50))'"
        )
    path = VAR_DIR / "secret_key"
    try:
        if not path.exists():
            VAR_DIR.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile("w", dir=VAR_DIR) as draft:  # made with mode 0600
                draft.write(secrets.token_urlsafe(50))
                draft.flush()
                with contextlib.suppress(FileExistsError):  # of two processes that start at once, one is first
                    os.link(draft.name, path)
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(
            f"Cannot write to {VAR_DIR}: {error.strerror}. Make the folder writable or set VAR_DIR to one that is."
        ) from error


SECRET_KEY = _secret_key()
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
if LOCAL or DEBUG:
    ALLOWED_HOSTS += ["localhost", "127.0.0.1", "[::1]"]
TRUSTED_PROXIES = env.list("TRUSTED_PROXIES", default=[])  # addresses or networks, such as 10.0.0.0/8
for proxy in TRUSTED_PROXIES:
    try:
        ipaddress.ip_network(proxy, strict=False)
    except ValueError as error:
        raise ImproperlyConfigured(f"TRUSTED_PROXIES: {error}.") from error

# --- applications ------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "booking_site.console",
    "booking_site.console.adminconfig.ConsoleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "booking_site.api",
    "oauth2_provider",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "corsheaders",
    "csp",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "booking_site.accounts",
    "doctors",
    "patients",
    "scheduling",
    "appointments",
    "audit",
    "booking_site.monitoring",
    "booking_site",
]
MIDDLEWARE = [
    "booking_site.headers.PolicyMiddleware",
    "booking_site.headers.HeadersMiddleware",
    "booking_site.middleware.RequestContextMiddleware",
    "booking_site.middleware.MethodMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "booking_site.headers.CorsMiddleware",
    "booking_site.languages.LanguageMiddleware",
    "booking_site.audience.fork",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",  # it insists on being named here
    "booking_site.console.middleware.SignInMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "booking_site.audience.join",
    "django.middleware.common.CommonMiddleware",
    "booking_site.middleware.BodyLimitMiddleware",
    "booking_site.errorpages.DatabaseErrorMiddleware",
    "booking_site.readings.ShownMiddleware",
]
ROOT_URLCONF = "booking_site.urls"
WSGI_APPLICATION = "booking_site.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "booking_site" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# --- database ----------------------------------------------------------------------------------------------

STATEMENT_TIMEOUT = env.str("STATEMENT_TIMEOUT", default="0")  # wsgi.py sets 10s: commands and migrations may take long
PGBOUNCER = env.bool("PGBOUNCER", default=False)
DATABASES = {
    "default": database(
        DATABASE_URL,
        var_dir=VAR_DIR,
        pool_size=env.int("DATABASE_POOL_SIZE", default=0),
        role=env.str("EMBEDDED_ROLE", default=""),
        timeouts={} if PGBOUNCER else {"lock_timeout": "3s", "statement_timeout": STATEMENT_TIMEOUT},
        patience=patience_for(STATEMENT_TIMEOUT),
        prepares=not PGBOUNCER,
    )
    | {"DISABLE_SERVER_SIDE_CURSORS": PGBOUNCER}
}
REPLICA_URL = env.str("REPLICA_URL", default="")
REPLICA_LAG_SECONDS = env.int("REPLICA_LAG_SECONDS", default=5)  # a replica that is further behind answers nobody
if REPLICA_URL:
    DATABASES["replica"] = database(
        REPLICA_URL,
        var_dir=VAR_DIR,
        pool_size=env.int("DATABASE_POOL_SIZE", default=0),
        timeouts={} if PGBOUNCER else {"statement_timeout": STATEMENT_TIMEOUT},
        prepares=not PGBOUNCER,
        patience=patience_for(STATEMENT_TIMEOUT),
        reads_only=True,
    ) | {"DISABLE_SERVER_SIDE_CURSORS": PGBOUNCER, "TEST": {"MIRROR": "default"}}
    DATABASE_ROUTERS = ["booking_site.replica.Router"]
    MIDDLEWARE.append("booking_site.replica.PositionMiddleware")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# --- language and time ---------------------------------------------------------------------------------------

LANGUAGE_CODE = "en"  # of the texts in the code, and of all that programs read
LANGUAGES = [("en", "English"), ("de", "Deutsch")]
# For people whose browser asks for none of these. (LANGUAGE, of the environment, belongs to the shell.)
CONSOLE_LANGUAGE = env.str("CONSOLE_LANGUAGE", default=LANGUAGE_CODE)
if CONSOLE_LANGUAGE not in dict(LANGUAGES):
    known = ", ".join(dict(LANGUAGES))
    raise ImproperlyConfigured(f"CONSOLE_LANGUAGE is {CONSOLE_LANGUAGE}, and there are {known}.")
LOCALE_PATHS = [BASE_DIR / "booking_site" / "locale"]
FORMAT_MODULE_PATH = "booking_site.formats"
USE_I18N = True
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")  # the default of new departments; instants are stored in UTC

# --- static files --------------------------------------------------------------------------------------------

STATIC_URL = "/static/"
STATIC_ROOT = VAR_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "booking_site" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}

# --- API -----------------------------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["booking_site.api.auth.BearerAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["booking_site.api.auth.HasScope"],
    "DEFAULT_THROTTLE_CLASSES": ["booking_site.api.throttling.ClientThrottle"],
    "DEFAULT_PARSER_CLASSES": ["booking_site.api.parsers.StrictJSONParser"],
    "DEFAULT_RENDERER_CLASSES": ["booking_site.api.renderers.JSONRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "booking_site.api.negotiation.OneFormat",
    "DEFAULT_FILTER_BACKENDS": ["booking_site.api.filters.StrictFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "booking_site.api.pagination.PageNumberPagination",
    "DEFAULT_SCHEMA_CLASS": "booking_site.api.schema.CallSchema",
    "EXCEPTION_HANDLER": "booking_site.api.errors.exception_handler",
    "UNAUTHENTICATED_USER": "django.contrib.auth.models.AnonymousUser",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "URL_FORMAT_OVERRIDE": None,  # there is one format
}
API_REQUESTS_PER_MINUTE = env.int("API_REQUESTS_PER_MINUTE", default=6000)  # per client; 0 for no limit
API_REQUESTS_PER_MINUTE_OF_PATIENT = env.int("API_REQUESTS_PER_MINUTE_OF_PATIENT", default=120)  # 0 for no limit
API_FAILURES_PER_MINUTE = env.int("API_FAILURES_PER_MINUTE", default=60)  # to authenticate, of an address; 0: no limit
API_MAX_DEPTH = 32  # of a body: objects and arrays within one another
PATIENT_TOKEN_MINUTES = 15  # how long a token for one patient is good, at most
API_MAX_BODY = 1024 * 1024  # bytes
HOLD_MINUTES = 5  # unless a client asks for another length, of 15 at most
HOLDS_PER_CLIENT = env.int("HOLDS_PER_CLIENT", default=50)  # seats that one client may hold at a time
HOLDS_PER_PATIENT = 3  # of an app that acts for one
HORIZON_DAYS = env.int("HORIZON_DAYS", default=180)  # how far ahead seats are made of schedules
REBOOK_WITHIN_DAYS = 90  # of the old time: how far ahead new times are looked for when many are rebooked at once
WAITING_ALERT_MINUTES = env.int("WAITING_ALERT_MINUTES", default=30)  # from check-in: a wait that stands out
NO_SHOW_AFTER_MINUTES = env.int("NO_SHOW_AFTER_MINUTES", default=60)  # after the start; see mark_no_shows
RETENTION_MINIMUM_YEARS = env.int("RETENTION_MINIMUM_YEARS", default=10)  # after the last visit that took place
RETENTION_PATIENT_YEARS = env.int("RETENTION_PATIENT_YEARS", default=10)  # the same: then the record is erased
RETENTION_UNSEEN_YEARS = env.int("RETENTION_UNSEEN_YEARS", default=3)  # of somebody who never came
RETENTION_MAIL_DAYS = env.int("RETENTION_MAIL_DAYS", default=30)  # of mail in files
if not 0 <= RETENTION_MINIMUM_YEARS <= RETENTION_PATIENT_YEARS <= 100:
    raise ImproperlyConfigured("RETENTION_PATIENT_YEARS is from RETENTION_MINIMUM_YEARS to 100: no record goes before.")
if not (1 <= RETENTION_UNSEEN_YEARS <= 100 and 0 <= RETENTION_MAIL_DAYS <= 36_500):
    raise ImproperlyConfigured("RETENTION_UNSEEN_YEARS is from 1 to 100, RETENTION_MAIL_DAYS from 0 to 36500.")
IDEMPOTENCY_HOURS = 48  # how long an Idempotency-Key is remembered, at least

SPECTACULAR_SETTINGS = {
    "TITLE": "Hospital appointment booking",
    "VERSION": VERSION,
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "POSTPROCESSING_HOOKS": ["booking_site.api.document.finish"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

SCOPES = {
    "doctors:read": _("Read doctors and departments"),
    "patients:read": _("Read patients"),
    "patients:write": _("Register and change patients"),
    "slots:read": _("Search free slots"),
    "slots:hold": _("Hold a slot and release it"),
    "appointments:read": _("Read appointments"),
    "appointments:write": _("Book, move and cancel appointments"),
    "frontdesk:write": _("Check patients in and keep the queue moving"),
    "audit:read": _("Read the audit log"),
}
OAUTH2_PROVIDER_APPLICATION_MODEL = "api.ApiClient"
OAUTH2_PROVIDER = {
    "SCOPES": SCOPES,
    "OAUTH2_VALIDATOR_CLASS": "booking_site.api.validator.Validator",
    "SCOPES_BACKEND_CLASS": "booking_site.api.scopes.ClientScopes",
    "ACCESS_TOKEN_EXPIRE_SECONDS": 3600,
    "REFRESH_TOKEN_EXPIRE_SECONDS": 14 * 24 * 3600,
    "REFRESH_TOKEN_REUSE_PROTECTION": True,
    "ALLOWED_REDIRECT_URI_SCHEMES": ["https"] if HTTPS else ["https", "http"],
    "PKCE_REQUIRED": True,
    # RFC 9700, Best Current Practice for OAuth 2.0 Security; tokens are stored as SHA-256 only
    "COMPLIANT_BCP_RFC9700_IMPLICIT_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PASSWORD_GRANT": True,
    "COMPLIANT_BCP_RFC9700_PKCE_METHOD": True,
    "COMPLIANT_BCP_RFC9700_ACCESS_TOKEN_TRANSPORT": True,
    "COMPLIANT_BCP_RFC9700_AUTHZ_RESPONSE_ISS": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": True,
    "COMPLIANT_BCP_RFC9700_REFRESH_TOKEN": True,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_SCHEME": HTTPS,
    "COMPLIANT_BCP_RFC9700_REDIRECT_URI_MATCHING": True,
    "COMPLIANT_BCP_RFC9700_PKCE_REQUIRED": True,
}
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_URLS_REGEX = r"^/(api|oauth)/"
CORS_EXPOSE_HEADERS = ["ETag", "Location", "Retry-After", "X-Request-ID"]

# --- mail ----------------------------------------------------------------------------------------------------

EMAIL_URL = env.str("EMAIL_URL", default="filemail:///" if LOCAL else "")
SENDS_MAIL = bool(EMAIL_URL)  # without a mail server nothing is sent, and no page offers it
_mail = env.email_url_config(EMAIL_URL or "dummymail://")
EMAIL_BACKEND = _mail["EMAIL_BACKEND"]
EMAIL_FILE_PATH = _mail["EMAIL_FILE_PATH"] or VAR_DIR / "mail"
EMAIL_HOST, EMAIL_PORT = _mail["EMAIL_HOST"] or "localhost", _mail["EMAIL_PORT"] or 25
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _mail["EMAIL_HOST_USER"] or "", _mail["EMAIL_HOST_PASSWORD"] or ""
EMAIL_USE_TLS, EMAIL_USE_SSL = _mail.get("EMAIL_USE_TLS", False), _mail.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10  # seconds: a person waits before the page
DEFAULT_FROM_EMAIL = env.str("EMAIL_FROM", default="Hospital reception <reception@localhost>")

# --- the audit log -------------------------------------------------------------------------------------------

# Signs the seals. Its own key can be kept from the web processes; theirs would do for a local installation.
AUDIT_KEY = env.str("AUDIT_KEY", default="") or hmac.digest(SECRET_KEY.encode(), b"audit seals", "sha256").hex()
AUDIT_KEY_FALLBACKS = env.list("AUDIT_KEY_FALLBACKS", default=[])
AUDIT_MONTHS = env.int("AUDIT_MONTHS", default=120)  # that stay in the database; see archive_audit
_seals = env.str("AUDIT_SEALS_FILE", default="audit_seals.jsonl")
AUDIT_SEALS_FILE = VAR_DIR / _seals if _seals != "off" else None
AUDIT_SEALS_LOG = env.bool("AUDIT_SEALS_LOG", default=False)
AUDIT_SEALS_EMAIL = env.list("AUDIT_SEALS_EMAIL", default=[])

# --- security ------------------------------------------------------------------------------------------------

LOGIN_URL = "admin:login"
LOGIN_REDIRECT_URL = "admin:index"
CSRF_FAILURE_VIEW = "booking_site.errorpages.csrf_failure"
AUTHENTICATION_BACKENDS = ["booking_site.core.permissions.StaffBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
# Over HTTPS the names promise browsers that no other host and no plain connection can have set them.
_prefix = "__Host-" if HTTPS else ""
SESSION_COOKIE_NAME, CSRF_COOKIE_NAME, DEVICE_COOKIE_NAME = (
    _prefix + name for name in ("sessionid", "csrftoken", "device")
)
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_ENGINE = "booking_site.accounts.sessions"
SESSION_COOKIE_AGE = 12 * 3600  # a working day: no session lives longer, whatever is done in it
SESSION_IDLE_MINUTES = env.int("SESSION_IDLE_MINUTES", default=720 if LOCAL else 30)
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
LANGUAGE_COOKIE_SECURE, LANGUAGE_COOKIE_HTTPONLY, LANGUAGE_COOKIE_SAMESITE = HTTPS, True, "Lax"
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health", r"^api/v1/health", r"^metrics$"]  # probes speak plain HTTP
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if TRUSTED_PROXIES:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "font-src": [NONE],
        "frame-ancestors": [NONE],
        "frame-src": [NONE],
        "manifest-src": [NONE],
        "media-src": [NONE],
        "object-src": [NONE],
        "worker-src": [NONE],
    }
}
DATA_UPLOAD_MAX_MEMORY_SIZE = API_MAX_BODY
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
DATA_UPLOAD_MAX_NUMBER_FILES = 0  # no page takes a file

# --- signing in ----------------------------------------------------------------------------------------------

# The roles whose people need a second factor. A local installation prints passwords that are to work at once.
MFA_ROLES = env.list("MFA_ROLES", default=[] if LOCAL else ["Administrator", "Auditor"])
MFA_ADAPTER = "booking_site.accounts.adapters.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_FORMS = {
    "authenticate": "booking_site.accounts.forms.CodeForm",
    "authenticate_webauthn": "booking_site.accounts.forms.KeyForm",
    "reauthenticate": "booking_site.accounts.forms.CodeAgainForm",
    "reauthenticate_webauthn": "booking_site.accounts.forms.KeyAgainForm",
    "activate_totp": "booking_site.accounts.forms.NewAppForm",
}
MFA_RECOVERY_CODES_SHOW_ONCE = True
MFA_TOTP_TOLERANCE = 1  # steps of 30 s: clocks differ
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not HTTPS
MFA_ALLOW_UNVERIFIED_EMAIL = True  # accounts are made by administrators, nobody registers
MFA_RATE_LIMITS = ACCOUNT_RATE_LIMITS = False  # accounts.guard counts, without gaps
ACCOUNT_ADAPTER = "booking_site.accounts.adapters.AccountAdapter"
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_REAUTHENTICATION_METHODS = ["password", "mfa"]

# The hospital's OpenID Connect provider. Its people are known here already: nobody is registered by it.
OIDC_ISSUER = env.str("OIDC_ISSUER", default="").rstrip("/")
OIDC_NAME = env.str("OIDC_NAME", default="OpenID Connect")
OIDC_MATCH = env.str("OIDC_MATCH", default="username")
SOCIALACCOUNT_ADAPTER = "booking_site.accounts.oidc.ProviderAdapter"
SOCIALACCOUNT_LOGIN_ON_GET = True  # a link; what comes back is tied to it by its state and by PKCE
SOCIALACCOUNT_AUTO_SIGNUP = SOCIALACCOUNT_EMAIL_AUTHENTICATION = SOCIALACCOUNT_STORE_TOKENS = False
SOCIALACCOUNT_OPENID_CONNECT_URL_PREFIX = ""
if OIDC_ISSUER:
    if HTTPS and not OIDC_ISSUER.startswith("https://"):
        raise ImproperlyConfigured("OIDC_ISSUER does not begin with https://.")
    if OIDC_MATCH not in ("username", "email"):
        raise ImproperlyConfigured(f"OIDC_MATCH is {OIDC_MATCH}, and may be username or email.")
    SOCIALACCOUNT_PROVIDERS = {
        "openid_connect": {
            "OAUTH_PKCE_ENABLED": True,
            "APPS": [
                {
                    "provider_id": "oidc",
                    "name": OIDC_NAME,
                    "client_id": env.str("OIDC_CLIENT_ID"),
                    "secret": env.str("OIDC_CLIENT_SECRET"),
                    "settings": {"server_url": OIDC_ISSUER},
                }
            ],
        }
    }

# --- logging -------------------------------------------------------------------------------------------------

LOG_FORMAT = env.str("LOG_FORMAT", default="text" if LOCAL else "json")
if LOG_FORMAT not in ("text", "json"):
    raise ImproperlyConfigured(f"LOG_FORMAT is {LOG_FORMAT}, and may be text or json.")
if env.bool("ACCESS_LOG", default=False):
    MIDDLEWARE.insert(0, "booking_site.monitoring.access_log.AccessLogMiddleware")
METRICS = env.bool("METRICS", default=False)
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
if METRICS and not LOCAL and len(METRICS_TOKEN) < 32:
    raise ImproperlyConfigured("METRICS needs a METRICS_TOKEN of 32 characters or more.")
TRACING = env.bool("TRACING", default=False)
for on, package, module, middleware in (
    (METRICS, "prometheus-client", "prometheus_client", "booking_site.monitoring.metrics.MetricsMiddleware"),
    (TRACING, "opentelemetry-sdk", "opentelemetry", "booking_site.monitoring.tracing.TracingMiddleware"),
):
    if on:
        if importlib.util.find_spec(module) is None:
            raise ImproperlyConfigured(f"METRICS or TRACING is on, and {package} is not installed: see .env.example.")
        MIDDLEWARE.insert(0, middleware)
SLOW_QUERY_MS = env.int("SLOW_QUERY_MS", default=0)  # 0: statements are not timed
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {
            "class": "booking_site.logs.PrivateFormatter",
            "format": "%(asctime)s %(levelname)s %(request_id)s %(name)s %(message)s",
        },
        "json": {"class": "booking_site.logs.JsonFormatter"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": LOG_FORMAT}},
    "root": {"handlers": ["stderr"], "level": "WARNING"},
    "loggers": {
        "booking_site.access": {"level": "INFO"},
        "django": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
        "django.request": {"level": "ERROR"},
        "audit.seals": {"level": "INFO" if AUDIT_SEALS_LOG else "WARNING"},
        "fpdf": {"level": "ERROR"},  # it would name the letters of names that no font has
    },
}
