WITH cancelled AS (
    UPDATE appointments SET status = 'cancelled', cancelled_at = now(), updated_at = now()
    WHERE id = (
        SELECT appointment_id FROM bench.to_cancel WHERE n = (SELECT nextval('bench.next_cancellation')::integer)
    ) AND status = 'booked'
    RETURNING *
), freed AS (
    UPDATE available_slots SET status = 'available', updated_at = now()
    FROM cancelled WHERE available_slots.id = cancelled.slot_id
), told AS (
    INSERT INTO audit_logs (id, action, status, user_kind, user_id, appointment_id, patient_id, object_type, object_id,
        details)
    SELECT uuidv7(), 'appointment.cancelled', 'success', 'client', 'bench', id, patient_id, 'appointment', id::text,
        jsonb_build_object('old', 'booked', 'new', 'cancelled')
    FROM cancelled
)
SELECT * FROM cancelled;
