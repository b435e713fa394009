"""What no operation has told of is told by the database: writes to patients, slots and appointments by raw SQL,
a shell, ``QuerySet.update()`` and the like.

Asked at the end of the transaction, so that an operation may write first and tell then. ``audit.told``, set by the
trigger of the log itself, says what the transaction has told of: that costs no look into the log, for a million slots
either. Values of the columns named here are masked as ``audit.masking`` does.
"""

from django.db import migrations

CREATE = r"""
-- Arguments: what the table's rows are called in the log; the first words of actions that tell of such a change.
CREATE FUNCTION audit_backstop() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kind text := TG_ARGV[0];
    before jsonb;
    after jsonb;
    subject jsonb;
    changed text[];
BEGIN
    IF string_to_array(current_setting('audit.told', TRUE), ' ') && string_to_array(TG_ARGV[1], ' ') THEN
        RETURN NULL;
    END IF;
    before := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) ELSE '{}' END;
    after := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) ELSE '{}' END;
    subject := CASE WHEN TG_OP = 'DELETE' THEN before ELSE after END;
    changed := ARRAY(
        SELECT key FROM jsonb_object_keys(before || after) AS key
        WHERE before -> key IS DISTINCT FROM after -> key AND key NOT IN ('created_at', 'updated_at'));
    IF changed <> '{}' THEN
        INSERT INTO audit_logs (action, status, user_kind, user_id, user_name, object_type, object_id, patient_id,
            appointment_id, details)
        VALUES ('database.' || lower(TG_OP), 'success', 'database', session_user::text, session_user::text, kind,
            subject ->> 'id',
            CASE kind WHEN 'patient' THEN subject ->> 'id' ELSE subject ->> 'patient_id' END::uuid,
            CASE kind WHEN 'appointment' THEN subject ->> 'id' END::uuid,
            jsonb_strip_nulls(jsonb_build_object(
                'old', CASE WHEN TG_OP <> 'INSERT' THEN audit_masked(before, changed) END,
                'new', CASE WHEN TG_OP <> 'DELETE' THEN audit_masked(after, changed) END,
                'application', nullif(current_setting('application_name'), ''))));
    END IF;
    RETURN NULL;
END
$$;

CREATE FUNCTION audit_masked(row_values jsonb, names text[]) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_object_agg(name, CASE
        WHEN row_values -> name IN ('null', '""') OR name = 'id' OR name LIKE '%\_id' AND name <> 'insurance_id'
            OR name IN ('status', 'date', 'time', 'starts_at', 'ends_at', 'held_until', 'seat', 'duration_minutes',
                'is_active', 'retiring', 'source', 'urgent')
        THEN row_values -> name ELSE '"***"' END), '{}')
    FROM unnest(names) AS name WHERE row_values ? name
$$;

CREATE FUNCTION audit_backstop_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO audit_logs (action, status, user_kind, user_id, user_name, object_type)
    VALUES ('database.truncate', 'success', 'database', session_user::text, session_user::text, TG_ARGV[0]);
    RETURN NULL;
END
$$;
"""

# table: (kind of object, first words of the actions that tell of a change)
TABLES = {
    "patients": ("patient", "patient patients demo"),
    "available_slots": (
        "slot",
        "slot slots appointment appointments schedule closure doctor department visittype demo",
    ),
    "appointments": (
        "appointment",
        "appointment appointments slot slots schedule closure patient doctor department demo",
    ),
}
TRIGGERS = """
CREATE CONSTRAINT TRIGGER audit_backstop AFTER INSERT OR UPDATE OR DELETE ON {table}
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION audit_backstop('{kind}', '{words}');
CREATE TRIGGER audit_backstop_truncate AFTER TRUNCATE ON {table}
    FOR EACH STATEMENT EXECUTE FUNCTION audit_backstop_truncate('{kind}');
"""
DROP = """
DROP TRIGGER audit_backstop ON {table};
DROP TRIGGER audit_backstop_truncate ON {table};
"""
FORTH = CREATE + "".join(
    TRIGGERS.format(table=table, kind=kind, words=words) for table, (kind, words) in TABLES.items()
)
BACK = (
    "".join(DROP.format(table=table) for table in TABLES)
    + "DROP FUNCTION audit_backstop(), audit_backstop_truncate(), audit_masked(jsonb, text[]);"
)


class Migration(migrations.Migration):
    dependencies = [
        ("audit", "0004_partitions_and_seals"),
        ("patients", "0007_privacy_on_live_tables"),
        ("scheduling", "0007_word_for_the_source_of_a_closure"),
        ("appointments", "0008_moves"),
    ]
    operations = [migrations.RunSQL(FORTH, BACK)]
