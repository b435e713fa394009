\set doctor random(1, 200)
\set day random(0, :days - 1)
SELECT appointments.*, doctors.name AS doctor_name, departments.name AS department_name, departments.time_zone
FROM appointments
JOIN doctors ON doctors.id = appointments.doctor_id
JOIN departments ON departments.id = appointments.department_id
WHERE appointments.doctor_id = 'DOC-' || lpad(:doctor, 4, '0') AND appointments.date = :first_day::date + :day::integer
    AND appointments.starts_at > (:first_day::date + :day::integer - 1)::timestamptz
    AND appointments.starts_at < (:first_day::date + :day::integer + 2)::timestamptz
ORDER BY appointments.starts_at, appointments.id
LIMIT 51;
