"""Where a sign-in with OpenID Connect begins."""

import logging

from allauth.socialaccount.providers.openid_connect.views import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from requests import RequestException

logger = logging.getLogger(__name__)


def begin(request: HttpRequest, provider_id: str) -> HttpResponse:
    """On to the provider. One that is away is said to be, which allauth does on the way back alone."""
    try:
        answer: HttpResponse = login(request, provider_id)
    except RequestException:
        logger.exception("The provider of OpenID Connect does not answer.")
        return render(request, "socialaccount/authentication_error.html", status=502)
    return answer
