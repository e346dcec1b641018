"""Where a push monitor is pinged, as addresses and as snippets to paste."""

import hashlib
import secrets
from collections.abc import Mapping
from uuid import UUID

from django.conf import settings

from monitor.api.paths import uuid_or_none
from monitor.models import Monitor, Organization, PingKey, PushTarget


def ping_key_of(organization: Organization) -> str:
    """The organization's word in front of slugs, made when it is first asked for."""
    return PingKey.objects.get_or_create(
        organization=organization, defaults={"key": secrets.token_urlsafe(16)}
    )[0].key


def token_from(word: str) -> UUID:
    """The token that an address names: its UUID, or what stands for a word that another program made."""
    found = uuid_or_none(word)
    return found or UUID(bytes=hashlib.blake2b(word.encode(errors="replace"), digest_size=16).digest())


def addresses_of(monitor: Monitor) -> Mapping[str, str]:
    """Each dialect's address of this monitor."""
    target = PushTarget.objects.get(monitor=monitor)
    base = settings.PUBLIC_URL
    addresses = {
        "API Monitor": f"{base}/v1/push/{target.token.hex}",
        "Healthchecks": f"{base}/ping/{target.token}",
        "Uptime Kuma": f"{base}/api/push/{target.token.hex}?status=up&msg=OK&ping=",
        "Peekaping": f"{base}/api/v1/push/{target.token.hex}?status=1&msg=OK",
    }
    if target.slug:
        addresses["Healthchecks, by slug"] = f"{base}/ping/{ping_key_of(monitor.organization)}/{target.slug}"
    return addresses


def snippets_of(monitor: Monitor) -> Mapping[str, str]:
    """Ready to paste; a ping that fails must never fail the job."""
    url = addresses_of(monitor)["Healthchecks"]
    return {
        "bash": f"curl -fsS -m 10 --retry 3 {url}/start || true\n./job.sh\n"
        f"curl -fsS -m 10 --retry 3 {url}/$? || true",
        "crontab": f"0 3 * * * /path/to/job.sh; curl -fsS -m 10 --retry 3 -o /dev/null {url}/$?",
        "Python": "from urllib.request import urlopen\n\ntry:\n"
        f'    urlopen("{url}", timeout=10)\nexcept OSError:\n    pass',
        "Docker": f"HEALTHCHECK --interval=60s CMD ./check.sh && curl -fsS -m 10 {url} || exit 1",
        "GitHub Actions": f"- if: always()\n  run: curl -fsS -m 10 --retry 3 {url}/"
        "${{ job.status == 'success' && '0' || 'fail' }}",
    }
