\set n random(200000, 399999)
SELECT appointments.*, doctors.name AS doctor_name, departments.name AS department_name, departments.time_zone
FROM appointments
JOIN doctors ON doctors.id = appointments.doctor_id
JOIN departments ON departments.id = appointments.department_id
WHERE appointments.id = (SELECT appointment_id FROM bench.to_cancel WHERE n = :n::integer);
