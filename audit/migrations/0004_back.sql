-- One table as before, without stamps and seals.

ALTER TABLE audit_logs RENAME TO audit_logs_sealed;
ALTER TABLE audit_logs_sealed DROP CONSTRAINT audit_logs_pkey;
CREATE TABLE audit_logs (
    id uuid NOT NULL,
    timestamp timestamptz NOT NULL,
    action varchar(80) NOT NULL,
    status varchar(10) NOT NULL,
    user_id varchar(150) NOT NULL,
    user_kind varchar(10) NOT NULL,
    user_name varchar(200) NOT NULL,
    on_behalf_of varchar(150) NOT NULL,
    appointment_id uuid,
    object_type varchar(40) NOT NULL,
    object_id varchar(64) NOT NULL,
    request_id varchar(64) NOT NULL,
    address varchar(45) NOT NULL,
    details jsonb NOT NULL,
    CONSTRAINT audit_logs_pkey PRIMARY KEY (id),
    CONSTRAINT audit_status_known CHECK (status IN ('success', 'failure', 'denied'))
);
INSERT INTO audit_logs SELECT id, timestamp, action, status, user_id, user_kind, user_name, on_behalf_of,
    appointment_id, object_type, object_id, request_id, address, details FROM audit_logs_sealed;
DROP TABLE audit_logs_sealed, audit_seals, audit_epochs;
DROP FUNCTION audit_logs_stamp(), audit_make_partitions(integer), audit_first_id(date), audit_uuid7(timestamptz),
    audit_begin_epoch(text, boolean);
DROP SEQUENCE audit_seq;
CREATE INDEX idx_audit_timestamp ON audit_logs (timestamp);
CREATE INDEX idx_audit_appointment ON audit_logs (appointment_id, timestamp);
CREATE INDEX idx_audit_object ON audit_logs (object_type, object_id, timestamp);
CREATE INDEX idx_audit_user ON audit_logs (user_id, timestamp);
CREATE INDEX idx_audit_action ON audit_logs (action, timestamp);
CREATE TRIGGER audit_logs_append_only BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION audit_logs_refuse();
CREATE TRIGGER audit_logs_no_truncate BEFORE TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_refuse();
