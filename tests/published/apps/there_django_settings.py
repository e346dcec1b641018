"""The settings of that project, as they are before."""

ALLOWED_HOSTS = ["*"]
SECRET_KEY = "not secret"
ROOT_URLCONF = "shop"
INSTALLED_APPS = ["rest_framework"]
REST_FRAMEWORK = {"UNAUTHENTICATED_USER": None, "DEFAULT_AUTHENTICATION_CLASSES": []}
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]
