"""The page of who did what, from where."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views.decorators.http import require_safe

from monitor.access.gate import page_actor
from monitor.api.keyset import cut_page, read_cursor
from monitor.api.permissions import require
from monitor.audit.api import check, file_of
from monitor.audit.listing import FORMATS, AuditFilter
from monitor.lib.actors import Scope
from monitor.lib.addresses import address_with
from monitor.models import AuditEntry
from monitor.models.audit import Face
from monitor.search.filtering import redirect_to_tidy, respond

ROWS = 50
# What people ask for most, as words and what it asks for.
KINDS = (
    ("", "Everything"),
    ("auth.*", "Signing in"),
    ("api_key.*", "Keys"),
    ("secret.*", "Secrets shown"),
    ("service.*", "Services"),
    ("member.*", "Members"),
    ("alert*", "Alerts"),
    ("monitor.*", "Monitors"),
    ("webhook*", "Webhooks"),
    ("replay.*", "Replays"),
    ("logs.*", "Exports"),
    ("ssrf.*", "Blocked calls"),
)


@require_safe
def audit_log(request: HttpRequest) -> HttpResponseBase:
    actor = page_actor(request)
    require(actor, Scope.MANAGE)
    tidy = redirect_to_tidy(request, picked=())
    if tidy is not None:
        return tidy
    asked = AuditFilter(request.GET, AuditEntry.objects.visible_to(check(actor)))
    found = asked.qs if asked.is_valid() else asked.queryset.none()
    if request.GET.get("format") in FORMATS and asked.is_valid():
        return file_of(found, actor, request.GET["format"])
    context = {
        "section": "audit",
        "audit_days": settings.AUDIT_DAYS,
        "path": request.path,
        "address": request.path + address_with(request.GET, {}).removesuffix("?"),
        "page": cut_page(found, limit=ROWS, cursor=read_cursor(request.GET)),
        "kinds": KINDS,
        "faces": Face.choices,
        "problems": [error for errors in asked.errors.values() for error in errors],
        "kept_names": [(name, request.GET.get(name)) for name in ("target_id", "request_id", "ip")],
    }
    response: HttpResponse = respond(request, context, whole="audit/list.html", part="audit/_rows.html")
    return response
