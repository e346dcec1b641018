"""What the worker mails."""

from uuid import UUID

from procrastinate import RetryStrategy
from procrastinate.contrib.django import app

from monitor.mail.letters import send

# Waits 5, 25, 125, 625 s between tries: a mail server that is restarted is back within them.
TRIES = RetryStrategy(max_attempts=5, exponential_wait=5)


@app.task(queue="default", retry=TRIES, pass_context=False)
def mail_owners(*, organization_id: str, subject: str, text: str, page: str) -> None:
    """Write to the owners. Run twice, it writes twice: rather that than not at all."""
    send(UUID(organization_id), subject=subject, text=text, page=page)
