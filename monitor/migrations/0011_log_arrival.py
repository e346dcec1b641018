from django.db import migrations

# What was just committed, for those who tail the logs. `xid` is the transaction's own id, also where rows
# were written within a savepoint, so a snapshot tells whether it had been committed by then. Written only
# while `log_watch` says that somebody looks.
FORWARDS = """
CREATE TABLE log_arrival (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    arrived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ids bytea NOT NULL
);
ALTER TABLE log_arrival ALTER COLUMN ids SET STORAGE EXTERNAL;
ALTER TABLE log_arrival SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX log_arrival_by_xid ON log_arrival (xid);
CREATE TABLE log_watch (
    id smallint PRIMARY KEY DEFAULT 1 CONSTRAINT log_watch_is_one_row CHECK (id = 1),
    era bigint NOT NULL,
    until timestamptz NOT NULL
);
ALTER TABLE log_watch SET (fillfactor = 10)
"""
BACKWARDS = "DROP TABLE log_arrival; DROP TABLE log_watch"


class Migration(migrations.Migration):
    dependencies = [
        ("monitor", "0010_saved_views"),
    ]

    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
