"""Do the appointments and the log tell of the same? Whatever was lost of the log before it was sealed shows here.

Imported and demo appointments are told of by one row for all of them. What months put away told of is left out.
"""

from booking_site.core.invariants import Check

KEPT_SINCE = """
(SELECT coalesce(max((details ->> 'until')::timestamptz), '-infinity') FROM audit_seals WHERE kind = 'archive')
"""
# The newest that the log tells of each appointment.
TOLD = """
SELECT DISTINCT ON (appointment_id) appointment_id, details #>> '{new,status}' AS status, patient_id
FROM audit_logs WHERE appointment_id IS NOT NULL AND status = 'success' AND details #>> '{new,status}' IS NOT NULL
ORDER BY appointment_id, timestamp DESC, seq DESC
"""

CHECKS = (
    Check(
        "booking_is_told",
        "every appointment that was booked one by one has an entry that tells of it",
        f"""
        SELECT format('appointment %s was booked at %s, and no entry tells of it', id, booked_at) FROM appointments
        WHERE source NOT IN ('demo') AND source NOT LIKE 'import:%' AND booked_at > {KEPT_SINCE}
            AND NOT EXISTS (
                SELECT FROM audit_logs WHERE appointment_id = appointments.id AND audit_logs.status = 'success'
                    AND action IN ('appointment.booked', 'database.insert'))
        """,
    ),
    Check(
        "state_is_told",
        "the status of an appointment is the newest that an entry tells of it",
        f"""
        SELECT format('appointment %s is %s, and the newest entry about it says %s', id, appointments.status,
            told.status)
        FROM ({TOLD}) AS told JOIN appointments ON id = appointment_id WHERE appointments.status <> told.status
        """,
    ),
    Check(
        "told_booking_exists",
        "every booking that an entry tells of is there",
        """
        SELECT format('entry %s tells of the booking of appointment %s, which is not there', id, appointment_id)
        FROM audit_logs WHERE action = 'appointment.booked' AND status = 'success'
            AND NOT EXISTS (SELECT FROM appointments WHERE appointments.id = audit_logs.appointment_id)
            AND NOT EXISTS (
                SELECT FROM audit_logs AS gone WHERE gone.appointment_id = audit_logs.appointment_id
                    AND gone.action = 'database.delete')
        """,
    ),
)
