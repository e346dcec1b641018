"""The least that Django and DRF need. Nothing here is in the way of `serializer.save()`."""

import os

from apimonitor import env

SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = ["*"]
INSTALLED_APPS = ["bench.floors.plain", "rest_framework"]
ROOT_URLCONF = "bench.floors.plain.urls"
DATABASES = {"default": {**env.database("DATABASE_URL"), "CONN_MAX_AGE": None}}
USE_TZ = True
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}
