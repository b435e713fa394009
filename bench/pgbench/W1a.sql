\set doctor random(1, 200)
\set day random(0, :days - 14)
SELECT slot.id, slot.doctor_id, slot.department_id, slot.date, slot.time, slot.starts_at, slot.ends_at,
    slot.duration_minutes, slot.visit_type, slot.seat, doctors.name AS doctor_name, doctors.specialization,
    departments.name AS department_name, departments.time_zone
FROM available_slots AS slot
JOIN doctors ON doctors.id = slot.doctor_id AND doctors.is_active
JOIN departments ON departments.id = slot.department_id AND departments.is_active
WHERE slot.doctor_id = 'DOC-' || lpad(:doctor, 4, '0') AND slot.status NOT IN ('booked', 'withdrawn')
    AND slot.date BETWEEN :first_day::date + :day::integer AND :first_day::date + :day::integer + 13
    AND slot.starts_at > now()
ORDER BY slot.starts_at, slot.id
LIMIT 51;
