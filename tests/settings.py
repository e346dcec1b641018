"""The settings under test: the product's own, on a database of this run, without what only costs time."""

from tests.database import provide_environment

provide_environment()

from apimonitor.settings import *  # noqa: E402, F403

# A real hasher takes a tenth of a second for each login.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# A log of each call would stand among those that tests count.
OWN_REQUESTS = False
# Plain names straight from the source folders: nothing has to be collected before a page is rendered.
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = True
# Tests state how many queries a page costs. What limits are worth, tests/limits says.
for _name in [name for name in globals() if name.startswith("RATE_LIMIT_")]:
    globals()[_name] = 0

# A test that commits empties all tables after itself, the audit log too.
DATABASES["default"]["OPTIONS"]["options"] = "-c apimonitor.audit_truncate=on"  # noqa: F405
