-- The audit log in monthly partitions, with a stamp on each row by which it is sealed, and the seals.
-- A partition holds the ids of a month (UUID version 7: they begin with the moment). Ids of other moments, which no
-- program of ours makes, and those of months that nobody has made a partition for, fall into the default partition:
-- a row of the audit log is never refused for its date.

CREATE SEQUENCE audit_seq;

CREATE OR REPLACE FUNCTION audit_logs_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TABLE audit_epochs (
    number integer PRIMARY KEY,
    log_id uuid NOT NULL,
    system_identifier bigint NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    because varchar(200) NOT NULL
);

CREATE TABLE audit_seals (
    number bigint PRIMARY KEY,
    kind varchar(10) NOT NULL,
    epoch integer NOT NULL,
    xid_from bigint NOT NULL,
    xid_to bigint NOT NULL,
    rows bigint NOT NULL,
    members bytea NOT NULL,
    root varchar(64) NOT NULL,
    previous varchar(64) NOT NULL,
    sealed_at timestamptz NOT NULL,
    details jsonb NOT NULL,
    digest varchar(64) NOT NULL,
    key_id varchar(16) NOT NULL,
    mac varchar(64) NOT NULL,
    CONSTRAINT audit_seal_kind_known CHECK (kind IN ('rows', 'archive')),
    CONSTRAINT audit_seal_range CHECK (xid_from <= xid_to AND rows >= 0 AND number > 0)
);

CREATE FUNCTION audit_uuid7(moment timestamptz DEFAULT clock_timestamp()) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT (lpad(to_hex(floor(extract(epoch FROM moment) * 1000)::bigint), 12, '0')
        || '7' || substr(random_part, 14, 3) || substr(random_part, 17))::uuid
    FROM replace(gen_random_uuid()::text, '-', '') AS random_part
$$;

CREATE FUNCTION audit_logs_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    told text := coalesce(current_setting('audit.told', TRUE), '');
    word text := split_part(NEW.action, '.', 1);
BEGIN
    NEW.seq := nextval('audit_seq');
    NEW.epoch := (SELECT max(number) FROM audit_epochs);
    NEW.xid := pg_current_xact_id()::text::bigint;
    NEW.timestamp := clock_timestamp();
    -- What this transaction has told of, by the first word of the action; audit_backstop asks.
    IF NEW.status = 'success' AND word <> 'database' AND strpos(told || ' ', ' ' || word || ' ') = 0
        AND split_part(NEW.action, '.', 2) NOT IN ('viewed', 'listed', 'exported')
    THEN
        PERFORM set_config('audit.told', told || ' ' || word, TRUE);
    END IF;
    RETURN NEW;
END
$$;

-- Partitions for this month and the next ones, where there is none. Returns how many were made. Runs with the rights
-- of the owner: whoever may seal may ask for partitions.
CREATE FUNCTION audit_make_partitions(months integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    first date := date_trunc('month', now() AT TIME ZONE 'UTC');
    month date;
    name text;
    made integer := 0;
BEGIN
    FOR month IN SELECT generate_series(first, first + make_interval(months => months), interval '1 month') LOOP
        name := to_char(month, '"audit_logs_"YYYY"_"MM');
        CONTINUE WHEN to_regclass(name) IS NOT NULL;
        EXECUTE format('CREATE TABLE %I (LIKE audit_logs INCLUDING ALL)', name);
        EXECUTE format('CREATE TRIGGER audit_logs_no_truncate BEFORE TRUNCATE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_refuse()', name);
        BEGIN
            EXECUTE format('ALTER TABLE audit_logs ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name,
                audit_first_id(month), audit_first_id((month + interval '1 month')::date));
            made := made + 1;
        EXCEPTION WHEN check_violation THEN  -- rows of that month are in the default partition already, and stay there
            EXECUTE format('DROP TABLE %I', name);
        END;
    END LOOP;
    RETURN made;
END
$$;
REVOKE EXECUTE ON FUNCTION audit_make_partitions(integer) FROM PUBLIC;

-- The lowest id of a moment on: the border of a partition.
CREATE FUNCTION audit_first_id(day date) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT rpad(lpad(to_hex((extract(epoch FROM day::timestamp AT TIME ZONE 'UTC') * 1000)::bigint), 12, '0'), 32, '0')::uuid
$$;

-- Transaction ids are counted by a cluster, from its making on: after a restore into another one they begin anew, and
-- with them the numbering of rows. Does nothing while the cluster is the one of the current epoch, unless forced.
CREATE FUNCTION audit_begin_epoch(because text, forced boolean DEFAULT FALSE) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    this bigint := (SELECT system_identifier FROM pg_control_system());
    latest audit_epochs := (SELECT e FROM audit_epochs AS e ORDER BY number DESC LIMIT 1);
BEGIN
    IF latest.number IS NULL OR forced OR latest.system_identifier <> this THEN
        INSERT INTO audit_epochs (number, log_id, system_identifier, because)
        VALUES (coalesce(latest.number, 0) + 1, coalesce(latest.log_id, gen_random_uuid()), this, because);
    END IF;
    RETURN (SELECT max(number) FROM audit_epochs);
END
$$;
REVOKE EXECUTE ON FUNCTION audit_begin_epoch(text, boolean) FROM PUBLIC;
SELECT audit_begin_epoch('The log begins.');

ALTER TABLE audit_logs RENAME TO audit_logs_before;
ALTER TABLE audit_logs_before DROP CONSTRAINT audit_logs_pkey;
CREATE TABLE audit_logs (
    id uuid NOT NULL DEFAULT audit_uuid7(),
    seq bigint NOT NULL DEFAULT 0,
    epoch integer NOT NULL DEFAULT 0,
    xid bigint NOT NULL DEFAULT 0,
    timestamp timestamptz NOT NULL DEFAULT clock_timestamp(),
    action varchar(80) NOT NULL,
    status varchar(10) NOT NULL,
    user_id varchar(150) NOT NULL DEFAULT '',
    user_kind varchar(10) NOT NULL DEFAULT '',
    user_name varchar(200) NOT NULL DEFAULT '',
    on_behalf_of varchar(150) NOT NULL DEFAULT '',
    appointment_id uuid,
    patient_id uuid,
    patient_ids uuid[],
    object_type varchar(40) NOT NULL DEFAULT '',
    object_id varchar(64) NOT NULL DEFAULT '',
    request_id varchar(64) NOT NULL DEFAULT '',
    address varchar(45) NOT NULL DEFAULT '',
    details jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT audit_logs_pkey PRIMARY KEY (id),
    CONSTRAINT audit_status_known CHECK (status IN ('success', 'failure', 'denied'))
) PARTITION BY RANGE (id);
CREATE TABLE audit_logs_other PARTITION OF audit_logs DEFAULT;
CREATE TRIGGER audit_logs_no_truncate BEFORE TRUNCATE ON audit_logs_other
    FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_refuse();

-- Months of rows that are there already, then those to come.
DO $$
DECLARE month date;
BEGIN
    FOR month IN SELECT DISTINCT date_trunc('month', timestamp AT TIME ZONE 'UTC')::date FROM audit_logs_before LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF audit_logs FOR VALUES FROM (%L) TO (%L)',
            to_char(month, '"audit_logs_"YYYY"_"MM'), audit_first_id(month),
            audit_first_id((month + interval '1 month')::date));
        EXECUTE format('CREATE TRIGGER audit_logs_no_truncate BEFORE TRUNCATE ON %I
            FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_refuse()', to_char(month, '"audit_logs_"YYYY"_"MM'));
    END LOOP;
END
$$;
INSERT INTO audit_logs (id, seq, epoch, xid, timestamp, action, status, user_id, user_kind, user_name, on_behalf_of,
    appointment_id, patient_id, object_type, object_id, request_id, address, details)
SELECT id, nextval('audit_seq'), 1, pg_current_xact_id()::text::bigint, timestamp, action, status, user_id, user_kind,
    user_name, on_behalf_of, appointment_id,
    CASE WHEN object_type = 'patient' AND object_id ~ '^[0-9a-f-]{36}$' THEN object_id::uuid
        WHEN details #>> '{new,patient_id}' ~ '^[0-9a-f-]{36}$' THEN (details #>> '{new,patient_id}')::uuid
        WHEN details ->> 'patient_id' ~ '^[0-9a-f-]{36}$' THEN (details ->> 'patient_id')::uuid END,
    object_type, object_id, request_id, address, details
FROM audit_logs_before ORDER BY timestamp, id;
DROP TABLE audit_logs_before;

CREATE INDEX idx_audit_sealing ON audit_logs (epoch, xid, seq);
CREATE INDEX idx_audit_timestamp ON audit_logs (timestamp);
CREATE INDEX idx_audit_appointment ON audit_logs (appointment_id, timestamp);
CREATE INDEX idx_audit_patient ON audit_logs (patient_id, timestamp);
CREATE INDEX idx_audit_patients ON audit_logs USING gin (patient_ids) WHERE patient_ids IS NOT NULL;
CREATE INDEX idx_audit_object ON audit_logs (object_type, object_id, timestamp);
CREATE INDEX idx_audit_user ON audit_logs (user_id, timestamp);
CREATE INDEX idx_audit_action ON audit_logs (action, timestamp);
SELECT audit_make_partitions(12);

CREATE TRIGGER audit_logs_append_only BEFORE UPDATE OR DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION audit_logs_refuse();
CREATE TRIGGER audit_logs_no_truncate BEFORE TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_refuse();
CREATE TRIGGER audit_logs_stamp BEFORE INSERT ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION audit_logs_stamp();
CREATE TRIGGER audit_seals_append_only BEFORE UPDATE OR DELETE ON audit_seals
    FOR EACH ROW EXECUTE FUNCTION audit_logs_refuse();
CREATE TRIGGER audit_seals_no_truncate BEFORE TRUNCATE ON audit_seals
    FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_refuse();
CREATE TRIGGER audit_epochs_append_only BEFORE UPDATE OR DELETE ON audit_epochs
    FOR EACH ROW EXECUTE FUNCTION audit_logs_refuse();
CREATE TRIGGER audit_epochs_no_truncate BEFORE TRUNCATE ON audit_epochs
    FOR EACH STATEMENT EXECUTE FUNCTION audit_logs_refuse();
