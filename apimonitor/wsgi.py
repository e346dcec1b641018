"""Django as plain WSGI, for people who serve it with another WSGI server."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "apimonitor.settings")

application = get_wsgi_application()
