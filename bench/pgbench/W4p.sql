\set patient random(0, :patients - 1)
SELECT appointments.*, doctors.name AS doctor_name, departments.name AS department_name, departments.time_zone
FROM appointments
JOIN doctors ON doctors.id = appointments.doctor_id
JOIN departments ON departments.id = appointments.department_id
WHERE appointments.patient_id = ('019a0000-0000-7000-8003-' || lpad(to_hex(:patient::integer), 12, '0'))::uuid
ORDER BY appointments.starts_at, appointments.id
LIMIT 51;
