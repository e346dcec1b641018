from django.db import migrations


def make_default(apps, schema_editor):
    """Anonymous callers, and people who never ask for a second one, work in this organization."""
    apps.get_model("monitor", "Organization").objects.get_or_create(name="Default")


class Migration(migrations.Migration):
    dependencies = [("monitor", "0001_first_tables")]

    operations = [migrations.RunPython(make_default, migrations.RunPython.noop)]
