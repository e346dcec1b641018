"""Every setting once, with its default and its unit. `.env.example` lists them for those who deploy."""

import hashlib
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from apimonitor import env
from apimonitor.rest import DRF_STANDARDIZED_ERRORS as DRF_STANDARDIZED_ERRORS
from apimonitor.rest import REST_FRAMEWORK as REST_FRAMEWORK
from apimonitor.rest import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from monitor.lib import outbound

# Of anything; no limit is meant to be larger.
MAX_A_MINUTE = 100_000_000
BASE_DIR = Path(__file__).resolve().parent.parent

# --- Running -----------------------------------------------------------------------------------------------

DEBUG = env.flag("DEBUG", default=False)
# Signs sessions and form tokens; no default, so that no two installations share one.
SECRET_KEY = env.text("SECRET_KEY", "insecure-debug-key-for-development-only" if DEBUG else None)
# Seal what is secret in the database (of webhooks), newest first, comma-separated. Left out: SECRET_KEY does.
# A key is changed by putting a new one in front, running `manage.py seal_secrets`, and taking the old one
# out.
SECRETS_KEYS = env.words("SECRETS_KEYS", "") or [SECRET_KEY]
# postgresql://user:password@host:port/name, PostgreSQL 15 or newer. scripts/up starts one and sets this.
DATABASE_URL_NAME = "DATABASE_URL"
# What people type into the browser; decides cookies, HSTS, the https redirect and links in messages.
PUBLIC_URL = env.origin("PUBLIC_URL", "http://127.0.0.1:8090")
# The address and port the web process listens on.
BIND = env.text("BIND", "127.0.0.1")
PORT = env.integer("PORT", 8090, least=1, most=65535)
# Host headers that are answered, comma-separated; guards against DNS rebinding.
ALLOWED_HOSTS = env.words("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
# Web processes, and threads in each that run Django; a thread holds one database connection.
WEB_WORKERS = env.integer("WEB_WORKERS", 2, least=1, most=64)
WEB_THREADS = env.integer("WEB_THREADS", 10, least=1, most=200)
# asgi: ingestion in front of Django, commits shared (the default). wsgi: Django alone, in gunicorn's threads;
# it keeps about a tenth as many single logs a second, and pages poll where they would stream.
WEB_INTERFACE = env.choice("WEB_INTERFACE", "asgi", options=("asgi", "wsgi"))
# Where the embedded PostgreSQL, its logs and generated secrets live (scripts/up only).
DATA_DIR = env.path("DATA_DIR", BASE_DIR / "var")
LOG_LEVEL = env.choice("LOG_LEVEL", "info", options=("debug", "info", "warning", "error")).upper()
# Reverse proxies in front of us that each append to X-Forwarded-For; 0 trusts no such header.
TRUSTED_PROXY_COUNT = env.integer("TRUSTED_PROXY_COUNT", 0, least=0, most=10)

# --- Access ------------------------------------------------------------------------------------------------

# What a visitor without a login may do in the Default organization: none | read | full.
ANONYMOUS_ACCESS = env.choice("ANONYMOUS_ACCESS", "none", options=("none", "read", "full"))
# Confirms ANONYMOUS_ACCESS=full on an address that others can reach.
ANONYMOUS_ACCESS_ANYWHERE = env.flag("ANONYMOUS_ACCESS_ANYWHERE", default=False)
LOOPBACK_BINDS = frozenset({"127.0.0.1", "::1", "localhost"})
QUICK_START = ANONYMOUS_ACCESS == "full" and BIND in LOOPBACK_BINDS
if ANONYMOUS_ACCESS == "full" and BIND not in LOOPBACK_BINDS and not ANONYMOUS_ACCESS_ANYWHERE:
    raise ImproperlyConfigured(
        f"ANONYMOUS_ACCESS=full lets anyone who reaches {BIND}:{PORT} read and change everything. "
        "Set BIND=127.0.0.1, or ANONYMOUS_ACCESS_ANYWHERE=true if that is what you want."
    )

# --- Limits ------------------------------------------------------------------------------------------------

# A minute, 0 for none; an organization's plan or an API key may say otherwise. Test keys have a quarter.
# Calls of the API by one key or person, and by all of an organization.
RATE_LIMIT_KEY = env.integer("RATE_LIMIT_KEY", 60_000, least=0, most=MAX_A_MINUTE)
RATE_LIMIT_ORGANIZATION = env.integer("RATE_LIMIT_ORGANIZATION", 120_000, least=0, most=MAX_A_MINUTE)
# Of those: changes; requests and webhooks sent again; tests of monitors and webhooks; exports. Pages count.
RATE_LIMIT_WRITES = env.integer("RATE_LIMIT_WRITES", 6_000, least=0, most=MAX_A_MINUTE)
RATE_LIMIT_REPLAYS = env.integer("RATE_LIMIT_REPLAYS", 600, least=0, most=MAX_A_MINUTE)
RATE_LIMIT_TESTS = env.integer("RATE_LIMIT_TESTS", 120, least=0, most=MAX_A_MINUTE)
RATE_LIMIT_EXPORTS = env.integer("RATE_LIMIT_EXPORTS", 120, least=0, most=MAX_A_MINUTE)
# Live tails at once, in one process: of a key or a person, and of all keys of an organization.
TAIL_STREAMS_KEY = env.integer("TAIL_STREAMS_KEY", 20, least=0, most=10_000)
TAIL_STREAMS_ORGANIZATION = env.integer("TAIL_STREAMS_ORGANIZATION", 50, least=0, most=10_000)
# Logs of one organization, by all doors; a key may have a limit of its own.
RATE_LIMIT_LOGS = env.integer("RATE_LIMIT_LOGS", 0, least=0, most=MAX_A_MINUTE)
# From one address (IPv6: one /64): calls of the API, API keys that open nothing, and forms that need no
# login, as the login itself. This machine is not limited: a proxy on it stands for the whole world.
RATE_LIMIT_IP = env.integer("RATE_LIMIT_IP", 12_000, least=0, most=MAX_A_MINUTE)
RATE_LIMIT_BAD_KEYS = env.integer("RATE_LIMIT_BAD_KEYS", 20, least=0, most=MAX_A_MINUTE)
RATE_LIMIT_STRANGERS = env.integer("RATE_LIMIT_STRANGERS", 60, least=0, most=MAX_A_MINUTE)
# Wrong passwords and codes within so many seconds that lock an account, or an address, for the rest of them.
LOGIN_TRIES = env.integer("LOGIN_TRIES", 20, least=1, most=10_000)
LOGIN_WINDOW_S = env.integer("LOGIN_WINDOW_S", 60, least=1, most=24 * 3600)
# Who must sign in with a second factor: optional (nobody must), admin (to enter /admin/), staff, everyone.
SECOND_FACTOR = env.choice("SECOND_FACTOR", "optional", options=("optional", "admin", "staff", "everyone"))
# Seconds after signing in during which keys are made and secrets shown without asking who is there again.
RECENT_SIGN_IN_S = env.integer("RECENT_SIGN_IN_S", 900, least=30, most=24 * 3600)

# OpenID Connect: the provider's address, as https://id.example.com/realms/staff, and what it knows us by. Its
# redirect address is PUBLIC_URL/login/oidc/sso/callback.
OIDC_ISSUER = env.text("OIDC_ISSUER", "").rstrip("/")
OIDC_CLIENT_ID = env.text("OIDC_CLIENT_ID", "")
OIDC_CLIENT_SECRET = env.text("OIDC_CLIENT_SECRET", "")
# What the button on the sign-in page calls it.
OIDC_NAME = env.text("OIDC_NAME", "single sign-on")
OIDC_PROVIDER_ID = "sso"
# Addresses of these domains, comma-separated, come in without an invitation: into this organization, as this.
OIDC_DOMAINS = env.words("OIDC_DOMAINS")
OIDC_ORGANIZATION = env.text("OIDC_ORGANIZATION", "Default")
OIDC_ROLE = env.choice("OIDC_ROLE", "viewer", options=("viewer", "member", "admin", "owner"))
if OIDC_ISSUER and not (OIDC_CLIENT_ID and OIDC_CLIENT_SECRET):
    raise ImproperlyConfigured("OIDC_ISSUER needs OIDC_CLIENT_ID and OIDC_CLIENT_SECRET beside it.")
if OIDC_ISSUER and not OIDC_ISSUER.startswith(("https://", "http://127.0.0.1", "http://localhost")):
    # What it says about people is believed for the certificate of its address.
    raise ImproperlyConfigured("OIDC_ISSUER must begin with https://.")

# --- Logs --------------------------------------------------------------------------------------------------

# Kept of each request body and of each response body, in bytes of UTF-8; longer ones are cut and marked.
MAX_BODY_BYTES = env.integer("MAX_BODY_BYTES", 64 * 1024, least=0, most=1024 * 1024)
# Largest request that carries one log, and largest batch, in bytes after decompression.
MAX_LOG_BYTES = 1024 * 1024
MAX_BATCH_BYTES = 16 * 1024 * 1024
MAX_BATCH_LOGS = 10_000
# Largest OTLP request, in bytes after decompression and in spans; SDKs send 512 spans, collectors 8,192.
MAX_OTLP_BYTES = 32 * 1024 * 1024
MAX_OTLP_SPANS = 20_000
# Apitally's clients 0.x, as they send it; then the log file when it is unpacked, and one line of it.
MAX_APITALLY_BYTES = 16 * 1024 * 1024
MAX_APITALLY_FILE_BYTES = 256 * 1024 * 1024
MAX_APITALLY_LINE_BYTES = 8 * 1024 * 1024
# Largest file imported in one request, in bytes after decompression; it may hold MAX_BATCH_LOGS requests.
MAX_IMPORT_BYTES = 32 * 1024 * 1024
# Days a log is kept unless its service says otherwise; older ones go, and are refused when they arrive.
RETENTION_DAYS = env.integer("RETENTION_DAYS", 30, least=1, most=3650)
# The oldest days are dropped early while the database is larger than this many bytes; 0 sets no limit.
MAX_DATABASE_BYTES = env.integer("MAX_DATABASE_BYTES", 0, least=0, most=2**60)
# The same while its disk has fewer bytes left than this; 0 sets no limit. The embedded PostgreSQL alone:
# another server's disk is not ours to see. A PostgreSQL without room for its journal stops altogether.
MIN_FREE_DISK_BYTES = env.integer("MIN_FREE_DISK_BYTES", 256 * 1024 * 1024, least=0, most=2**60)
# Days that the audit log is kept; the database itself lets nothing go before 90.
AUDIT_DAYS = env.integer("AUDIT_DAYS", 400, least=90, most=36500)
# Masked on top of the built-in names, comma-separated; a name matches when it contains the word.
MASK_HEADERS = env.words("MASK_HEADERS")
MASK_KEYS = env.words("MASK_KEYS")
# Whether calls of our own API are kept as a service of each organization, without bodies.
OWN_REQUESTS = env.flag("OWN_REQUESTS", default=True)
# Distinct endpoints kept for one service, and consumers for one organization; later ones share "(other)".
MAX_ENDPOINTS_PER_SERVICE = env.integer("MAX_ENDPOINTS_PER_SERVICE", 1000, least=10, most=100_000)
MAX_CONSUMERS_PER_ORGANIZATION = env.integer(
    "MAX_CONSUMERS_PER_ORGANIZATION", 100_000, least=10, most=10_000_000
)
# Distinct error issues of one service; later ones share "(other)".
MAX_ISSUES_PER_SERVICE = env.integer("MAX_ISSUES_PER_SERVICE", 1000, least=10, most=100_000)

# --- Outgoing calls ----------------------------------------------------------------------------------------

# Private networks that replay, webhooks and monitors may reach, comma-separated CIDRs. Cloud metadata
# addresses stay blocked. On the quick start, closed to others, replay and monitors reach this machine too.
try:
    OUTBOUND_ALLOW = outbound.parse_allow_list(",".join(env.words("OUTBOUND_ALLOW")))
except ValueError as error:
    raise ImproperlyConfigured(f"OUTBOUND_ALLOW: {error}") from None
# Seconds from the first look-up to the last byte of a replayed call.
REPLAY_TIMEOUT_S = env.integer("REPLAY_TIMEOUT_S", 30, least=1, most=120)

# Webhooks that are sent at once by `manage.py deliver`; each takes a thread, and one of them in five is kept
# for first attempts.
WEBHOOK_SLOTS = env.integer("WEBHOOK_SLOTS", 64, least=5, most=200)

# --- Channels ----------------------------------------------------------------------------------------------

# Where mail goes: smtp+starttls://user:password@host:587, smtps:// or, in the clear, smtp://.
# Empty sends none. It is the operator's, so it may stand in a private network.
_MAIL = env.mail_server("EMAIL_URL")
EMAIL_HOST, EMAIL_PORT = _MAIL.host, _MAIL.port
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = _MAIL.user, _MAIL.password
EMAIL_USE_TLS, EMAIL_USE_SSL = _MAIL.starttls, _MAIL.tls
# Without a server no password reset is offered, and the links of invitations are shown to be handed over.
SENDS_MAIL = bool(EMAIL_HOST)
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if SENDS_MAIL else 'dummy'}.EmailBackend"
# Seconds that each step of a talk with the mail server may take.
EMAIL_TIMEOUT = 10
# Whom mail comes from.
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text(
    "EMAIL_FROM", f"API Monitor <monitor@{urlsplit(PUBLIC_URL).hostname}>"
)
# Where the services behind channels are; others for a Telegram server of one's own, or to try them out.
TELEGRAM_URL = env.origin("TELEGRAM_URL", "https://api.telegram.org")
PAGERDUTY_URL = env.origin("PAGERDUTY_URL", "https://events.pagerduty.com")
OPSGENIE_URL = env.origin("OPSGENIE_URL", "https://api.opsgenie.com")
OPSGENIE_EU_URL = env.origin("OPSGENIE_EU_URL", "https://api.eu.opsgenie.com")
# Notifications that are sent at once by `manage.py deliver`; each takes a thread.
NOTIFICATION_SLOTS = env.integer("NOTIFICATION_SLOTS", 16, least=4, most=100)
# The same for the subscribers of status pages: threads of their own, as their receivers are strangers'.
STATUS_SLOTS = env.integer("STATUS_SLOTS", 6, least=4, most=100)

# --- Alerts ------------------------------------------------------------------------------------------------

# Notices of window rules an organization is told in an hour; the rest are one digest when the hour is over.
ALERT_NOTICES_AN_HOUR = env.integer("ALERT_NOTICES_AN_HOUR", 60, least=1, most=100_000)

# --- Monitors ----------------------------------------------------------------------------------------------

# Days that single checks are kept; how long a monitor was up in each hour is kept for 400.
BEAT_RETENTION_DAYS = env.integer("BEAT_RETENTION_DAYS", 35, least=2, most=3650)
# Checks that one prober has under way at a time; each is a socket and some memory.
PROBER_CONCURRENCY = env.integer("PROBER_CONCURRENCY", 500, least=1, most=10_000)

# Days before a certificate or a watched domain ends at which people are told, comma-separated; of those that
# are crossed the smallest alone. Empty tells nobody.
try:
    EXPIRY_DAYS = tuple(sorted(int(days) for days in env.words("EXPIRY_DAYS", "21,14,7")))
except ValueError:
    raise ImproperlyConfigured("EXPIRY_DAYS must be whole numbers with commas, as 21,14,7.") from None
# Where registrations of domains are looked up; this one hands on to each registry.
RDAP_URL = env.text("RDAP_URL", "https://rdap.org")

# Where rendered status pages are kept for when the database is away; one folder for each machine that serves.
STATUS_COPIES_DIR = env.path("STATUS_COPIES_DIR", DATA_DIR / "status-pages")

# --- Django ------------------------------------------------------------------------------------------------

INSTALLED_APPS = [
    "monitor.apps.MonitorConfig",
    "monitor.apps.MonitorAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.staticfiles",
    "django.forms",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "django_htmx",
    "corsheaders",
    "procrastinate.contrib.django",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.usersessions",
]

MIDDLEWARE = [
    "monitor.access.requests.RequestContextMiddleware",
    "monitor.own.middleware.OwnRequestsMiddleware",
    "monitor.access.leaving.StoppableMiddleware",
    # Before what judges the Host by settings: domains of status pages stand in the database.
    "monitor.status.domains.StatusDomainMiddleware",
    # In front of what redirects: a browser follows no redirect of its question whether it may ask.
    "corsheaders.middleware.CorsMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "monitor.access.gate.PageGateMiddleware",
    "monitor.access.auditing.AuditMiddleware",
    "monitor.api.versioning.VersionMiddleware",
    "monitor.api.errors.DatabaseAwayMiddleware",
    "monitor.usage.middleware.UsageMiddleware",
    "monitor.limits.middleware.RateLimitMiddleware",
    # Last, so that the view is all that lies within its transaction.
    "monitor.api.once.IdempotencyMiddleware",
]

ROOT_URLCONF = "apimonitor.urls"
WSGI_APPLICATION = "apimonitor.wsgi.application"
# Every route is exact: a redirect would lose the body of a log.
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "monitor.access.context.page_context",
            ],
        },
    },
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

DATABASES = {
    "default": {
        **env.database(DATABASE_URL_NAME),
        # A connection lives as long as its thread, and is tried before each request, so that a
        # restarted PostgreSQL costs no one an error.
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
CSRF_FAILURE_VIEW = "monitor.api.errors.csrf_failure"
LOGIN_REDIRECT_URL = "pages:services"
LOGOUT_REDIRECT_URL = "login"

# --- Signing in --------------------------------------------------------------------------------------------

# The second finds people by their mail address as well; it asks for a password like the first.
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
# In memory, one of each process, but for what guards the sign-in: tries must be counted over all processes.
CACHES = {
    "default": {"BACKEND": "monitor.access.shared_cache.MemoryWithSharedTries"},
    "tries": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "shared_cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
}
ACCOUNT_ADAPTER = "monitor.access.sign_in.AccountAdapter"
ACCOUNT_FORMS = {"login": "monitor.access.sign_in.SignInForm"}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
# A mail to an address that nobody here has would only tell its owner that somebody guesses.
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_REAUTHENTICATION_TIMEOUT = RECENT_SIGN_IN_S
ACCOUNT_RATE_LIMITS = {
    "login": None,
    "login_failed": f"{LOGIN_TRIES}/{LOGIN_WINDOW_S}s/ip,{LOGIN_TRIES}/{LOGIN_WINDOW_S}s/key",
    "reauthenticate": f"{LOGIN_TRIES}/{LOGIN_WINDOW_S}s/user",
}
SOCIALACCOUNT_ADAPTER = "monitor.people.openid.OpenIdAdapter"
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_EMAIL_VERIFICATION = "none"
# A link, as a form would not be let through to the provider by our own policy (form-action). Whoever is sent
# there by a foreign page comes back as themselves.
SOCIALACCOUNT_LOGIN_ON_GET = True
MFA_ADAPTER = "monitor.access.second_factor.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes", "webauthn"]
MFA_PASSKEY_LOGIN_ENABLED = True
# That is against people who sign up with addresses of others. Here everybody was invited.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "API Monitor"
# A clock that is half a minute off still lets its owner in.
MFA_TOTP_TOLERANCE = 1
# Browsers offer passkeys on https and on this machine alone.
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = PUBLIC_URL.startswith(("http://localhost", "http://127.0.0.1"))

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {"staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"}}

# The batch door reads its own stream with its own limits; this one guards forms and small JSON.
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_LOG_BYTES

# --- Security headers --------------------------------------------------------------------------------------

HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# Two monitors on one host, at two ports, must not sign each other's people out.
_INSTALLATION = hashlib.sha256(PUBLIC_URL.encode()).hexdigest()[:8]
SESSION_SERIALIZER = "monitor.access.sessions.SessionSerializer"
SESSION_COOKIE_NAME = f"apimonitor_session_{_INSTALLATION}"
CSRF_COOKIE_NAME = f"apimonitor_csrf_{_INSTALLATION}"
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
SECURE_SSL_REDIRECT = HTTPS
# A redirected POST arrives without its body, so the API and the health probes answer on plain http too.
SECURE_REDIRECT_EXEMPT = [r"^v1/", r"^v2/", r"^ping/", r"^api/", r"^otlp/", r"^health", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXY_COUNT else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}

# --- Callers in browsers ------------------------------------------------------------------------------------

# Pages of these origins may call the API from a browser, with a key of their own: comma-separated, as
# https://app.example.com; * for all. Cookies are never accepted from elsewhere, so a session cannot be used.
CORS_ORIGINS = env.origins("CORS_ORIGINS")
CORS_ALLOW_ALL_ORIGINS = CORS_ORIGINS == ["*"]
CORS_ALLOWED_ORIGINS = [] if CORS_ALLOW_ALL_ORIGINS else CORS_ORIGINS
CORS_ALLOW_CREDENTIALS = False
# Without an origin no answer says a word of it.
CORS_URLS_REGEX = r"^/(v1|otlp)/" if CORS_ORIGINS else r"(?!)"
CORS_ALLOW_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
CORS_ALLOW_HEADERS = (
    *("accept", "authorization", "content-type", "content-encoding", "x-api-key", "x-request-id"),
    *("api-version", "idempotency-key", "last-event-id", "traceparent", "tracestate"),
)
CORS_EXPOSE_HEADERS = (
    *("Link", "X-Total-Count", "X-Search-Complete", "X-Request-Id", "API-Version", "Deprecation", "Sunset"),
    *("Retry-After", "RateLimit", "RateLimit-Policy", "Idempotent-Replayed", "Content-Disposition"),
)
CORS_PREFLIGHT_MAX_AGE = 3600

# --- Logging -----------------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "monitor.lib.jsonlog.JsonFormatter"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"handlers": ["stderr"], "level": LOG_LEVEL},
    "loggers": {
        "django.server": {"handlers": ["stderr"], "propagate": False},
        # Our access line replaces Django's own line for each 4xx and 5xx.
        "django.request": {"handlers": ["stderr"], "level": "ERROR", "propagate": False},
        "httpx": {"level": "WARNING"},
        "procrastinate": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
    },
}
