from django.db import migrations

from monitor.lib.ids import new_uuid7


def note_tags(apps, schema_editor):
    """A row for each word that monitors carry. What the code before writes meanwhile is noted when such a
    monitor is next saved."""
    Monitor = apps.get_model("monitor", "Monitor")
    MonitorTag = apps.get_model("monitor", "MonitorTag")
    carried = Monitor.objects.exclude(tags=[]).values_list("organization_id", "tags")
    words = sorted({(organization, word) for organization, tags in carried for word in tags}, key=str)
    MonitorTag.objects.bulk_create(
        [MonitorTag(id=new_uuid7(), organization_id=organization, name=word) for organization, word in words],
        ignore_conflicts=True,
        batch_size=1000,
    )


class Migration(migrations.Migration):
    dependencies = [("monitor", "0046_tags_and_proxies")]

    operations = [migrations.RunPython(note_tags, migrations.RunPython.noop)]
