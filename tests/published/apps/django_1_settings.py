"""Settings of the example for Django, 1.x. The token and the rest are in the environment."""

import apitally

ALLOWED_HOSTS = ["*"]
SECRET_KEY = "not secret"
ROOT_URLCONF = "django_1"
INSTALLED_APPS = ["rest_framework"]
REST_FRAMEWORK = {"UNAUTHENTICATED_USER": None, "DEFAULT_AUTHENTICATION_CLASSES": []}
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]

apitally.init(capture_request_headers=True, capture_request_body=True, capture_response_body=True)
