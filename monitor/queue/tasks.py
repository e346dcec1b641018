"""What the queue needs done for itself: it neither requeues stalled jobs nor forgets finished ones."""

from procrastinate import JobContext
from procrastinate.contrib.django import app

# A worker's heartbeat comes every 10 s; one that is silent this long is gone.
SILENT_WORKER_S = 60
KEEP_FINISHED_HOURS = 24


# No lock: a stalled job that held it would keep its own rescue waiting.
@app.periodic(cron="*/2 * * * *")
@app.task(pass_context=True)
async def retry_stalled_jobs(context: JobContext, timestamp: int) -> None:
    """Give the jobs of workers that died to others."""
    manager = context.app.job_manager
    for job in await manager.get_stalled_jobs(seconds_since_heartbeat=SILENT_WORKER_S):
        await manager.retry_job(job)


@app.periodic(cron="23 * * * *")
@app.task(queueing_lock="forget_finished_jobs", pass_context=True)
async def forget_finished_jobs(context: JobContext, timestamp: int) -> None:
    """Remove finished jobs, so that fetching the next one stays fast."""
    await context.app.job_manager.delete_old_jobs(
        nb_hours=KEEP_FINISHED_HOURS, include_failed=False, include_cancelled=True, include_aborted=True
    )
