CREATE TABLE access_token (
    prefix VARCHAR(16) NOT NULL,
    name VARCHAR(64) NOT NULL,
    hash VARCHAR(64) NOT NULL,
    role VARCHAR(16) NOT NULL,
    schools TEXT,
    created_ms BIGINT NOT NULL,
    created_by VARCHAR(64) NOT NULL,
    expires_ms BIGINT,
    revoked_ms BIGINT,
    used_ms BIGINT,
    CONSTRAINT pk_access_token PRIMARY KEY (prefix)
);

CREATE TABLE access_user (
    name VARCHAR(64) NOT NULL,
    password VARCHAR(200) NOT NULL,
    role VARCHAR(16) NOT NULL,
    schools TEXT,
    disabled BOOLEAN NOT NULL,
    created_ms BIGINT NOT NULL,
    password_ms BIGINT NOT NULL,
    seen_ms BIGINT,
    CONSTRAINT pk_access_user PRIMARY KEY (name)
);

CREATE TABLE agent_account (
    agent_id VARCHAR(64) NOT NULL,
    state VARCHAR(16) NOT NULL CONSTRAINT state CHECK (state IN ('active', 'revoked')),
    by_certificate BOOLEAN NOT NULL,
    made_ms BIGINT NOT NULL,
    changed_ms BIGINT NOT NULL,
    changed_by VARCHAR(64) NOT NULL,
    change INTEGER NOT NULL,
    applied_change INTEGER NOT NULL,
    applied_ms BIGINT,
    secret VARCHAR(256),
    trouble VARCHAR(300) NOT NULL,
    CONSTRAINT pk_agent_account PRIMARY KEY (agent_id)
);

CREATE TABLE agent_command (
    id VARCHAR(64) NOT NULL,
    agent_id VARCHAR(64) NOT NULL,
    what VARCHAR(32) NOT NULL,
    arguments TEXT NOT NULL,
    made_ms BIGINT NOT NULL,
    made_by VARCHAR(64) NOT NULL,
    expires_ms BIGINT NOT NULL,
    state VARCHAR(16) NOT NULL,
    sent_ms BIGINT,
    answered_ms BIGINT,
    error VARCHAR(256),
    CONSTRAINT pk_agent_command PRIMARY KEY (id)
);

CREATE INDEX ix_agent_command_agent ON agent_command (agent_id, made_ms);

CREATE INDEX ix_agent_command_state ON agent_command (state);

CREATE TABLE area (
    id SERIAL NOT NULL,
    parent_id INTEGER,
    name VARCHAR(200) NOT NULL,
    CONSTRAINT pk_area PRIMARY KEY (id),
    CONSTRAINT uq_area_parent_id UNIQUE (parent_id, name),
    CONSTRAINT fk_area_parent_id FOREIGN KEY(parent_id) REFERENCES area (id)
);

CREATE TABLE audit (
    id SERIAL NOT NULL,
    at_ms BIGINT NOT NULL,
    caller VARCHAR(64) NOT NULL,
    kind VARCHAR(16) NOT NULL,
    role VARCHAR(16) NOT NULL,
    action VARCHAR(64) NOT NULL,
    subject VARCHAR(200) NOT NULL,
    detail TEXT NOT NULL,
    CONSTRAINT pk_audit PRIMARY KEY (id)
);

CREATE INDEX ix_audit_action ON audit (action);

CREATE INDEX ix_audit_at_ms ON audit (at_ms);

CREATE TABLE endpoint_state (
    endpoint VARCHAR(64) NOT NULL,
    disabled_ms BIGINT,
    ok_ms BIGINT,
    failed_ms BIGINT,
    error VARCHAR(200) NOT NULL,
    failing_ms BIGINT,
    delivered BIGINT DEFAULT '0' NOT NULL,
    given_up BIGINT DEFAULT '0' NOT NULL,
    CONSTRAINT pk_endpoint_state PRIMARY KEY (endpoint)
);

CREATE TABLE enrolment_code (
    id VARCHAR(16) NOT NULL,
    digest VARCHAR(64) NOT NULL,
    agent_id VARCHAR(64) NOT NULL,
    made_ms BIGINT NOT NULL,
    made_by VARCHAR(64) NOT NULL,
    expires_ms BIGINT NOT NULL,
    used_ms BIGINT,
    secret_digest VARCHAR(64),
    withdrawn_ms BIGINT,
    CONSTRAINT pk_enrolment_code PRIMARY KEY (id),
    CONSTRAINT uq_enrolment_code_digest UNIQUE (digest)
);

CREATE INDEX ix_enrolment_code_agent_id ON enrolment_code (agent_id);

CREATE TABLE incident (
    id VARCHAR(32) NOT NULL,
    school VARCHAR(64),
    kind VARCHAR(32) NOT NULL,
    start_ms BIGINT NOT NULL,
    end_ms BIGINT,
    resolved_ms BIGINT,
    number INTEGER NOT NULL,
    live BOOLEAN NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT pk_incident PRIMARY KEY (id)
);

CREATE INDEX ix_incident_live ON incident (live);

CREATE INDEX ix_incident_school ON incident (school);

CREATE INDEX ix_incident_start ON incident (start_ms, id);

CREATE TABLE incident_cursor (
    name VARCHAR(32) NOT NULL,
    position BIGINT NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT pk_incident_cursor PRIMARY KEY (name)
);

CREATE TABLE incident_first_seen (
    school VARCHAR(64) NOT NULL,
    at_ms BIGINT NOT NULL,
    CONSTRAINT pk_incident_first_seen PRIMARY KEY (school)
);

CREATE TABLE incident_school_state (
    school VARCHAR(64) NOT NULL,
    status VARCHAR(16) NOT NULL,
    body TEXT NOT NULL,
    CONSTRAINT pk_incident_school_state PRIMARY KEY (school)
);

CREATE TABLE maintenance (
    id VARCHAR(32) NOT NULL,
    from_ms BIGINT NOT NULL,
    to_ms BIGINT NOT NULL,
    reason VARCHAR(200) NOT NULL,
    school VARCHAR(64),
    provider VARCHAR(64),
    area VARCHAR(400),
    CONSTRAINT pk_maintenance PRIMARY KEY (id)
);

CREATE INDEX ix_maintenance_to_ms ON maintenance (to_ms);

CREATE TABLE outbox (
    seq SERIAL NOT NULL,
    id VARCHAR(64) NOT NULL,
    incident VARCHAR(32) NOT NULL,
    number INTEGER NOT NULL,
    endpoint VARCHAR(64) NOT NULL,
    created_ms BIGINT NOT NULL,
    body TEXT NOT NULL,
    state VARCHAR(16) NOT NULL,
    attempts INTEGER NOT NULL,
    next_ms BIGINT NOT NULL,
    last_ms BIGINT,
    last_status INTEGER,
    last_error VARCHAR(200) NOT NULL,
    CONSTRAINT pk_outbox PRIMARY KEY (seq),
    CONSTRAINT uq_outbox_incident UNIQUE (incident, number, endpoint),
    CONSTRAINT uq_outbox_id UNIQUE (id)
);

CREATE INDEX ix_outbox_state ON outbox (state, endpoint, incident, seq);

CREATE TABLE registry_change (
    id SERIAL NOT NULL,
    at_ms BIGINT NOT NULL,
    by VARCHAR(100) NOT NULL,
    school_id VARCHAR(64),
    kind VARCHAR(16) NOT NULL,
    subject VARCHAR(200) NOT NULL,
    action VARCHAR(16) NOT NULL,
    fields TEXT NOT NULL,
    CONSTRAINT pk_registry_change PRIMARY KEY (id)
);

CREATE INDEX ix_registry_change_at_ms ON registry_change (at_ms);

CREATE INDEX ix_registry_change_school ON registry_change (school_id, id);

CREATE TABLE registry_version (
    id SERIAL NOT NULL CONSTRAINT single CHECK (id = 1),
    version INTEGER NOT NULL,
    CONSTRAINT pk_registry_version PRIMARY KEY (id)
);

CREATE TABLE access_session (
    hash VARCHAR(64) NOT NULL,
    "user" VARCHAR(64) NOT NULL,
    created_ms BIGINT NOT NULL,
    seen_ms BIGINT NOT NULL,
    CONSTRAINT pk_access_session PRIMARY KEY (hash),
    CONSTRAINT fk_access_session_user FOREIGN KEY("user") REFERENCES access_user (name)
);

CREATE INDEX ix_access_session_user ON access_session ("user");

CREATE TABLE incident_note (
    id SERIAL NOT NULL,
    incident VARCHAR(32) NOT NULL,
    at_ms BIGINT NOT NULL,
    kind VARCHAR(16) NOT NULL,
    person VARCHAR(100) NOT NULL,
    text VARCHAR(2000) NOT NULL,
    CONSTRAINT pk_incident_note PRIMARY KEY (id),
    CONSTRAINT fk_incident_note_incident FOREIGN KEY(incident) REFERENCES incident (id)
);

CREATE INDEX ix_incident_note_incident ON incident_note (incident);

CREATE TABLE incident_transition (
    incident VARCHAR(32) NOT NULL,
    number INTEGER NOT NULL,
    change VARCHAR(16) NOT NULL,
    at_ms BIGINT NOT NULL,
    pages BOOLEAN NOT NULL,
    body TEXT NOT NULL,
    evidence TEXT NOT NULL,
    CONSTRAINT pk_incident_transition PRIMARY KEY (incident, number),
    CONSTRAINT fk_incident_transition_incident FOREIGN KEY(incident) REFERENCES incident (id)
);

CREATE TABLE school (
    id VARCHAR(64) NOT NULL,
    name VARCHAR(200) NOT NULL,
    level VARCHAR(32) NOT NULL,
    area_id INTEGER,
    lat FLOAT,
    lon FLOAT,
    closed_ms BIGINT,
    CONSTRAINT pk_school PRIMARY KEY (id),
    CONSTRAINT fk_school_area_id FOREIGN KEY(area_id) REFERENCES area (id)
);

CREATE TABLE agent (
    id VARCHAR(64) NOT NULL,
    school_id VARCHAR(64) NOT NULL,
    valid_from_ms BIGINT,
    role VARCHAR(16) DEFAULT 'gateway' NOT NULL CONSTRAINT role CHECK (role IN ('gateway', 'classroom')),
    name VARCHAR(200) DEFAULT '' NOT NULL,
    CONSTRAINT pk_agent PRIMARY KEY (id),
    CONSTRAINT fk_agent_school_id FOREIGN KEY(school_id) REFERENCES school (id) ON DELETE CASCADE
);

CREATE INDEX ix_agent_school_id ON agent (school_id);

CREATE UNIQUE INDEX uq_agent_gateway ON agent (school_id) WHERE role = 'gateway';

CREATE TABLE contact (
    school_id VARCHAR(64) NOT NULL,
    function VARCHAR(100) NOT NULL,
    phone VARCHAR(64) NOT NULL,
    email VARCHAR(254) NOT NULL,
    CONSTRAINT pk_contact PRIMARY KEY (school_id, function),
    CONSTRAINT fk_contact_school_id FOREIGN KEY(school_id) REFERENCES school (id) ON DELETE CASCADE
);

CREATE TABLE device (
    school_id VARCHAR(64) NOT NULL,
    device_id VARCHAR(128) NOT NULL,
    kind VARCHAR(32) NOT NULL,
    name VARCHAR(200) NOT NULL,
    model VARCHAR(200) NOT NULL,
    serial VARCHAR(200) NOT NULL,
    parent VARCHAR(128) NOT NULL,
    room VARCHAR(200) NOT NULL,
    bought_on DATE,
    warranty_until DATE,
    CONSTRAINT pk_device PRIMARY KEY (school_id, device_id),
    CONSTRAINT fk_device_school_id FOREIGN KEY(school_id) REFERENCES school (id) ON DELETE CASCADE
);

CREATE TABLE line (
    id SERIAL NOT NULL,
    school_id VARCHAR(64) NOT NULL,
    role VARCHAR(16) NOT NULL CONSTRAINT role CHECK (role IN ('primary', 'backup')),
    provider VARCHAR(64) NOT NULL,
    technology VARCHAR(32) NOT NULL,
    contracted_down_mbps FLOAT,
    contracted_up_mbps FLOAT,
    cost_per_month FLOAT,
    currency VARCHAR(3) DEFAULT '' NOT NULL,
    valid_from_ms BIGINT,
    valid_to_ms BIGINT,
    CONSTRAINT pk_line PRIMARY KEY (id),
    CONSTRAINT uq_line_period UNIQUE (school_id, role, valid_from_ms),
    CONSTRAINT fk_line_school_id FOREIGN KEY(school_id) REFERENCES school (id) ON DELETE CASCADE
);

CREATE INDEX ix_line_school_id ON line (school_id);

CREATE TABLE past_agent (
    id SERIAL NOT NULL,
    agent_id VARCHAR(64) NOT NULL,
    school_id VARCHAR(64) NOT NULL,
    valid_from_ms BIGINT,
    valid_to_ms BIGINT NOT NULL,
    CONSTRAINT pk_past_agent PRIMARY KEY (id),
    CONSTRAINT fk_past_agent_school_id FOREIGN KEY(school_id) REFERENCES school (id) ON DELETE CASCADE
);

CREATE INDEX ix_past_agent_agent_id ON past_agent (agent_id);

CREATE INDEX ix_past_agent_school_id ON past_agent (school_id);

CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY);

INSERT INTO alembic_version VALUES ('0002');
