WITH wanted AS (
    SELECT slot_id, patient_id FROM bench.to_book WHERE n = (SELECT nextval('bench.next_booking')::integer)
), claimed AS (
    UPDATE available_slots SET status = 'booked', updated_at = now()
    FROM wanted WHERE id = wanted.slot_id AND status = 'available' AND available_slots.starts_at > now()
    RETURNING available_slots.*, wanted.patient_id
), made AS (
    INSERT INTO appointments (id, patient_id, doctor_id, department_id, slot_id, reason, status, date, time, starts_at,
        ends_at, visit_type, source, booked_by, cancellation_reason, booked_at, created_at, updated_at)
    SELECT uuidv7(), patient_id, doctor_id, department_id, id, 'Follow-up', 'booked', date, time, starts_at, ends_at,
        visit_type, 'api', 'bench', '', now(), now(), now()
    FROM claimed
    RETURNING *
), told AS (
    INSERT INTO audit_logs (id, action, status, user_kind, user_id, appointment_id, patient_id, object_type, object_id,
        details)
    SELECT uuidv7(), 'appointment.booked', 'success', 'client', 'bench', id, patient_id, 'appointment', id::text,
        jsonb_build_object('new', jsonb_build_object('status', status, 'slot_id', slot_id))
    FROM made
)
SELECT * FROM made;
