"""Background jobs, to see what failed and to try it again.

Takes the place of procrastinate's own page, whose style attributes our content policy would block.
"""

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from procrastinate.contrib.django import app
from procrastinate.contrib.django.models import ProcrastinateEvent, ProcrastinateJob
from procrastinate.jobs import Status
from procrastinate.utils import utcnow

from monitor.admin.endless import EndlessAdmin
from monitor.admin.shared import ReadOnlyAdmin
from monitor.admin.shown import as_json, code, moment

admin.site.unregister(ProcrastinateJob)


class StatusFilter(admin.SimpleListFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(status.value, status.value.title()) for status in Status]

    def queryset(self, request: HttpRequest, queryset: QuerySet) -> QuerySet:
        return queryset.filter(status=self.value()) if self.value() else queryset


class EventInline(admin.TabularInline):
    model = ProcrastinateEvent
    fields = ("type", "happened")
    readonly_fields = ("type", "happened")
    extra = 0
    can_delete = False
    ordering = ("-at",)

    def has_add_permission(self, request: HttpRequest, obj: ProcrastinateJob | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: ProcrastinateEvent | None = None) -> bool:
        return False

    @admin.display(description="At")
    def happened(self, event: ProcrastinateEvent) -> SafeString | str:
        return moment(event.at)


@admin.register(ProcrastinateJob)
class JobAdmin(EndlessAdmin, ReadOnlyAdmin):
    permissions = ("view", "change")
    list_display = ("id", "task", "status", "queue_name", "attempts", "scheduled")
    list_filter = (StatusFilter,)
    fields = ("id", "task", "arguments", "status", "queue_name", "priority", "attempts", "scheduled", "locks")
    inlines = (EventInline,)
    actions = ("retry_jobs",)

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("procrastinate.change_procrastinatejob")

    @admin.action(description="Try failed jobs again", permissions=["retry"])
    def retry_jobs(self, request: HttpRequest, queryset: QuerySet[ProcrastinateJob]) -> None:
        failed = list(queryset.filter(status=Status.FAILED.value))
        for job in failed:
            app.job_manager.retry_job_by_id(job.id, utcnow(), job.priority, job.queue_name, job.lock)
        words = f"{len(failed)} of them will be tried again." if failed else "None of them has failed."
        self.message_user(request, words, messages.SUCCESS if failed else messages.WARNING)

    @admin.display(description="Task")
    def task(self, job: ProcrastinateJob) -> SafeString:
        return code(job.task_name)

    @admin.display(description="Arguments")
    def arguments(self, job: ProcrastinateJob) -> SafeString:
        return as_json(job.args)

    @admin.display(description="Scheduled for")
    def scheduled(self, job: ProcrastinateJob) -> SafeString | str:
        return moment(job.scheduled_at, otherwise="as soon as possible")

    @admin.display(description="Locks")
    def locks(self, job: ProcrastinateJob) -> str:
        return ", ".join(name for name in (job.lock, job.queueing_lock) if name) or "none"
