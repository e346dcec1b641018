"""Have the owners of an organization told."""

from uuid import UUID

from django.conf import settings

from monitor.mail.tasks import mail_owners

MAX_SUBJECT_CHARS = 150


def write_to_owners(organization_id: UUID, *, subject: str, text: str, page: str) -> bool:
    """Have the owners told by mail, in the caller's transaction. `page` is a path of ours that shows it.

    False where no mail server is set. A job of the queue, not a call here: a mail server that hangs must hold
    up neither a round of rules nor a thread that delivers, and what is rolled back is not mailed.
    """
    if not settings.SENDS_MAIL:
        return False
    mail_owners.defer(
        organization_id=str(organization_id),
        subject=" ".join(subject.split())[:MAX_SUBJECT_CHARS],
        text=text,
        page=page,
    )
    return True
