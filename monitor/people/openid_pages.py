"""Where a sign-in with OpenID Connect begins."""

import logging

from allauth.socialaccount.providers.openid_connect.views import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from requests import RequestException

logger = logging.getLogger(__name__)


def begin(request: HttpRequest, provider_id: str) -> HttpResponse:
    """On to the provider. One that is away is said to be, which allauth does on the way back alone.

    To sign in, and for nothing else: an account finds its sign-in by the address. One that is joined to the
    account of whoever is signed in here could be a stranger's, whose session a foreign page had begun there.
    """
    if any(asked.get("process", "login") != "login" for asked in (request.GET, request.POST)):
        raise Http404
    try:
        answer: HttpResponse = login(request, provider_id)
    except RequestException:
        logger.exception("The provider of OpenID Connect does not answer.")
        return render(request, "socialaccount/authentication_error.html", status=502)
    return answer
